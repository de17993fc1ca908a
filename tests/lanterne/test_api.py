from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.core.management import call_command
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework import exceptions
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.problems import Refusal
from accounts.throttle import Throttled
from lanterne import urls
from lanterne.urls import handler400, handler403, handler404, handler500  # noqa: F401  for ROOT
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

ME, LOGIN = "/api/me", "/api/auth/login"
PROBLEM = "application/problem+json"
WHOLE_HOUSE = urls.urlpatterns

RAISED: dict[str, Exception] = {
    "not-found": Http404(),
    "not-yours": PermissionDenied(),
    "not-allowed": PermissionDenied("Missions are closed here."),
    "conflict": Refusal(409, "Settle the mission first.", retryable=False),
    "unavailable": Refusal(502, "Oura did not answer.", retryable=True, draft_id="d1"),
    "throttled": Throttled(61),
    "one-rule": ValidationError("The end is before the start."),
    "a-field": ValidationError({"name": ["Too long.", "Too dull."]}),
    "nested": exceptions.ValidationError(
        {"name": ["Missing."], "stages": [{}, {"date": ["Not a day."]}]}
    ),
    "bug": RuntimeError("the token was hunter2"),
}


@api_view(["GET"])
def failing(request: Request, how: str) -> Response:
    raise RAISED[how]


def failing_plainly(request: HttpRequest, how: str) -> HttpResponse:
    raise {"suspicious": SuspiciousOperation("hunter2"), **RAISED}[how]


urlpatterns = [
    path("api/raise/<str:how>", failing),
    path("api/plain/<str:how>", failing_plainly),
    path("plain/<str:how>", failing_plainly),
    *WHOLE_HOUSE,
]
failures = pytest.mark.urls(__name__)


def problem(response: Any) -> dict[str, Any]:
    """The body without what every problem has, which is looked at here."""
    assert response.headers["Content-Type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert (body.pop("type"), body["status"]) == ("about:blank", response.status_code)
    assert body.pop("title")
    return body


@failures
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("not-found", {"status": 404, "detail": "There is nothing here, or it is not yours."}),
        ("not-yours", {"status": 403, "detail": "You may not do this."}),
        ("not-allowed", {"status": 403, "detail": "Missions are closed here."}),
        (
            "conflict",
            {"status": 409, "detail": "Settle the mission first.", "retryable": False},
        ),
        (
            "unavailable",
            {
                "status": 502,
                "detail": "Oura did not answer.",
                "retryable": True,
                "draft_id": "d1",
            },
        ),
        ("throttled", {"status": 429, "detail": "Too many attempts. Try again in 2 minutes."}),
        (
            "one-rule",
            {
                "status": 400,
                "detail": "The end is before the start.",
                "errors": [{"field": "", "message": "The end is before the start."}],
            },
        ),
        (
            "a-field",
            {
                "status": 400,
                "detail": "Too long. Too dull.",
                "errors": [
                    {"field": "name", "message": "Too long."},
                    {"field": "name", "message": "Too dull."},
                ],
            },
        ),
        (
            "nested",
            {
                "status": 400,
                "detail": "Missing. Not a day.",
                "errors": [
                    {"field": "name", "message": "Missing."},
                    {"field": "stages.1.date", "message": "Not a day."},
                ],
            },
        ),
    ],
)
def test_what_a_call_raises_is_told_as_a_problem(
    as_tester: Client, how: str, expected: dict[str, Any]
) -> None:
    assert problem(as_tester.get(f"/api/raise/{how}")) == expected


@failures
def test_who_is_throttled_is_told_for_how_long(as_tester: Client) -> None:
    assert as_tester.get("/api/raise/throttled").headers["Retry-After"] == "61"


@failures
@pytest.mark.parametrize("way", ["raise", "plain"])
def test_a_bug_is_told_as_a_problem_that_tells_nothing(
    tester: User, settings: LazySettings, way: str
) -> None:
    settings.DEBUG = False
    client = signed_in(tester)
    client.raise_request_exception = False

    response = client.get(f"/api/{way}/bug")

    assert problem(response) == {
        "status": 500,
        "detail": "Something broke on our side. It has been noted; try again in a while.",
    }
    assert b"hunter2" not in response.content


@failures
@pytest.mark.parametrize(
    ("how", "status"),
    [("suspicious", 400), ("not-yours", 403), ("not-found", 404), ("bug", 500)],
)
def test_views_that_are_no_calls_fail_as_problems_below_api_and_as_pages_elsewhere(
    client: Client, settings: LazySettings, how: str, status: int
) -> None:
    settings.DEBUG = False
    client.raise_request_exception = False

    below, elsewhere = client.get(f"/api/plain/{how}"), client.get(f"/plain/{how}")

    assert problem(below)["status"] == status
    assert elsewhere.status_code == status
    assert elsewhere.headers["Content-Type"].startswith("text/html")
    assert b"hunter2" not in below.content + elsewhere.content


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("nowhere", ["/api/", "/api/nothing", "/api/me/", "/api/auth/login/x"])
def test_what_is_no_call_is_not_found_for_everybody(
    client: Client, as_tester: Client, method: str, nowhere: str
) -> None:
    for someone in (client, as_tester):
        response = getattr(someone, method)(nowhere)

        assert problem(response) == {
            "status": 404,
            "detail": "There is nothing here, or it is not yours.",
        }


def test_nobody_is_told_to_sign_in(client: Client) -> None:
    response = client.get(ME)

    assert problem(response) == {
        "status": 401,
        "detail": "Authentication credentials were not provided.",
    }
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_method_that_a_call_has_not_is_refused(as_tester: Client) -> None:
    response = as_tester.put(ME, {}, content_type="application/json")

    assert problem(response)["status"] == 405
    assert response.headers["Allow"] == "GET, PATCH, HEAD, OPTIONS"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data"])
def test_a_body_of_another_kind_is_refused(client: Client, kind: str) -> None:
    assert problem(client.post(LOGIN, b"<x/>", content_type=kind))["status"] == 415


def test_the_schema_is_there_for_everybody(client: Client) -> None:
    response = client.get("/api/schema?format=json")

    schema = response.json()
    assert schema["openapi"].startswith("3.")
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "cookieAuth"}
    assert schema["paths"]["/api/auth/login"]["post"]["responses"].keys() == {
        *("200", "400", "401", "413", "415", "429"),
    }


def test_every_call_says_what_it_does(client: Client) -> None:
    schema = client.get("/api/schema?format=json").json()

    calls = [call for calls in schema["paths"].values() for call in calls.values()]
    assert [call["operationId"] for call in calls if not call.get("summary")] == []
    assert "`POST /api/auth/login`" in schema["info"]["description"]
    assert "docs/" not in schema["info"]["description"]


def test_every_call_tells_of_its_errors_as_problems(client: Client) -> None:
    paths = client.get("/api/schema?format=json").json()["paths"]
    told = {
        f"{method} {where} {status}": list(answer.get("content", {}))
        for where, calls in paths.items()
        for method, call in calls.items()
        for status, answer in call["responses"].items()
        if status >= "400" and where != "/api/schema"
    }

    assert {name: kinds for name, kinds in told.items() if kinds != [PROBLEM]} == {}


def test_the_schema_is_complete_and_valid(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")

    assert "openapi: 3." in capsys.readouterr().out


def test_the_docs_are_there_for_everybody_without_a_script_in_the_page(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    script = client.get("/api/docs?script=")

    sources = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert "<script>" not in page
    assert "<style" not in page
    assert [source for source in sources if not source.startswith("/")] == []
    assert 'href="/api/schema"' in page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert b"/api/schema" in script.content
