"""A large export on its way up: how far it is, and stopped by its tester."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import Service

pytestmark = pytest.mark.browser

SLOW_MS = 60_000
MEGABYTES = 40
BYTES_PER_S = 2_000_000


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=service.url(""))
    page = context.new_page()
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill("tester@lanterne.local")
    page.get_by_label("Password").fill("lanterne-tester")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    yield page
    context.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.xml"
    path.write_bytes(b"<HealthData>\n".ljust(MEGABYTES * 1_000_000))
    return path


def test_upload_tells_how_far_it_is_and_can_be_stopped(
    page: Page, service: Service, large: Path
) -> None:
    page.goto("/connections")
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": BYTES_PER_S})

    page.locator("input[type=file]").set_input_files(large)
    page.get_by_role("button", name="Upload the export").click()
    sending = page.get_by_text(re.compile(r"^Sending: \d+\.\d of 40\.0 MB$"))
    expect(sending.first).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("status").filter(has_text="Sending")).to_have_count(1)
    page.get_by_role("button", name="Stop sending").click()

    expect(page.get_by_text("Stopped. Nothing of the file was kept.")).to_be_visible()
    expect(page.get_by_role("button", name="Upload the export")).to_be_enabled()
    service.wait_until(lambda: list((service.folder / "uploads").glob("*")) == [])
    page.reload()
    expect(page.get_by_text("large.xml")).to_have_count(0)
