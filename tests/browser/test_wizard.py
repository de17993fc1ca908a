"""From a first question to training, in a real browser: on a phone with and without scripts."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import pages
from tests.browser.pages import DESKTOP, PHONE
from tests.processes import Service

pytestmark = pytest.mark.browser

SLOW_MS = 60_000
START = date.today() + timedelta(days=60)  # noqa: DTZ011  any day that is still to come
END = START + timedelta(days=4)
WEEK = (60, 0, 90, 60, 0, 180, 150)
STEPS = (
    *("name", "days", "kind", "style", "hours"),
    *("week", "days-off", "ftp", "restrictions", "mornings"),
)


@pytest.mark.parametrize("has_scripts", [True, False])
def test_phone_goes_from_survey_to_training(
    browser: Browser, service: Service, has_scripts: bool
) -> None:
    context = browser.new_context(
        base_url=service.url(""), viewport=PHONE, java_script_enabled=has_scripts
    )
    page = context.new_page()
    pages.register(page, f"scripts-{has_scripts}@example.org".lower(), "Europe/Paris")
    answer_one_by_one(page)
    page.get_by_role("button", name="Draft my mission").click()
    review_and_confirm(page)
    page.get_by_role("button", name="Start training").first.click()
    page.wait_for_url("**/")
    expect(page.get_by_role("heading", name="My own Ronde")).to_be_visible()
    context.close()


def answer_one_by_one(page: Page) -> None:
    expect(page.locator("[name=event_start]")).to_be_hidden()
    page.get_by_label("Name of the event").fill("Ronde van de Canary")
    go_on(page, "When is it?")
    expect(page.locator("[name=event_name]")).to_be_hidden()
    page.get_by_label("First day").fill(START.isoformat())
    page.get_by_label("Last day").fill((START - timedelta(days=1)).isoformat())
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("The last day of the event is before the first.")).to_be_visible()
    page.get_by_label("Last day").fill(END.isoformat())
    go_on(page, "What kind of event is it?")
    page.get_by_label("Road stage race").check()
    go_on(page, "How do you want to ride it?")
    page.get_by_label("For the breakaways").check()
    go_on(page, "How many hours a week can you ride?")
    page.get_by_label("At least (h)").fill("4")
    page.get_by_label("At most (h)").fill("9")
    go_on(page, "How long on each day?")
    fill_week(page)
    go_on(page, "Any days without riding?")
    page.get_by_label("Dates").fill((START - timedelta(days=20)).isoformat())
    go_on(page, "What is your FTP?")
    page.get_by_label("I do not know it").check()
    go_on(page, "What must the coach respect?")
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("I do not know it")).to_be_checked()
    go_on(page, "What must the coach respect?")
    page.get_by_label("Injuries and other restrictions").fill("The left knee hurts.")
    go_on(page, "How do you want your brief?")
    expect(page.get_by_text("Question 10 of 10")).to_be_visible()


def go_on(page: Page, heading: str) -> None:
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name=heading)).to_be_focused()


def fill_week(page: Page) -> None:
    for day, minutes in enumerate(WEEK):
        page.locator(f"[name=weekday_minutes_{day}]").fill(str(minutes))


def review_and_confirm(page: Page) -> None:
    confirm = page.get_by_role("button", name="Confirm the mission")
    expect(confirm).to_be_visible(timeout=SLOW_MS)
    page.get_by_label("Name", exact=True).fill("My own Ronde")
    page.locator("[name=min_readiness]").fill("200")
    confirm.click()
    expect(page.get_by_text("Make it at most 100.")).to_be_visible()
    page.locator("[name=min_readiness]").fill("80")
    page.locator("[name=type_0]").select_option("itt")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Draft saved.")).to_be_visible()
    expect(page.locator("[name=type_0]")).to_have_value("itt")
    confirm.click()
    expect(page.get_by_role("heading", name="My own Ronde")).to_be_visible()


# --- every page and state ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def desktop(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=service.url(""), viewport=DESKTOP)
    page = context.new_page()
    pages.sign_in(page)
    yield page
    context.close()


def ask(page: Page) -> None:
    """The whole survey on one page, as on a desktop; asked about, it leads to its draft."""
    page.set_viewport_size(DESKTOP)
    page.goto("/missions/new")
    page.get_by_label("Name of the event").fill("Ronde van de Canary")
    page.get_by_label("First day").fill(START.isoformat())
    page.get_by_label("Last day").fill(END.isoformat())
    page.get_by_label("Road stage race").check()
    page.get_by_label("Steady").check()
    page.get_by_label("At least (h)").fill("4")
    page.get_by_label("At most (h)").fill("9")
    fill_week(page)
    page.get_by_role("button", name="Draft my mission").click()
    expect(page.get_by_role("button", name="Confirm the mission")).to_be_visible(timeout=SLOW_MS)


def faults(page: Page) -> list[str]:
    """What axe has to say on a phone and a desktop, and if the page is wider than a small phone."""
    found = []
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        found += pages.faults(page)
    return found if pages.is_narrow(page) else [*found, "wider than the window"]


def test_survey_is_accessible_and_narrow(desktop: Page) -> None:
    page, found = desktop, dict[str, list[str]]()
    page.goto("/missions/new")
    found["new"] = faults(page)
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Please answer this.").first).to_be_visible()
    found["unanswered"] = faults(page)
    page.set_viewport_size(PHONE)
    page.get_by_label("Name of the event").fill("Ronde van de Canary")
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/days")
    for slug in STEPS:
        page.goto(page.url.rsplit("/", 1)[0] + f"/{slug}")
        found[slug] = faults(page)
    page.goto(page.url.rsplit("/", 1)[0] + "/discard")
    found["discard"] = faults(page)

    assert {name: words for name, words in found.items() if words} == {}


def test_draft_is_accessible_and_narrow_in_every_state(desktop: Page, service: Service) -> None:
    page, found = desktop, dict[str, list[str]]()
    ask(page)
    found["review"] = faults(page)
    page.set_viewport_size(DESKTOP)
    page.get_by_label("Name", exact=True).fill("")
    page.locator("[name=points_0]").fill("0")
    page.locator("[name=target_ctl]").fill("0")
    page.get_by_role("button", name="Confirm the mission").click()
    expect(page.get_by_text("Fill this in.")).to_be_visible()
    found["refused"] = faults(page)
    # Held by a worker that never comes back, so that nothing changes while it is looked at.
    states: dict[str, dict[str, str]] = {
        "waiting": {"outcome": "under_way", "lease_until": "2099-01-01 00:00:00"},
        "failed": {"outcome": "failed", "failure": "quota"},
        "kept": {"outcome": "drafted", "failure": "timeout"},
    }
    for state, values in states.items():
        pages.put(service, number_of(page), **values)
        page.reload()
        found[state] = faults(page)
    page.goto("/missions/new")
    expect(page.get_by_text("Go on where you stopped")).to_be_visible()
    found["listed"] = faults(page)

    assert {name: words for name, words in found.items() if words} == {}


def number_of(page: Page) -> str:
    """The number of the draft that is shown."""
    return page.url.split("/missions/drafts/")[1].split("/")[0]


# --- what scripts add --------------------------------------------------------------------------


def test_answers_are_kept_as_they_are_given(desktop: Page) -> None:
    page = desktop
    page.set_viewport_size(DESKTOP)
    page.goto("/missions/new")

    page.get_by_label("Name of the event").fill("Kept without a button")
    page.get_by_label("At most (h)").fill("9")
    expect(page.locator("#kept")).to_have_text("Kept.")
    page.wait_for_url("**/missions/drafts/*/name")
    page.get_by_label("FTP (W)").fill("7")
    page.get_by_label("Dates").focus()
    expect(page.locator("#kept")).to_have_text(
        "Kept, all but: FTP (W). Look at it before you go on."
    )
    page.reload()

    expect(page.get_by_label("Name of the event")).to_have_value("Kept without a button")


def test_answer_typed_just_before_a_link_is_clicked_is_kept(desktop: Page) -> None:
    page = desktop
    page.goto("/missions/new")
    page.get_by_label("Name of the event").fill("Left at once")
    page.get_by_role("link", name="write it yourself").click()
    page.wait_for_url("**/missions/by-hand")

    kept = page.get_by_role("link", name="Left at once", exact=True)
    for _ in range(20):
        page.goto("/missions/new")
        if kept.count():
            break
        page.wait_for_timeout(100)
    expect(kept).to_be_visible()


def test_answer_typed_just_before_going_back_to_the_draft_is_kept(desktop: Page) -> None:
    page = desktop
    ask(page)
    page.get_by_role("button", name="Change my answers").click()
    page.get_by_label("Name of the event").fill("Ronde, once more")
    page.get_by_role("button", name="Back to the draft").click()

    expect(page.get_by_role("heading", name="Ronde, once more")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ronde, once more")


def test_enter_keeps_on_a_desktop_and_goes_on_on_a_phone(desktop: Page) -> None:
    page = desktop
    page.set_viewport_size(DESKTOP)
    page.goto("/missions/new")
    page.get_by_label("Name of the event").fill("Entered")
    page.get_by_label("At most (h)").fill("9")
    page.get_by_label("At most (h)").press("Enter")
    expect(page.locator("#kept")).to_have_text("Kept.")
    expect(page.get_by_label("At most (h)")).to_be_focused()

    page.set_viewport_size(PHONE)
    page.get_by_label("Name of the event").press("Enter")
    expect(page.get_by_role("heading", name="When is it?")).to_be_focused()
