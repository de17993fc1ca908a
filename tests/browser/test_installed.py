"""The installed app offline: the last brief of whoever is signed in, and of nobody else."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import sign_in
from tests.processes import Service

pytestmark = pytest.mark.browser

IS_KEPT = "caches.match('/offline/brief').then((kept) => Boolean(kept))"
# Our policy lets no page evaluate text, so the waiting is done by the test's own function.
UNTIL = """async (is_kept) => {
  const holds = async () =>
    Boolean(await caches.match('/offline/brief')) === is_kept
    && (!is_kept || navigator.serviceWorker.controller !== null);
  while (!(await holds())) await new Promise((done) => setTimeout(done, 50));
}"""
NAMES = "caches.keys().then((names) => names.map((name) => name.split('-')[0]).sort())"


@pytest.fixture
def phone(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(
        base_url=service.url(""), viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    page = context.new_page()
    sign_in(page)
    page.evaluate(UNTIL, True)
    yield page
    context.close()


def check(page: Page) -> None:
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth > window.innerWidth") is False


def test_home_offline_is_the_last_brief_and_other_pages_say_so(phone: Page) -> None:
    call = phone.locator("#today .call").inner_text()
    phone.context.set_offline(True)

    phone.goto("/")
    expect(phone.get_by_text("There is no connection, so this is the last brief")).to_be_visible()
    expect(phone.locator(".call")).to_have_text(call, use_inner_text=True)
    assert phone.locator("form, a[href^='/runs/']").count() == 0
    check(phone)
    phone.goto("/settings")
    expect(phone.get_by_role("heading", name="You are offline")).to_be_visible()
    check(phone)

    phone.context.set_offline(False)
    expect(phone.get_by_role("heading", name="Settings")).to_be_visible()


def test_signing_out_takes_the_brief_along(phone: Page) -> None:
    assert phone.evaluate(NAMES) == ["brief", "shell"]
    phone.get_by_role("button", name="Sign out").click()
    phone.get_by_role("link", name="Sign in").first.wait_for()

    assert phone.evaluate(IS_KEPT) is False
    phone.context.set_offline(True)
    phone.goto("/")
    expect(phone.get_by_role("heading", name="You are offline")).to_be_visible()


def test_another_account_on_the_same_browser_never_sees_it(phone: Page) -> None:
    # The session ends without a word to the browser, as when it was ended elsewhere.
    phone.context.clear_cookies()
    phone.goto("/auth/login")
    phone.evaluate(UNTIL, False)

    phone.context.set_offline(True)
    phone.goto("/")
    expect(phone.get_by_role("heading", name="You are offline")).to_be_visible()


def test_nothing_of_a_person_is_kept_besides_the_brief(phone: Page) -> None:
    for path in ("/settings", "/connections", "/missions/current"):
        phone.goto(path)

    kept = phone.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
             (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)
           ))).flat().sort()"""
    )

    assert [path for path in kept if not path.startswith("/static/")] == [
        "/offline",
        "/offline/brief",
    ]
