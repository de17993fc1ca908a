"""Home, left open: what happens elsewhere appears; nothing is asked while nothing waits."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.browser.pages import sign_in
from tests.processes import Service

pytestmark = pytest.mark.browser

NO_BRIEF = "There is no brief for today yet."
LONG_AGO = 400


@pytest.fixture
def context(browser: Browser, service: Service) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=service.url(""), viewport={"width": 390, "height": 844}, reduced_motion="reduce"
    )
    sign_in(context.new_page())
    yield context
    context.close()


@pytest.fixture
def home(context: BrowserContext) -> Page:
    """Home with a clock that the test holds in its hand."""
    page = context.new_page()
    page.clock.install()
    return page


@pytest.fixture
def looks(home: Page) -> list[Request]:
    """Every question the page asks after it was opened."""
    asked: list[Request] = []
    home.on("request", lambda request: asked.append(request) if "/look?" in request.url else None)
    return asked


def execute(service: Service, statement: str, *values: object) -> None:
    with sqlite3.connect(service.folder / "lanterne.sqlite3", timeout=20) as link:
        link.execute(statement, values)
    link.close()


def move_runs(service: Service, days: int) -> None:
    """Into the past, so that today has none, or back again."""
    execute(service, "UPDATE coach_missionrun SET local_date = date(local_date, ?)", f"{days} days")


@pytest.fixture
def hidden_run(service: Service) -> Iterator[None]:
    """Today's run is not there yet; it is put back as its morning would have made it."""
    move_runs(service, -LONG_AGO)
    yield
    execute(
        service,
        "UPDATE coach_missionrun SET local_date = date(local_date, ?) WHERE local_date < ?",
        f"{LONG_AGO} days",
        f"{datetime.now(UTC) - timedelta(days=LONG_AGO // 2):%Y-%m-%d}",
    )


def due_in(service: Service, minutes: int) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    execute(service, "UPDATE missions_mission SET next_run_at = ?", f"{moment:%Y-%m-%d %H:%M:%S}")


@pytest.mark.usefixtures("hidden_run")
def test_run_of_the_schedule_appears_at_its_minute_and_what_is_typed_stays(
    home: Page, looks: list[Request], service: Service
) -> None:
    due_in(service, minutes=30)
    home.goto("/")
    expect(home.locator("#today")).to_contain_text(NO_BRIEF)
    home.get_by_text("Time, illness, pain, a note").click()
    home.get_by_label("Note").fill("Slept in a tent")
    move_runs(service, LONG_AGO)

    with home.expect_response("**/look?*"):
        home.clock.fast_forward(30 * 60_000 + 2_000)

    expect(home.locator("#today .call")).to_be_visible()
    expect(home.locator("#status")).to_contain_text("min")
    expect(home.get_by_label("Note")).to_have_value("Slept in a tent")
    expect(home.get_by_label("Note")).to_be_focused()


@pytest.mark.usefixtures("hidden_run")
def test_run_asked_for_in_another_browser_appears_within_a_minute(
    home: Page, looks: list[Request], service: Service
) -> None:
    due_in(service, minutes=600)
    home.goto("/")
    expect(home.locator("#today")).to_contain_text(NO_BRIEF)
    home.clock.fast_forward(30_000)
    assert looks == []
    move_runs(service, LONG_AGO)

    with home.expect_response("**/look?*"):
        home.clock.fast_forward(31_000)

    expect(home.locator("#today .call")).to_be_visible()


def test_home_with_todays_brief_asks_nothing_by_the_clock_and_once_on_coming_back(
    home: Page, looks: list[Request], service: Service
) -> None:
    due_in(service, minutes=24 * 60)
    home.goto("/")
    expect(home.locator("#today .call")).to_be_visible()

    home.clock.fast_forward(10 * 60 * 60_000)
    assert looks == []
    with home.expect_response("**/look?*") as answer:
        home.evaluate("window.dispatchEvent(new Event('focus'))")

    assert answer.value.status == 204
    assert len(looks) == 1


def test_source_that_broke_meanwhile_is_told_on_coming_back(home: Page, service: Service) -> None:
    due_in(service, minutes=24 * 60)
    home.goto("/")
    strava = home.locator("#sources li").filter(has_text="Strava")
    expect(strava).not_to_contain_text("could not be reached")
    execute(
        service,
        "UPDATE connections_connection SET last_error = ? WHERE provider = 'strava'",
        "Strava could not be reached.",
    )

    home.evaluate("window.dispatchEvent(new Event('focus'))")

    expect(strava).to_contain_text("Strava could not be reached. We keep trying by ourselves.")
    expect(home.locator("#status")).to_be_empty()
    execute(service, "UPDATE connections_connection SET last_error = ''")


def test_what_one_tab_says_appears_in_the_other_and_spares_what_is_typed_there(
    context: BrowserContext, service: Service
) -> None:
    due_in(service, minutes=24 * 60)
    one, other = context.pages[0], context.new_page()
    one.goto("/")
    other.goto("/")
    expect(other.locator("#today .call")).to_be_visible()
    other.get_by_text("Tell the coach afterwards").click()
    other.get_by_label("Did it").check()

    one.get_by_text("Okay", exact=True).click()
    one.get_by_role("button", name="Tell the coach", exact=True).click()

    expect(one.locator("#check-in")).to_contain_text("Okay.")
    expect(other.locator("#check-in")).to_contain_text("You said this morning")
    expect(other.get_by_label("Did it")).to_be_checked()


def test_page_left_behind_follows_when_the_mission_is_another(home: Page, service: Service) -> None:
    home.goto("/")
    expect(home.locator("#today")).to_be_visible()
    execute(service, "UPDATE missions_mission SET state = 'MISSION_COMPLETE'")

    home.clock.fast_forward(5_000)
    home.evaluate("window.dispatchEvent(new Event('focus'))")

    expect(home.locator("#hero [aria-current]")).to_have_text("Complete")
    execute(service, "UPDATE missions_mission SET state = 'TRAINING'")
