import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import time_machine

from sandbox.oura.app import CLIENT_SECRET
from tests.sandbox.connecting import NOW, OURA_APP
from tests.sandbox.subscriber import Subscriber, well

ADDRESS = "/oura/v2/webhook/subscription"
NOBODY_S = "0f0e0d0c-0b0a-4908-8706-050403020100"
EVENT = {
    "event_type": "create",
    "data_type": "sleep",
    "object_id": "a-night",
    "event_time": "2026-07-04T05:30:00+00:00",
    "user_id": "robin",
}


def subscribe(http: httpx2.Client, callback_url: str, **changes: str) -> httpx2.Response:
    asked = {
        "callback_url": callback_url,
        "verification_token": "vt",
        "event_type": "create",
        "data_type": "sleep",
        **changes,
    }
    return http.post(ADDRESS, json=asked, headers=OURA_APP)


@pytest.fixture
def sleep_id(http: httpx2.Client, subscriber: Subscriber) -> str:
    """Of a subscription to new nights."""
    return str(subscribe(http, subscriber.url).json()["id"])


def listed(http: httpx2.Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = http.get(ADDRESS, headers=OURA_APP).json()
    return rows


def test_subscribing_shakes_hands_first(http: httpx2.Client, subscriber: Subscriber) -> None:
    with time_machine.travel(NOW, tick=False):
        answer = subscribe(http, subscriber.url)
        rows = listed(http)

    [query] = subscriber.queries
    made = answer.json()
    assert (answer.status_code, query["verification_token"], set(query)) == (
        201,
        "vt",
        {"verification_token", "challenge"},
    )
    assert made == {
        "id": made["id"],
        "callback_url": subscriber.url,
        "event_type": "create",
        "data_type": "sleep",
        "expiration_time": (NOW + timedelta(days=30)).isoformat(),
    }
    assert rows == [made]


@pytest.mark.parametrize(
    "echo",
    [lambda _: (200, {"challenge": "x"}), lambda _: (200, []), lambda q: (401, well(q)[1])],
    ids=["another challenge", "a list", "refused"],
)
def test_handshake_that_fails_is_refused(
    http: httpx2.Client, subscriber: Subscriber, echo: Any
) -> None:
    subscriber.echo = echo

    answer = subscribe(http, subscriber.url)

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (
        422,
        ["body", "callback_url"],
    )
    assert listed(http) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": "like"}, "event_type"),
        ({"data_type": "mood"}, "data_type"),
        ({"verification_token": ""}, "verification_token"),
        ({"callback_url": "nowhere"}, "callback_url"),
        ({"callback_url": "http://127.0.0.1:1/"}, "callback_url"),
    ],
)
def test_subscribing_with_a_wrong_request_is_refused(
    http: httpx2.Client, change: dict[str, str], field: str
) -> None:
    answer = subscribe(http, **{"callback_url": "http://127.0.0.1/", **change})

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", field])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ADDRESS),
        ("POST", ADDRESS),
        ("GET", f"{ADDRESS}/{NOBODY_S}"),
        ("PUT", f"{ADDRESS}/{NOBODY_S}"),
        ("DELETE", f"{ADDRESS}/{NOBODY_S}"),
        ("PUT", f"{ADDRESS}/renew/{NOBODY_S}"),
    ],
)
def test_another_app_is_refused_and_ours_has_no_such_subscription(
    http: httpx2.Client, method: str, path: str
) -> None:
    other = http.request(method, path, headers={**OURA_APP, "x-client-secret": "guess"})
    ours = http.request(method, path, headers=OURA_APP)

    has_id = path != ADDRESS
    assert other.status_code == 401
    assert (ours.status_code == 403) is has_id


def test_subscription_lapses_unless_it_is_renewed(http: httpx2.Client, sleep_id: str) -> None:
    now = datetime.now(UTC)

    with time_machine.travel(now + timedelta(days=29)):
        renewed = http.put(f"{ADDRESS}/renew/{sleep_id}", headers=OURA_APP)
    with time_machine.travel(now + timedelta(days=58)):
        still = [row["id"] for row in listed(http)]
    with time_machine.travel(now + timedelta(days=60)):
        gone = listed(http)

    assert (renewed.status_code, still, gone) == (200, [sleep_id], [])


def test_subscription_is_changed_after_another_handshake(
    http: httpx2.Client, subscriber: Subscriber, sleep_id: str
) -> None:
    change = {"verification_token": "again", "data_type": "daily_sleep"}

    answer = http.put(f"{ADDRESS}/{sleep_id}", json=change, headers=OURA_APP)
    subscriber.echo = lambda _: (500, {})
    failed = http.put(f"{ADDRESS}/{sleep_id}", json=change, headers=OURA_APP)

    assert [query["verification_token"] for query in subscriber.queries] == ["vt", "again", "again"]
    assert (answer.status_code, failed.status_code) == (200, 422)
    assert [(row["data_type"], row["event_type"]) for row in listed(http)] == [
        ("daily_sleep", "create")
    ]


def test_subscription_that_is_deleted_is_gone(http: httpx2.Client, sleep_id: str) -> None:
    deleted = http.delete(f"{ADDRESS}/{sleep_id}", headers=OURA_APP)

    assert (deleted.status_code, listed(http)) == (204, [])


# --- Events ---


@pytest.mark.usefixtures("sleep_id")
def test_event_is_signed_over_the_raw_body(http: httpx2.Client, subscriber: Subscriber) -> None:
    with time_machine.travel(NOW, tick=False):
        answer = http.post("/oura/events", json=EVENT)

    [(headers, body)] = subscriber.raw
    stamp = headers["x-oura-timestamp"]
    digest = hmac.new(CLIENT_SECRET.encode(), stamp.encode() + body, hashlib.sha256).hexdigest()
    assert answer.json() == {"event": EVENT, "statuses": [200]}
    assert subscriber.events == [EVENT]
    assert (stamp, headers["x-oura-signature"]) == (str(int(NOW.timestamp())), digest.upper())


@pytest.mark.usefixtures("sleep_id")
def test_event_goes_to_those_who_subscribed_to_its_kind(
    http: httpx2.Client, subscriber: Subscriber
) -> None:
    subscribe(http, subscriber.url, event_type="update")

    updated = http.post("/oura/events", json={**EVENT, "event_type": "update"})
    deleted = http.post("/oura/events", json={**EVENT, "event_type": "delete"})

    assert (updated.json()["statuses"], deleted.status_code) == ([200], 409)
    assert [event["event_type"] for event in subscriber.events] == ["update"]


@pytest.mark.usefixtures("sleep_id")
@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [([500, 404, 204], [500, 404, 204]), ([503], [503] * 11), ([500, 410], [500, 410])],
)
def test_event_is_tried_again_ten_times(
    http: httpx2.Client, subscriber: Subscriber, statuses: list[int], attempts: list[int]
) -> None:
    subscriber.statuses = [*statuses]

    assert http.post("/oura/events", json=EVENT).json()["statuses"] == attempts


@pytest.mark.usefixtures("sleep_id")
def test_gone_ends_the_subscription(http: httpx2.Client, subscriber: Subscriber) -> None:
    subscriber.statuses = [410]

    http.post("/oura/events", json=EVENT)

    assert listed(http) == []


@pytest.mark.usefixtures("sleep_id")
def test_event_without_more_happens_now_to_who_is_here(
    http: httpx2.Client, subscriber: Subscriber
) -> None:
    asked = {name: EVENT[name] for name in ("event_type", "data_type", "object_id")}
    with time_machine.travel(NOW, tick=False):
        http.post("/oura/events", json=asked)

    assert subscriber.events == [{**EVENT, "user_id": None}]


def test_event_that_oura_does_not_send_is_refused(http: httpx2.Client) -> None:
    answer = http.post("/oura/events", json={**EVENT, "data_type": "mood"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["data_type"])
