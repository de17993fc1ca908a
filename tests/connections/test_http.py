import socket

import pytest
from django.conf import LazySettings

from connections.providers.http import ProviderUnavailable, json_of, known_shape, send
from tests.connections.conftest import Asked, Provider, Reply


def test_request_carries_the_token_in_its_header_only(provider: Provider) -> None:
    send("Strava", "GET", f"{provider.url}/rides", token="canary", params={"page": 2})

    assert provider.asked == [Asked("GET", "/rides", {"page": "2"}, {}, "Bearer canary")]


def test_request_without_a_token_sends_its_form_and_its_app(provider: Provider) -> None:
    send("Strava", "POST", f"{provider.url}/token", form={"a": "b c"}, basic_auth=("us", "secret"))

    assert provider.asked == [Asked("POST", "/token", {}, {"a": "b c"}, "Basic dXM6c2VjcmV0")]


def test_error_answer_is_handed_on_for_its_reader_to_name(provider: Provider) -> None:
    provider.answers(Reply(b"{}", status=429))

    assert send("Strava", "GET", provider.url).status_code == 429


def test_silence_ends_after_the_time_limit(provider: Provider, settings: LazySettings) -> None:
    settings.OUTBOUND_TIMEOUT_S = 0.05
    provider.answers(Reply(delay_s=0.3))

    with pytest.raises(ProviderUnavailable, match=r"^Strava did not answer in time\.$"):
        send("Strava", "GET", provider.url)


def test_own_time_limit_comes_before_the_usual_one(provider: Provider) -> None:
    provider.answers(Reply(delay_s=0.3))

    with pytest.raises(ProviderUnavailable, match=r"^Oura did not answer in time\.$"):
        send("Oura", "GET", provider.url, timeout_s=0.05)


def test_server_that_is_down_could_not_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(ProviderUnavailable, match=r"^Oura could not be reached\.$"):
            send("Oura", "GET", url)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"half":', is_cut=True),
        Reply(b"not gzip at all", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["cut off", "gzip that is none"],
)
def test_answer_that_breaks_off_could_not_be_reached(provider: Provider, reply: Reply) -> None:
    provider.answers(reply)

    with pytest.raises(ProviderUnavailable, match=r"^Strava could not be reached\.$"):
        send("Strava", "GET", provider.url)


def test_json_of_a_good_answer(provider: Provider) -> None:
    provider.answers(b'{"id": 7}')

    assert json_of("Oura", send("Oura", "GET", provider.url)) == {"id": 7}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Oura did not take our request (error 400)."),
        (404, "Oura did not take our request (error 404)."),
        (500, "Oura has trouble of its own just now."),
        (503, "Oura has trouble of its own just now."),
    ],
)
def test_json_of_an_error_says_whose_it_is(provider: Provider, status: int, words: str) -> None:
    provider.answers(Reply(b'{"id": 7}', status=status))

    with pytest.raises(ProviderUnavailable) as refused:
        json_of("Oura", send("Oura", "GET", provider.url))

    assert str(refused.value) == words


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b""),
        Reply(b"<html>we are doing maintenance</html>"),
        Reply(b"\xff\xfe\x00"),
        Reply(b"", status=302, headers={"Location": "/login"}),
    ],
    ids=["empty", "html", "no text", "redirect"],
)
def test_json_of_anything_else_is_not_json(provider: Provider, reply: Reply) -> None:
    provider.answers(reply)

    with pytest.raises(ProviderUnavailable, match=r"^Oura sent an answer we could not read\.$"):
        json_of("Oura", send("Oura", "GET", provider.url))


@pytest.mark.parametrize(
    "fault",
    [KeyError("id"), TypeError(), ValueError(), AttributeError(), OverflowError()],
    ids=lambda fault: type(fault).__name__,
)
def test_known_shape_names_what_it_does_not_find(fault: Exception) -> None:
    with (
        pytest.raises(ProviderUnavailable, match=r"^Oura sent an answer we could not read\.$"),
        known_shape("Oura"),
    ):
        raise fault


def test_known_shape_leaves_our_own_mistakes_alone() -> None:
    with pytest.raises(ZeroDivisionError), known_shape("Oura"):
        _ = 1 / 0
