"""While the database does not answer, a page or a problem says so; the next request works again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import Error, IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from lanterne.api import AWAY
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db


def failing_with(error: type[Error]) -> Callable[..., Any]:
    def refuse(*_: object) -> None:
        raise error("server closed the connection at db.internal")

    return refuse


def quiet(client: Client) -> Client:
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_page_says_that_the_database_is_away_and_works_again_afterwards(
    as_tester: Client, settings: LazySettings, error: type[Error], debug: bool
) -> None:
    settings.DEBUG = debug
    quiet(as_tester)

    with connection.execute_wrapper(failing_with(error)):
        answer = as_tester.get("/")
    after = as_tester.get("/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    text = answer.content.decode()
    assert "<h1>Back in a moment</h1>" in text
    assert "db.internal" not in text
    assert "no-store" in answer["Cache-Control"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert after.status_code == 200


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api/missions", "/api/me"])
def test_api_answers_with_a_problem(
    as_tester: Client, settings: LazySettings, path: str, debug: bool
) -> None:
    settings.DEBUG = debug
    quiet(as_tester)

    with connection.execute_wrapper(failing_with(OperationalError)):
        answer = as_tester.get(path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not possible now",
        "status": 503,
        "detail": AWAY,
    }


def test_middleware_that_meets_it_is_answered_for_too(
    as_tester: Client, settings: LazySettings
) -> None:
    """Below it in the list are those that read the session and write when somebody was seen."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.lanterne.test_away.meets_it_on_the_way_out"]

    assert quiet(as_tester).get("/").status_code == 503


def meets_it_on_the_way_out(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def respond(request: HttpRequest) -> HttpResponse:
        get_response(request)
        raise OperationalError("gone")

    return respond


def test_error_that_came_of_it_counts_as_it(as_tester: Client, settings: LazySettings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.lanterne.test_away.hides_it"]

    assert quiet(as_tester).get("/").status_code == 503


def hides_it(_: object) -> Any:
    def respond(_: HttpRequest) -> HttpResponse:
        raise RuntimeError("no mission") from OperationalError("gone")

    return respond


def test_error_of_our_own_stays_a_500(as_tester: Client) -> None:
    with connection.execute_wrapper(failing_with(IntegrityError)):
        answer = quiet(as_tester).get("/")

    assert answer.status_code == 500
    assert answer.headers.get("Retry-After") is None


def test_visitor_gets_the_landing_page_without_the_database(client: Client) -> None:
    with connection.execute_wrapper(failing_with(OperationalError)):
        assert quiet(client).get("/").status_code == 200


def test_post_that_could_not_be_kept_is_told(tester: Any, rf: RequestFactory) -> None:
    client = quiet(signed_in(tester))

    with connection.execute_wrapper(failing_with(OperationalError)):
        answer = client.post("/auth/login", {"login": "a@example.org", "password": "x"})

    assert answer.status_code == 503
    assert "look again before you send it twice" in answer.content.decode()
