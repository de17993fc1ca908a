"""Links that were mailed open accounts: their keys are in no line that Django writes itself."""

import logging

import pytest
from django.test import Client

from lanterne.logs import WithoutCodes
from tests.log_scan import Scan

pytestmark = pytest.mark.django_db

KEY = "MQ:1wfswy:1ruHYWwhHzMxdbU_QjBtC92ETPHhTXdwErG6Kyta9yY"


def told(log: Scan) -> list[tuple[str, str]]:
    """Logger and text of what Django said about requests."""
    return [(line.logger, line.text) for line in log.lines if line.logger.startswith("django.")]


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("get", f"/auth/confirm/{KEY}", "Not Found: /auth/confirm/…"),
        ("post", f"/auth/confirm/{KEY}", "Method Not Allowed (POST): /auth/confirm/…"),
        ("get", f"/check-in/{KEY}", "Not Found: /check-in/…"),
        ("post", f"/mail/unsubscribe/{KEY}", "Not Found: /mail/unsubscribe/…"),
        ("get", f"/calendar/{KEY}.ics", "Not Found: /calendar/…"),
        ("get", f"/auth/confirm/{KEY}/more", "Not Found: /auth/confirm/…"),
        ("get", "/missions/none", "Not Found: /missions/none"),
    ],
)
def test_refused_link_is_logged_without_its_key(
    client: Client, the_log: Scan, method: str, path: str, line: str
) -> None:
    answer = getattr(client, method)(path)

    assert answer.status_code in {404, 405, 410}
    (logger, text), *_ = told(the_log)
    assert logger == "django.request"
    assert line in text
    assert (KEY not in text, "c0ffee" not in text) == (True, True)


def test_form_without_its_csrf_token_is_logged_without_the_key(the_log: Scan) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/auth/password-reset/1-c0ffee").status_code == 403
    assert told(the_log) == [
        (
            "django.security.csrf",
            "Forbidden (CSRF cookie not set.): /auth/password-reset/… () 403",
        )
    ]


def test_request_goes_from_the_record_and_the_rest_stays() -> None:
    record = logging.makeLogRecord(
        {"msg": "%s: %s", "args": ("Gone", f"/auth/confirm/{KEY}"), "request": "?code=1"}
    )
    record.status_code = 410

    assert WithoutCodes().filter(record) is True
    assert record.getMessage() == "Gone: /auth/confirm/…"
    assert (hasattr(record, "request"), vars(record)["status_code"]) == (False, 410)
