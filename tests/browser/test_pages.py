"""Every page of the seeded sandbox: accessible in both schemes, and no wider than a small phone."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.processes import Service

pytestmark = pytest.mark.browser

SMALL_PHONE: ViewportSize = {"width": 320, "height": 640}
FOR_VISITORS = (
    *("/", "/auth/login", "/auth/register", "/auth/confirm", "/auth/confirm/broken"),
    *("/auth/inactive", "/auth/password-reset", "/auth/password-reset/sent"),
    *("/auth/password-reset/done", "/auth/password-reset/1-broken", "/check-in/broken"),
    *("/sandbox/", "/sandbox/mailbox/"),
)
FOR_TESTERS = (
    *("/", "/check-in", "/connections", "/settings", "/missions/new", "MISSION", "RUN"),
    *("/missions/by-hand", "MISSION/delete"),
    *("/settings/sessions", "/settings/activity", "/settings/privacy", "/settings/delete"),
    *("/settings/password", "/settings/second-factor", "/settings/email", "/auth/logout"),
)
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture(scope="module", params=["light", "dark"])
def visitor(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(
        base_url=service.url(""), viewport=SMALL_PHONE, color_scheme=request.param
    )
    page = context.new_page()
    page.on("console", note)
    yield page
    context.close()


COMPLAINTS: list[str] = []


def note(message: ConsoleMessage) -> None:
    """What the browser says of a page's headers: something was refused, or not understood."""
    if message.type == "error" and "Policy" in message.text:
        COMPLAINTS.append(message.text)


@pytest.fixture(scope="module")
def tester(visitor: Page) -> Page:
    visitor.goto("/auth/login")
    visitor.get_by_label("E-mail").fill("tester@lanterne.local")
    visitor.get_by_label("Password").fill("lanterne-tester")
    visitor.get_by_role("button", name="Sign in").click()
    visitor.wait_for_url("**/")
    return visitor


def address(page: Page, path: str) -> str:
    """A path, or where Home links to the mission or the run."""
    name, _, rest = path.partition("/")
    folder = {"MISSION": "/missions/", "RUN": "/runs/"}.get(name)
    if folder is None:
        return path
    page.goto("/")
    others = ':not([href="/missions/new"]):not([href*="/workout."])'
    link = page.locator(f'a[href^="{folder}"]{others}').first
    if not rest:
        return link.get_attribute("href") or ""
    link.click()  # the link leads to the current one, and the page below it needs its number
    page.wait_for_url("**/missions/*-*")
    return f"{urlsplit(page.url).path}/{rest}"


@pytest.mark.parametrize("path", FOR_VISITORS)
def test_page_for_visitors_is_accessible_and_narrow(visitor: Page, path: str) -> None:
    check(visitor, path)


@pytest.mark.parametrize("path", FOR_TESTERS)
def test_page_for_testers_is_accessible_and_narrow(tester: Page, path: str) -> None:
    check(tester, address(tester, path))


@pytest.mark.parametrize("path", ["/api/docs", "/sandbox/mailbox/"])
def test_page_of_others_keeps_to_our_policy(visitor: Page, path: str) -> None:
    COMPLAINTS.clear()

    visitor.goto(path, wait_until="networkidle")

    assert COMPLAINTS == []


def check(page: Page, path: str) -> None:
    COMPLAINTS.clear()
    page.goto(path)
    assert COMPLAINTS == []
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate(WIDER_THAN_THE_WINDOW) is False


GAP_ABOVE = """last => {
  const seen = [...last.parentElement.children].filter((one) => one.getClientRects().length);
  const above = seen[seen.indexOf(last) - 1];
  return last.getBoundingClientRect().top - above.getBoundingClientRect().bottom;
}"""


@pytest.mark.parametrize("path", ["/auth/password?next=/settings", "/settings/email"])
def test_button_is_not_glued_to_what_is_above_it(tester: Page, path: str) -> None:
    tester.goto(path)

    assert tester.locator("main .form > .actions").last.evaluate(GAP_ABOVE) >= 20


def test_form_begins_at_the_top_of_its_card(tester: Page) -> None:
    tester.goto(address(tester, "MISSION"))

    margin = tester.locator(".form.card > fieldset").first.evaluate(
        "one => getComputedStyle(one).marginBlockStart"
    )

    assert margin == "0px"
