"""A morning that waits, was missed or cannot be reached: what Home says and what can be done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.pages import check, lose_mail, put_run, sign_in
from tests.processes import Service

pytestmark = pytest.mark.browser

AWAY = "We cannot reach our records right now. Wait half a minute, then try again."


@pytest.fixture
def phone(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=service.url(""), viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page)
    yield page
    context.close()


def at(hours: float) -> str:
    """So many hours from now, as the database has it."""
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"


def unfinished(**values: Any) -> dict[str, Any]:
    """The columns of a run of the schedule that nobody has begun."""
    return {
        "trigger": "schedule",
        "outcome": "due",
        "asked": 9,  # whatever was asked before is no answer to this
        "start_at": at(1),
        "publish_at": at(1),
        "give_up_at": at(9),
        "finished_at": None,
        "situation": None,
        "decision": None,
        "summary": "",
        "attempts": 0,
        "published": 0,
        "setbacks": 0,
        **values,
    }


def test_who_waits_for_the_night_can_have_the_brief_now(phone: Page, service: Service) -> None:
    put_run(service, **unfinished(wait_until=at(2)))
    phone.goto("/")
    today = phone.locator("#today")
    expect(today).to_contain_text("Waiting for last night’s sleep.")
    check(phone)

    phone.get_by_role("button", name="Get it now, without it").press("Enter")

    expect(today).to_be_focused()
    expect(today.locator(".call")).to_be_visible(timeout=30_000)
    expect(phone.locator("#status")).to_contain_text("min")


def test_missed_morning_can_still_have_its_brief(phone: Page, service: Service) -> None:
    put_run(service, **unfinished(outcome="missed", finished_at=at(0), summary="No brief"))
    phone.goto("/")
    today = phone.locator("#today")
    expect(today).to_contain_text("We were not able to make this morning’s brief in time")
    check(phone)
    today.get_by_role("link", name="See what happened").click()
    expect(phone.get_by_text("Missed. It was due on")).to_be_visible()
    check(phone)

    phone.get_by_role("button", name="Get today’s brief").press("Enter")

    expect(phone.locator("#today .call")).not_to_have_text("No brief", timeout=30_000)


def test_run_that_is_tried_again_says_so(phone: Page, service: Service) -> None:
    put_run(service, **unfinished(setbacks=2))
    phone.goto("/")

    expect(phone.locator("#today")).to_contain_text("Your brief takes longer today.")
    expect(phone.locator("#today form")).to_have_count(0)
    check(phone)


def test_button_says_when_our_records_are_away(phone: Page, service: Service) -> None:
    def away(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=503, headers={"Retry-After": "30"}, body="away")
        else:
            route.continue_()

    put_run(service, **unfinished(wait_until=at(2)))
    phone.goto("/")
    phone.route("**/missions/**", away)

    phone.get_by_role("button", name="Get it now, without it").click()

    expect(phone.locator("#refused")).to_have_text(AWAY)
    expect(phone.locator("#today")).to_contain_text("Waiting for last night’s sleep.")


def test_brief_that_could_not_be_delivered_is_told_however_long_the_address(
    phone: Page, service: Service
) -> None:
    lose_mail(service, f"{'very-' * 12}long@example.org")
    phone.set_viewport_size({"width": 320, "height": 700})
    phone.goto("/")

    expect(phone.get_by_text("Your brief could not be delivered to very-")).to_be_visible()
    check(phone)
