"""The main flows by forms alone; the wizard's are with the wizard's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.pages import put_run, sign_in
from tests.processes import Service

pytestmark = pytest.mark.browser

TRIES = 40


@pytest.fixture
def plain(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(
        base_url=service.url(""),
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
    )
    page = context.new_page()
    sign_in(page)
    yield page
    context.close()


def look_again_until(page: Page, there: Locator, again: str) -> None:
    """As somebody does who follows the page's own link to see whether it is there."""
    for _ in range(TRIES):
        if there.count():
            return
        page.wait_for_timeout(500)
        link = page.get_by_role("link", name=again)
        if link.count():
            link.click()
        else:
            page.reload()
    expect(there).to_have_count(1)


def test_feedback_is_kept_on_the_run_page(plain: Page) -> None:
    plain.goto("/")
    look_again_until(plain, plain.locator("#today[data-outcome=decided]"), "Reload")
    plain.get_by_text("Tell the coach afterwards").click()
    plain.get_by_label("Changed it").check()
    plain.locator("#feedback").get_by_role("button").click()

    expect(plain.locator("#feedback")).to_contain_text("You said:")


def test_missed_brief_is_asked_for_and_read(plain: Page, service: Service) -> None:
    put_run(service, outcome="missed", asked=9, situation=None, decision=None, summary="No brief")
    plain.goto("/")
    plain.get_by_role("button", name="Get today’s brief").click()

    look_again_until(plain, plain.locator("#today[data-outcome=decided]"), "Reload")

    expect(plain.locator("#today .call")).not_to_have_text("No brief")
    plain.get_by_role("link", name="View full recommendation").click()
    expect(plain.get_by_role("heading", name="The numbers that went in")).to_be_visible()


def test_check_in_is_told(plain: Page) -> None:
    plain.goto("/check-in")
    plain.get_by_label("Great").check(force=True)
    plain.get_by_role("button", name="Tell the coach", exact=True).click()

    expect(plain.locator("#check-in")).to_contain_text("You said this morning")
    look_again_until(plain, plain.locator("#today[data-outcome=decided]"), "Reload")


def test_source_is_read_when_its_button_is_pressed(plain: Page) -> None:
    plain.goto("/connections")
    button = plain.get_by_role("button", name="Sync now with Strava")
    look_again_until(plain, button, again="Look again")
    button.click()

    expect(plain.get_by_text("Strava is being read.")).to_be_visible()
    look_again_until(plain, button, again="Look again")


def test_source_is_left_and_connected_again(plain: Page) -> None:
    plain.goto("/connections")
    plain.locator("#leaving-strava").click()
    plain.get_by_role("button", name="Disconnect Strava now").click()
    expect(plain.get_by_text("Strava is disconnected.")).to_be_visible()

    plain.get_by_role("button", name="Connect with Strava").click()
    plain.get_by_role("button", name="Authorize").click()

    plain.wait_for_url("**/connections**")
    look_again_until(
        plain, plain.get_by_role("button", name="Sync now with Strava"), again="Look again"
    )


def test_export_is_uploaded_and_read(plain: Page, export: Path) -> None:
    plain.goto("/connections")
    plain.locator("#apple-health input[type=file]").set_input_files(export)
    plain.get_by_role("button", name="Upload the export").click()

    done = plain.locator("#apple-health").get_by_text("Last import")
    for _ in range(TRIES):
        if done.count():
            break
        plain.wait_for_timeout(500)
        plain.reload()

    expect(done).to_be_visible()


def test_settings_are_saved(plain: Page) -> None:
    plain.goto("/settings")
    plain.locator("[name=units]").select_option("imperial")
    plain.get_by_role("button", name="Save").first.click()

    expect(plain.get_by_role("status").first).to_contain_text("Saved")
    plain.locator("[name=units]").select_option("metric")
    plain.get_by_role("button", name="Save").first.click()
    expect(plain.locator("[name=units]")).to_have_value("metric")
