"""The pages for what goes wrong: one family, each with what happened and one way on."""

import re

import pytest
from django.conf import settings
from django.db import connection
from django.template import loader
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext, override_settings

from accounts import throttle
from accounts.models import User
from lanterne import api

PLAIN = ("400.html", "500.html", "503.html")
WHOLE = ("403.html", "403_csrf.html", "404.html")


def buttons(page: str) -> list[str]:
    main = page[page.index('<main class="page"') : page.index("</main>")]
    return re.findall(r'<a class="button" href="([^"]+)"', main)


@pytest.mark.parametrize("name", PLAIN)
def test_page_for_what_broke_needs_nothing_that_could_be_broken(name: str) -> None:
    page = loader.get_template(name).render()

    assert "{" not in page
    assert "<script" not in page
    assert re.findall(r'(?:href|src)="([^"]+)"', page) == [
        "/static/lantern.svg",
        "/static/app.css",
        "/",
        "/",
    ]


@pytest.mark.parametrize("name", [*PLAIN, *WHOLE])
def test_page_says_what_happened_and_has_one_button(name: str) -> None:
    page = loader.get_template(name).render({}, RequestFactory().get("/"))

    assert len(re.findall(r"<h1>[^<]+</h1>\s*<p>[^<]{60,}</p>", page)) == 1
    assert buttons(page) == ["/"]


def test_broken_request_is_answered_in_our_words() -> None:
    answer = api.bad_request(RequestFactory().get("/"), ValueError())

    assert (answer.status_code, "We could not read that" in answer.content.decode()) == (400, True)


@pytest.mark.django_db
def test_page_that_is_not_there_asks_the_database_nothing_of_a_visitor(client: Client) -> None:
    with override_settings(DEBUG=False), CaptureQueriesContext(connection) as captured:
        answer = client.get("/nowhere")

    assert (answer.status_code, len(captured)) == (404, 0)
    assert "You are off the course" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("action", sorted(throttle.WORDS))
def test_page_for_too_much_of_something_says_of_what_and_when_again(
    client: Client, action: str
) -> None:
    request = RequestFactory().get("/")
    request.user = User()

    answer = throttle.too_many(request, 120, action)

    words, page = throttle.WORDS[action], answer.content.decode()
    assert f"<h1>{words.title}</h1>" in page
    assert f"Wait 2 minutes, then {words.again}." in page
    assert len(buttons(page)) == 1


def test_every_limit_of_a_page_has_its_words() -> None:
    limits = set(settings.THROTTLES)

    # A program is told in JSON; a calendar that has no address is not found.
    assert limits - set(throttle.WORDS) == {"refresh", "webhook", "calendar_token"}


@pytest.mark.django_db
def test_one_tap_link_that_was_used_often_is_not_called_a_failed_sign_in(client: Client) -> None:
    answer = throttle.too_many(client.get("/").wsgi_request, 120, "run")

    page = answer.content.decode()
    assert "<h1>You have done this often</h1>" in page
    assert ("new password" in page, buttons(page)) == (False, ["/"])
