from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

LOGIN, ME = "/api/auth/login", "/api/me"
NOT_JSON = "The body is not JSON as RFC 8259 defines it."
NO_TEXT = "The body holds a character that no text can hold."
NO_OBJECT = "Send a JSON object: { … }."


def told(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", NOT_JSON),
        (b"\xff\xfe{}", NOT_JSON),
        (b'{"email": "\xff"}', NOT_JSON),
        ("{}".encode("utf-16"), NOT_JSON),
        (b'{"email": NaN}', NOT_JSON),
        (b'{"email": -Infinity}', NOT_JSON),
        (b'{"email": 1e999}', NOT_JSON),
        (b'{"email": ' + b"9" * 900_000 + b"}", NOT_JSON),
        (b'{"email": ' + b"[" * 400_000 + b"]" * 400_000 + b"}", NOT_JSON),
        (b'{"email": ' + b"[" * 21 + b"]" * 21 + b"}", "The body is nested deeper than 20 levels."),
        (b'{"email": "\\u0000"}', NO_TEXT),
        (b'{"\\u0000": 1}', NO_TEXT),
        (b'{"email": [{"deep": "\\ud800"}]}', NO_TEXT),
        (b'{"email": "\\udc00\\ud800"}', NO_TEXT),
        (b"[]", NO_OBJECT),
        (b'"text"', NO_OBJECT),
        (b"null", NO_OBJECT),
        (b"7", NO_OBJECT),
    ],
    ids=range(18),
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=utf-16", "; charset=zlib"])
def test_what_is_no_object_of_json_is_refused(
    client: Client, body: bytes, detail: str, charset: str
) -> None:
    response = client.generic("POST", LOGIN, body, content_type=f"application/json{charset}")

    assert told(response) == (400, detail)


def test_text_of_any_language_is_read(as_tester: Client) -> None:
    body = '{"timezone": "\\ud83d\\ude80 \u2603 \u0645"}'.encode()

    response = as_tester.patch(ME, body, content_type="application/json")

    assert told(response)[1].startswith("🚀 ☃ م is not a time zone.")


def test_more_than_a_megabyte_is_refused(client: Client) -> None:
    body = b'{"email": "' + b"x" * 1_000_000 + b'"}'

    response = client.post(LOGIN, body, content_type="application/json")

    assert told(response) == (413, "Send less than a megabyte.")


def test_no_body_is_an_empty_object(client: Client) -> None:
    assert told(client.generic("POST", LOGIN)) == (400, "This field is required.")


@pytest.mark.parametrize("accepted", ["text/html", "application/problem+json", "image/*", "x"])
@pytest.mark.parametrize("query", ["", "?format=xml"])
def test_json_answers_whatever_is_asked_for(as_tester: Client, accepted: str, query: str) -> None:
    response = as_tester.get(f"{ME}{query}", headers={"accept": accepted})

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "%00", "2"])
def test_a_page_that_is_none_is_not_found(as_tester: Client, page: str) -> None:
    assert told(as_tester.get(f"/api/sessions?page={page}"))[0] == 404


@pytest.mark.parametrize("size", ["0", "-1", "x", "9" * 30, "1000000"])
def test_a_page_size_that_is_none_is_ignored(as_tester: Client, size: str) -> None:
    assert as_tester.get(f"/api/sessions?page_size={size}").status_code == 200
