import time
from typing import Any

import httpx2
import pytest
import time_machine

from sandbox.person.rides import rides_until
from tests.sandbox.conftest import APP, JULY, SUBSCRIPTIONS, subscribe
from tests.sandbox.subscriber import Subscriber, well

RIDE = rides_until(JULY)[-1].id
EVENT = {
    "object_type": "activity",
    "object_id": RIDE,
    "aspect_type": "create",
    "owner_id": 42,
    "updates": {},
    "event_time": 1_783_000_000,
}


def fault(response: httpx2.Response) -> tuple[int, str | None, str]:
    [error] = response.json()["errors"]
    return response.status_code, error["field"], error["code"]


def test_subscribing_shakes_hands_first(http: httpx2.Client, subscriber: Subscriber) -> None:
    answer = subscribe(http, subscriber.url)

    [query] = subscriber.queries
    assert (answer.status_code, list(answer.json())) == (201, ["id"])
    assert len(query.pop("hub.challenge")) == 16
    assert query == {"hub.mode": "subscribe", "hub.verify_token": "vt"}


def test_subscription_is_listed_and_deleted(
    http: httpx2.Client, subscriber: Subscriber, subscription_id: int
) -> None:
    [row] = http.get(SUBSCRIPTIONS, params=APP).json()
    deleted = http.request("DELETE", f"{SUBSCRIPTIONS}/{subscription_id}", params=APP)
    again = http.request("DELETE", f"{SUBSCRIPTIONS}/{subscription_id}", data=APP)

    assert {name: row[name] for name in ("id", "application_id", "callback_url")} == {
        "id": subscription_id,
        "application_id": 10001,
        "callback_url": subscriber.url,
    }
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert fault(again) == (404, "id", "not found")
    assert http.get(SUBSCRIPTIONS, params=APP).json() == []


def test_app_names_itself_in_a_form_to_delete(http: httpx2.Client, subscription_id: int) -> None:
    deleted = http.request("DELETE", f"{SUBSCRIPTIONS}/{subscription_id}", data=APP)

    assert deleted.status_code == 204


@pytest.mark.usefixtures("subscription_id")
def test_second_subscription_is_refused(http: httpx2.Client, subscriber: Subscriber) -> None:
    assert fault(subscribe(http, subscriber.url)) == (400, None, "already exists")


@pytest.mark.parametrize(
    ("echo", "code"),
    [
        (lambda _: (200, {"hub.challenge": "another"}), "not verifiable"),
        (lambda _: (200, []), "not verifiable"),
        (lambda query: (200, {**well(query)[1], "more": 1}), "not verifiable"),
        (lambda query: (403, well(query)[1]), "GET to callback URL does not return 200"),
        (lambda query: (302, well(query)[1]), "GET to callback URL does not return 200"),
    ],
    ids=["another challenge", "a list", "more than asked", "forbidden", "a redirect"],
)
def test_handshake_that_fails_is_refused(
    http: httpx2.Client, subscriber: Subscriber, echo: Any, code: str
) -> None:
    subscriber.echo = echo

    answer = subscribe(http, subscriber.url)

    assert fault(answer) == (400, "callback url", code)
    assert http.get(SUBSCRIPTIONS, params=APP).json() == []


def test_handshake_has_two_seconds(http: httpx2.Client, subscriber: Subscriber) -> None:
    def late(query: dict[str, str]) -> tuple[int, Any]:
        time.sleep(2.3)
        return well(query)

    subscriber.echo = late

    answer = subscribe(http, subscriber.url)

    assert fault(answer) == (400, "callback url", "GET to callback URL does not return 200")


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"verify_token": ""}, "verify token", "required"),
        ({"callback_url": ""}, "callback url", "required"),
        ({"callback_url": "ftp://127.0.0.1/"}, "callback url", "invalid"),
        ({"callback_url": f"http://127.0.0.1/{'x' * 240}"}, "callback url", "too long"),
        (
            {"callback_url": "http://127.0.0.1:1/"},
            "callback url",
            "GET to callback URL does not return 200",
        ),
        (
            {"callback_url": "http://[::1"},
            "callback url",
            "GET to callback URL does not return 200",
        ),
    ],
)
def test_subscribing_with_a_wrong_request_is_refused(
    http: httpx2.Client, change: dict[str, str], field: str, code: str
) -> None:
    assert fault(subscribe(http, **{"callback_url": "http://127.0.0.1/", **change})) == (
        400,
        field,
        code,
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SUBSCRIPTIONS), ("POST", SUBSCRIPTIONS), ("DELETE", f"{SUBSCRIPTIONS}/1")],
)
def test_another_app_is_refused(http: httpx2.Client, method: str, path: str) -> None:
    wrong = {**APP, "client_secret": "guess"}

    answer = http.request(method, path, params=wrong, data=wrong if method == "POST" else None)

    assert fault(answer) == (401, "client_id", "invalid")


def test_event_is_posted_as_strava_does(
    http: httpx2.Client, subscriber: Subscriber, subscription_id: int
) -> None:
    answer = http.post("/strava/events", json=EVENT)

    assert answer.json() == {"event": EVENT, "statuses": [200]}
    assert subscriber.events == [{**EVENT, "subscription_id": subscription_id}]


@pytest.mark.usefixtures("subscription_id")
def test_event_without_a_time_happens_now(http: httpx2.Client, subscriber: Subscriber) -> None:
    asked = {name: EVENT[name] for name in EVENT if name not in ("event_time", "updates")}
    with time_machine.travel(JULY, tick=False):
        http.post("/strava/events", json=asked)

    [event] = subscriber.events
    assert (event["event_time"], event["updates"]) == (int(JULY.timestamp()), {})


@pytest.mark.usefixtures("subscription_id")
@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [([500, 204, 200], [500, 204, 200]), ([503], [503, 503, 503]), ([200], [200])],
)
def test_event_is_tried_three_times_until_200(
    http: httpx2.Client, subscriber: Subscriber, statuses: list[int], attempts: list[int]
) -> None:
    subscriber.statuses = statuses

    answer = http.post("/strava/events", json=EVENT)

    assert answer.json()["statuses"] == attempts
    assert len(subscriber.events) == len(attempts)


@pytest.mark.usefixtures("subscription_id")
def test_event_that_nobody_takes_has_no_status(http: httpx2.Client, subscriber: Subscriber) -> None:
    subscriber.statuses = [0]  # no status line that anybody understands

    assert http.post("/strava/events", json=EVENT).json()["statuses"] == [None, None, None]


def test_event_without_a_subscription_is_refused(http: httpx2.Client) -> None:
    assert http.post("/strava/events", json=EVENT).status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"object_type": "segment"}, "object_type"),
        ({"aspect_type": "like"}, "aspect_type"),
        ({"object_id": "x"}, "object_id"),
        ({"owner_id": None}, "owner_id"),
        ({"updates": [1]}, "updates"),
    ],
)
def test_event_that_strava_does_not_send_is_refused(
    http: httpx2.Client, change: dict[str, Any], field: str
) -> None:
    answer = http.post("/strava/events", json={**EVENT, **change})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
