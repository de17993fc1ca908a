"""/webhooks/<provider>: what is let in, what is kept of it, and how little that costs."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections.models import Connection, ProviderEvent, PushSubscription
from connections.providers.strava import push
from tests import factories

pytestmark = pytest.mark.django_db

ADDRESS = "/webhooks/strava"
OWNER = 77
EVENT: dict[str, Any] = {
    "object_type": "activity",
    "object_id": 15_000_739_801,
    "aspect_type": "create",
    "updates": {},
    "owner_id": OWNER,
    "subscription_id": 120_475,
    "event_time": 1_783_144_800,
}
AT = datetime(2026, 7, 4, 6, tzinfo=UTC)


@pytest.fixture
def connection(tester: User) -> Connection:
    return factories.connection(tester, external_id=str(OWNER))


@pytest.fixture(autouse=True)
def _subscribed() -> None:
    PushSubscription.objects.create(source="strava", external_id="120475")


def send(body: bytes | str) -> Any:
    """As Strava does: without a cookie, and without a form of ours."""
    client = Client(enforce_csrf_checks=True)
    return client.post(ADDRESS, body, content_type="application/json")


def tell(**changes: Any) -> Any:
    return send(json.dumps({**EVENT, **changes}))


def kept() -> list[tuple[str, str, datetime]]:
    rows = ProviderEvent.objects.order_by("pk")
    return [(row.object_id, row.aspect, row.happened_at) for row in rows]


# --- The handshake ---


def shake(**changes: str) -> Any:
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": "15f7d1a91c1f40f8",
        "hub.verify_token": push.verify_token(),
    }
    return Client().get(ADDRESS, {**query, **changes})


def test_handshake_echoes_the_challenge() -> None:
    answer = shake()

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.content) == {"hub.challenge": "15f7d1a91c1f40f8"}


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": "guessed"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "é"},
        {"hub.mode": "unsubscribe"},
    ],
)
def test_handshake_with_somebody_else_is_refused(changes: dict[str, str]) -> None:
    answer = shake(**changes)

    assert (answer.status_code, answer.content) == (403, b"")


def test_verify_token_is_the_setting_or_made_from_the_secret_key(settings: LazySettings) -> None:
    derived = push.verify_token()
    settings.SECRET_KEY = "another"
    assert len(derived) == 64
    assert push.verify_token() != derived

    settings.STRAVA_VERIFY_TOKEN = "chosen"
    assert push.verify_token() == "chosen"
    assert shake(**{"hub.verify_token": "chosen"}).status_code == 200


# --- Events ---


def test_event_is_kept_once_and_a_worker_is_told_once(
    connection: Connection,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answers = [tell() for _ in range(3)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 3
    assert not any(answer.cookies for answer in answers)
    assert kept() == [("15000739801", "create", AT)]
    row = ProviderEvent.objects.get()
    assert (row.connection, row.handled_at, row.lease_until) == (connection, None, None)
    assert published == [("connections.handle_events", [connection.pk])]


def test_worker_who_has_been_told_finds_the_rest_too(
    connection: Connection,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tell()
        tell(aspect_type="update", updates={"title": "Renamed"})
        tell(object_id=2)
        tell(event_time=EVENT["event_time"] + 1)

    assert len(kept()) == 4
    assert len(published) == 1


def test_event_after_the_others_are_done_tells_a_worker_again(
    connection: Connection,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tell()
        ProviderEvent.objects.update(handled_at=AT)
        tell()
        tell(aspect_type="delete")

    assert [aspect for _, aspect, _ in kept()] == ["create", "delete"]
    assert len(published) == 2


def test_athlete_nobody_has_connected_is_answered_and_forgotten(connection: Connection) -> None:
    assert tell(owner_id=OWNER + 1).status_code == 200
    assert kept() == []


def test_end_of_our_access_is_kept_as_such(connection: Connection) -> None:
    told = {"object_type": "athlete", "aspect_type": "update", "object_id": OWNER}

    assert tell(**told, updates={"authorized": "false"}).status_code == 200

    assert kept() == [(str(OWNER), "ended", AT)]


@pytest.mark.parametrize("updates", [{}, {"authorized": "true"}, {"authorized": False}])
def test_other_news_of_the_athlete_mean_nothing(
    connection: Connection, updates: dict[str, Any]
) -> None:
    told = {"object_type": "athlete", "aspect_type": "update", "object_id": OWNER}

    assert tell(**told, updates=updates).status_code == 200

    assert kept() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"1" * 5000,
        b"[" * 60_000,
        *(
            json.dumps({name: value for name, value in EVENT.items() if name != gone})
            for gone in EVENT
            if gone != "updates"
        ),
        *(
            json.dumps({**EVENT, **changes})
            for changes in (
                {"object_type": "gear"},
                {"object_type": ["activity"]},
                {"aspect_type": "read"},
                {"object_id": "15000739801"},
                {"object_id": True},
                {"object_id": -1},
                {"object_id": 1.5},
                {"object_id": 2**63},
                {"owner_id": None},
                {"event_time": 10**12},
                {"event_time": "now"},
                {"updates": ["title"]},
                {"updates": None},
            )
        ),
    ],
)
def test_what_is_no_event_is_refused(connection: Connection, body: bytes | str) -> None:
    answer = send(body)

    assert (answer.status_code, answer.content) == (400, b"")
    assert kept() == []


def test_what_is_longer_than_any_event_is_not_read(connection: Connection) -> None:
    long = {**EVENT, "updates": {"title": "x" * 65_536}}

    assert send(json.dumps(long)).status_code == 413
    assert kept() == []


def test_event_of_another_subscription_is_refused(connection: Connection) -> None:
    assert tell(subscription_id=120_476).status_code == 403
    assert kept() == []


def test_event_before_anybody_subscribed_is_refused(connection: Connection) -> None:
    PushSubscription.objects.all().delete()

    assert tell().status_code == 403
    assert kept() == []


@pytest.mark.parametrize("provider", ["oura", "apple", "nobody"])
def test_source_that_tells_nothing_has_no_such_address(provider: str) -> None:
    assert Client().get(f"/webhooks/{provider}").status_code == 404
    assert Client().post(f"/webhooks/{provider}").status_code == 404


def test_other_methods_are_refused() -> None:
    assert Client().put(ADDRESS).status_code == 405
    assert Client().delete(ADDRESS).status_code == 405


# --- In a flood ---


def test_refusals_are_limited_for_each_address(
    connection: Connection,
    settings: LazySettings,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "webhook": [("address", 3, 300)]}

    assert [tell(subscription_id=1).status_code for _ in range(3)] == [403] * 3
    with django_assert_num_queries(0):
        assert tell(subscription_id=1).status_code == 429


def test_events_are_not_limited(connection: Connection, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "webhook": [("address", 3, 300)]}

    assert {tell(object_id=number).status_code for number in range(20)} == {200}
    assert {tell(owner_id=1).status_code for _ in range(20)} == {200}


def test_event_costs_few_statements_however_many_wait(
    connection: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def costs(queries: int, **changes: Any) -> None:
        with django_assert_num_queries(queries):
            assert tell(**changes).status_code == 200

    tell()
    costs(2, owner_id=1)  # whose subscription, and who is it
    costs(3)  # known already
    costs(5, object_id=2)  # kept, and whether others wait
    for number in range(3, 30):
        tell(object_id=number)
    costs(3)
    costs(5, object_id=31)


def test_nothing_of_an_event_is_logged(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        tell(updates={"title": "canary"}, aspect_type="update")
        shake(**{"hub.verify_token": "canary"})

    lines = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert "canary" not in "\n".join(record.getMessage() for record in lines)
    assert push.verify_token() not in caplog.text
