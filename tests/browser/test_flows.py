"""What people come to do, on a phone and on a desktop: one flow each, by what they read."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import DjangoDbBlocker

from accounts.models import User
from missions.models import Mission
from tests.browser import world
from tests.browser.pages import WIDTHS, is_narrow, open_mail, size_of
from tests.processes import Service

pytestmark = pytest.mark.browser

SLOW_MS = 60_000
PASSWORD = "correct horse battery"
BETTER = "a better horse in the rain"
SignedIn = Callable[[Callable[[User], object]], tuple[Page, User]]


@pytest.fixture(params=WIDTHS)
def context(
    request: pytest.FixtureRequest, browser: Browser, service: Service
) -> Iterator[BrowserContext]:
    size = size_of(request.param)
    context = browser.new_context(
        base_url=service.url(""), viewport=size, locale="en-GB", service_workers="block"
    )
    yield context
    context.close()


@pytest.fixture
def signed_in(
    request: pytest.FixtureRequest,
    context: BrowserContext,
    service: Service,
    django_db_blocker: DjangoDbBlocker,
) -> SignedIn:
    """Somebody of the test's own, given what the test says; their page, signed in."""

    def sign_in(give: Callable[[User], object]) -> tuple[Page, User]:
        def make() -> tuple[User, str]:
            user = world.person(re.sub(r"\W+", "-", request.node.name).strip("-"))
            give(user)
            return user, world.session_of(user)

        with django_db_blocker.unblock():
            user, session = world.in_service(service, make)
        world.become(context, service, world.Person(session))
        return context.new_page(), user

    return sign_in


def nothing(_: User) -> None:
    return


def test_connects_strava_and_oura_through_their_consent_pages(signed_in: SignedIn) -> None:
    page, _ = signed_in(nothing)
    for source in ("Strava", "Oura"):
        page.goto("/connections")
        row = page.locator("#sources .source").filter(has_text=source)
        page.get_by_role("button", name=re.compile(f"^Connect (with )?{source}")).click()
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url("**/connections**")

        expect(row).to_contain_text("Last read", timeout=SLOW_MS)
        expect(row.get_by_role("button", name=re.compile("^Connect"))).to_have_count(0)
    assert is_narrow(page)


def test_gets_a_brief_now_and_says_how_it_feels(signed_in: SignedIn) -> None:
    page, _ = signed_in(world.mission)
    page.goto("/")

    page.get_by_role("button", name="Get today’s brief").click()
    call = page.locator("#today .call")
    expect(call).to_have_text(re.compile("Recover|Ease|Maintain|Push"), timeout=SLOW_MS)

    form = page.locator("#check-in")
    form.get_by_text("Okay", exact=True).click()
    form.get_by_role("button", name="Tell the coach").click()
    expect(form).to_contain_text("Okay")
    assert is_narrow(page)


def test_says_how_a_stage_was_really_ridden(signed_in: SignedIn) -> None:
    page, _ = signed_in(lambda user: world.event(user, begun_days_ago=2))
    page.goto("/missions/current")
    stage = page.locator(".stages > li").first
    expect(stage).to_contain_text("GC")

    stage.get_by_role("link", name="Counted wrong?").click()
    page.get_by_label("breakaway").check()
    page.get_by_label("Why").fill("I was ahead of the bunch from the first climb on.")
    page.get_by_role("button", name="Count it so").click()

    expect(page.get_by_text("Stage 1 counts as breakaway now.")).to_be_visible()
    expect(stage).to_contain_text("breakaway")


def test_changes_units_and_the_hour_of_the_brief(signed_in: SignedIn) -> None:
    page, _ = signed_in(nothing)
    page.goto("/settings")
    page.locator("select[name=units]").select_option("imperial")
    page.locator("[name=send_time]").fill("05:15")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.reload()
    expect(page.locator("select[name=units]")).to_have_value("imperial")
    expect(page.locator("[name=send_time]")).to_have_value("05:15")


def test_forgotten_password_is_replaced_by_mail(
    context: BrowserContext, signed_in: SignedIn
) -> None:
    _, user = signed_in(nothing)
    context.clear_cookies()
    page = context.new_page()
    page.goto("/auth/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()

    open_mail(page, re.compile("password"), user.email)
    page.get_by_role("link", name="/auth/password-reset/").click()
    page.get_by_label("New password").fill(BETTER)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()

    context.clear_cookies()
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(BETTER)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_operator_has_a_failed_morning_made_again(
    context: BrowserContext, signed_in: SignedIn
) -> None:
    tester, user = signed_in(fail)
    tester.goto("/")
    expect(tester.locator("#today")).to_contain_text("No guidance")
    context.clear_cookies()
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("E-mail").fill("admin@lanterne.local")
    page.get_by_label("Password").fill("lanterne-admin")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")

    page.goto(f"/admin/coach/missionrun/?q={user.email}")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option(label="Run again")
    page.get_by_role("button", name="Run the selected action").or_(
        page.get_by_role("button", name="Go")
    ).first.click()

    expect(page.get_by_text("1 of 1 chosen run again.")).to_be_visible()
    page.goto("/sandbox/mailbox/")
    open_mail(page, re.compile("Lanterne Rouge Daily Brief"), user.email)


def fail(user: User) -> Mission:
    mission = world.mission(user)
    world.failed_run(mission)
    return mission
