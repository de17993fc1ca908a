"""The first ten minutes of a new tester, in a real browser against real processes."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import pages
from tests.processes import Service

pytestmark = pytest.mark.browser

SLOW_MS = 60_000


@pytest.fixture(params=pages.WIDTHS)
def newcomer(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(
        base_url=service.url(""),
        viewport=pages.size_of(request.param),
        timezone_id="Pacific/Auckland",
        locale="en-NZ",
    )
    yield context.new_page()
    context.close()


def test_newcomer_reads_a_first_brief_and_finds_its_mail(newcomer: Page, export: Path) -> None:
    page, email = newcomer, f"newcomer-{uuid4().hex[:8]}@example.org"
    register(page, email)
    make_mission(page)
    connect_strava(page)
    upload_export(page, export)
    read_brief(page)
    find_mail(page, email)


def register(page: Page, email: str) -> None:
    page.goto("/auth/register")
    expect(page.get_by_label("Time zone")).to_have_value("Pacific/Auckland")
    pages.register(page, email)


def make_mission(page: Page) -> None:
    start = date.today() + timedelta(days=60)  # noqa: DTZ011  any day that is still to come
    page.get_by_role("link", name="write it yourself").click()
    page.locator("[name=name]").fill("Ride round the lake")
    page.locator("[name=mission_type]").select_option("gran_fondo")
    page.locator("[name=event_start]").fill(start.isoformat())
    page.locator("[name=event_end]").fill(start.isoformat())
    expect(page.get_by_label("Time zone")).to_have_value("Pacific/Auckland")
    page.get_by_role("button", name="Save the mission").click()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/")
    expect(page.get_by_role("heading", name="Ride round the lake")).to_be_visible()


def connect_strava(page: Page) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Connect with Strava").click()
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/connections")
    expect(source(page, "Strava")).to_contain_text("rides here", timeout=SLOW_MS)


def upload_export(page: Page, export: Path) -> None:
    page.locator("input[type=file]").set_input_files(export)
    page.get_by_role("button", name="Upload the export").click()
    expect(source(page, "Apple Health")).to_contain_text("days imported", timeout=SLOW_MS)


def source(page: Page, name: str) -> Locator:
    """The row of the connections card that speaks of one source; it arrives without a reload."""
    return page.locator("#sources .source").filter(has_text=name)


def read_brief(page: Page) -> None:
    page.goto("/")
    page.evaluate("window.wasHereBefore = true")
    page.get_by_role("button", name="Get today’s brief").click()
    call = page.locator("#today .call")
    expect(call).to_contain_text(re.compile("^(Recover|Ease|Maintain|Push)"), timeout=SLOW_MS)
    expect(page.locator("#today")).to_contain_text("Strava")
    assert page.evaluate("window.wasHereBefore") is True


def find_mail(page: Page, email: str) -> None:
    pages.open_mail(page, "Lanterne Rouge Daily Brief – Ride round the lake", email)
    body = page.frame_locator("iframe")
    expect(body.get_by_text("Ride round the lake").first).to_be_visible()
