"""Connecting Oura in a real browser, its consent page on other origins than ours.

A browser holds the whole chain of redirects after a form against our policy: Oura's page sends on
to another host before anybody sees it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import sign_in
from tests.processes import Service, running

pytestmark = pytest.mark.browser


@contextmanager
def sending_on(to: str) -> Iterator[str]:
    """The origin of a server that redirects every request, its query with it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{to}?{self.path.partition('?')[2]}")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service") / "var")
    consent_page = service.url("/sandbox/oura/oauth/authorize")
    with (
        sending_on(consent_page) as identity_host,
        sending_on(f"{identity_host}/authorize") as consent_host,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("OURA_CONSENT_URL", f"{consent_host}/oauth/authorize")
        environment.setenv("OURA_CONSENT_HOSTS", identity_host)
        with running(service):
            yield service


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=service.url(""))
    yield context.new_page()
    context.close()


def test_form_leads_over_two_other_hosts_to_the_consent_page_and_back(page: Page) -> None:
    sign_in(page)
    page.goto("/connections")
    oura = page.get_by_role("listitem").filter(has_text="Oura")

    oura.get_by_role("button", name="Connect Oura").click()

    expect(page.get_by_text("You are at the stand-in for Oura")).to_be_visible()
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/connections**")
    expect(oura.get_by_text("Connected", exact=False)).to_be_visible()
    expect(oura.get_by_role("button", name="Connect Oura")).to_have_count(0)
