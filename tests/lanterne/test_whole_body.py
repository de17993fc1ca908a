"""A request's body that stops early is an error, and one that is whole is not."""

from io import BytesIO
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application

from lanterne.whole_body import WholeBody, whole

BODY = b"name=value\nsecond=line\n"


def test_whole_body_is_read_to_its_end() -> None:
    body = WholeBody(BytesIO(BODY), len(BODY))

    assert [body.read(4), body.readline(), body.read(), body.read()] == [
        b"name",
        b"=value\n",
        b"second=line\n",
        b"",
    ]


def test_empty_body_is_whole() -> None:
    assert WholeBody(BytesIO(), 0).read(10) == b""


@pytest.mark.parametrize("way", ["read", "readline"])
def test_body_that_stops_early_is_an_error(way: str) -> None:
    body = WholeBody(BytesIO(BODY), len(BODY) + 1)
    assert body.read(100) == BODY

    with pytest.raises(ConnectionResetError):
        getattr(body, way)(100)


def test_asking_for_nothing_is_no_error() -> None:
    assert WholeBody(BytesIO(), 5).read(0) == b""


# Each request asks the connections to the database whether they are too old.
@pytest.mark.django_db
@pytest.mark.parametrize(("length", "is_watched"), [("23", True), ("", False), (None, False)])
def test_application_watches_a_body_whose_length_is_told(
    length: str | None, is_watched: bool
) -> None:
    request: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/robots.txt",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(BODY),
        **({} if length is None else {"CONTENT_LENGTH": length}),
    }

    list(whole(get_wsgi_application())(request, lambda *_: None))

    assert isinstance(request["wsgi.input"], WholeBody) is is_watched
