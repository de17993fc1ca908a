"""Every page in every state: accessible in both schemes, and no wider than a small phone."""

from collections.abc import Iterator

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, ConsoleMessage, Page, Route
from pytest_django import DjangoDbBlocker

from accounts import throttle
from tests.browser import world
from tests.browser.pages import SMALL_PHONE, WIDER_THAN_THE_WINDOW, check, faults
from tests.browser.places import PLACES, Place
from tests.browser.world import Person
from tests.processes import Service

pytestmark = pytest.mark.browser

COMPLAINTS: list[str] = []


def note(message: ConsoleMessage) -> None:
    """What the browser says of a page's headers: something was refused, or not understood."""
    if message.type == "error" and "Policy" in message.text:
        COMPLAINTS.append(message.text)


@pytest.fixture(scope="module")
def people(service: Service, django_db_blocker: DjangoDbBlocker) -> dict[str, Person]:
    with django_db_blocker.unblock():
        return world.people(service)


@pytest.fixture(scope="module")
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """One page for all of them: whoever is signed in changes with the cookie."""
    # Its worker would ask for a page that is put there by the test.
    context = browser.new_context(
        base_url=service.url(""), viewport=SMALL_PHONE, service_workers="block"
    )
    page = context.new_page()
    page.on("console", note)
    yield page
    context.close()


# Django's own pickers have help icons whose name no role of theirs allows, and its front page is
# wider than a small phone: these two are only in the pictures.
HELD_TO_IT = [place for place in PLACES if place.name not in {"console", "console-tester"}]


def see(page: Page, service: Service, place: Place, people: dict[str, Person]) -> None:
    world.become(page.context, service, people.get(place.as_who))
    COMPLAINTS.clear()
    page.goto(place.address(people))


@pytest.mark.parametrize("place", HELD_TO_IT, ids=lambda place: place.name)
def test_page_is_accessible_and_narrow(
    page: Page, service: Service, people: dict[str, Person], place: Place
) -> None:
    see(page, service, place, people)

    assert COMPLAINTS == []
    assert faults(page) == []
    assert page.evaluate(WIDER_THAN_THE_WINDOW) is False


@pytest.mark.parametrize("name", ["403", "403_csrf", "404", "429", "500", "503"])
def test_page_of_an_error_is_accessible_and_narrow(page: Page, name: str) -> None:
    """A developer's machine shows its own pages in their place, so ours are put there."""

    told = {"wait": "5 minutes", "words": throttle.WORDS["run"]}

    def answer(route: Route) -> None:
        route.fulfill(body=render_to_string(f"{name}.html", told), content_type="text/html")

    page.route("**/broken-on-purpose", answer)
    page.goto("/broken-on-purpose")
    page.unroute("**/broken-on-purpose")

    check(page)


@pytest.mark.parametrize("path", ["/api/docs", "/sandbox/mailbox/"])
def test_page_of_others_keeps_to_our_policy(page: Page, path: str) -> None:
    COMPLAINTS.clear()

    page.goto(path, wait_until="networkidle")

    assert COMPLAINTS == []


GAP_ABOVE = """last => {
  const seen = [...last.parentElement.children].filter((one) => one.getClientRects().length);
  const above = seen[seen.indexOf(last) - 1];
  return last.getBoundingClientRect().top - above.getBoundingClientRect().bottom;
}"""


@pytest.mark.parametrize("path", ["/auth/password?next=/settings", "/settings/email"])
def test_button_is_not_glued_to_what_is_above_it(
    page: Page, service: Service, people: dict[str, Person], path: str
) -> None:
    world.become(page.context, service, people["seeded"])
    page.goto(path)

    assert page.locator("main .form > .actions").last.evaluate(GAP_ABOVE) >= 20


def test_form_begins_at_the_top_of_its_card(
    page: Page, service: Service, people: dict[str, Person]
) -> None:
    world.become(page.context, service, people["seeded"])
    page.goto("/missions/{mission}".format(**people["seeded"].named))

    margin = page.locator(".form.card > fieldset").first.evaluate(
        "one => getComputedStyle(one).marginBlockStart"
    )

    assert margin == "0px"
