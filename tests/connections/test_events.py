"""What a worker makes of events: rides as Strava has them now, asked for once each."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from social_django.models import UserSocialAuth

from accounts import backoff
from accounts.models import AuditEvent, Ftp, User
from connections import budget, consent, events, sync, tasks, webhooks
from connections.models import Connection, ProviderEvent, PushSubscription, RateBudget, Ride
from connections.providers.base import Tokens
from connections.providers.http import ProviderBusy
from connections.providers.strava import push
from connections.providers.strava.answers import LOST
from connections.providers.webhooks import ENDED, Event
from connections.sources import Source
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.connections.athletes import at_strava, connected, newest_rides
from tests.connections.conftest import Provider, Reply, reload
from tests.policies import set_policy
from tests.threads import at_once

NOW = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
OWNER = 77
RIDE: dict[str, Any] = {
    "id": 7,
    "athlete": {"id": OWNER},
    "name": "Evening ride",
    "sport_type": "Ride",
    "start_date": "2026-07-03T16:00:00Z",
    "moving_time": 3600,
    "elapsed_time": 3600,
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(tester: User) -> Connection:
    """Scripted: its owner is athlete 77, whatever the provider says."""
    return factories.connection(
        tester, external_id=str(OWNER), last_success_at=NOW, history_read_at=NOW
    )


@pytest.fixture
def strava(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    return provider


def body(**changes: Any) -> bytes:
    return json.dumps({**RIDE, **changes}).encode()


def happened(
    connection: Connection, object_id: str = "7", aspect: str = "create", **fields: Any
) -> ProviderEvent:
    values = {"happened_at": NOW, "received_at": NOW, **fields}
    return ProviderEvent.objects.create(
        connection=connection, object_id=object_id, aspect=aspect, **values
    )


def open_until() -> list[datetime | None]:
    """Of those that are not done with, until when they wait."""
    return [event.lease_until for event in ProviderEvent.objects.unhandled().order_by("pk")]


def first_wait(connection: Connection) -> timedelta:
    return backoff.wait(1, f"strava:{connection.pk}")


def alerts() -> list[tuple[str, str]]:
    rows = Notification.objects.filter(kind="alert").order_by("pk")
    return [(row.dedupe_key, row.subject) for row in rows]


GONE = Reply(b'{"message": "Record Not Found", "errors": []}', status=404)


# --- A ride ---


def test_new_ride_is_asked_for_and_kept(connection: Connection, strava: Provider) -> None:
    strava.answers(body(average_watts=150.0))
    event = happened(connection)

    assert events.handle(connection.pk, NOW) == 1

    ride = Ride.objects.get()
    assert (ride.user, ride.source, ride.external_id) == (connection.user, "strava", "7")
    assert (ride.name, ride.average_power_w, ride.read_at) == ("Evening ride", 150.0, NOW)
    event.refresh_from_db()
    assert (event.handled_at, event.lease_until) == (NOW, None)
    [asked] = strava.asked
    assert (asked.method, asked.path, asked.query, asked.authorization) == (
        "GET",
        "/activities/7",
        {"include_all_efforts": "false"},
        "Bearer canary-access",
    )


def test_events_of_one_ride_ask_for_it_once(connection: Connection, strava: Provider) -> None:
    strava.answers(body(name="Last name"))
    for second, aspect in enumerate(("create", "update", "update")):
        happened(connection, aspect=aspect, happened_at=NOW + timedelta(seconds=second))

    assert events.handle(connection.pk, NOW) == 3

    assert len(strava.asked) == 1
    assert Ride.objects.get().name == "Last name"
    assert open_until() == []


@pytest.mark.parametrize("aspect", ["create", "update", "delete"])
def test_ride_that_is_gone_goes_here_too(
    connection: Connection, strava: Provider, aspect: str
) -> None:
    day = NOW.date()
    factories.ride(connection.user, day, external_id="7")
    factories.ride(connection.user, day, external_id="8")
    factories.ride(connection.user, day, external_id="7", source=Source.FILE)
    strava.answers(GONE)
    happened(connection, aspect=aspect)

    events.handle(connection.pk, NOW)

    left = Ride.objects.order_by("source").values_list("source", "external_id")
    assert list(left) == [("file", "7"), ("strava", "8")]


def test_ride_that_is_said_to_be_deleted_and_is_not_stays(
    connection: Connection, strava: Provider
) -> None:
    factories.ride(connection.user, NOW.date(), external_id="7", name="Before")
    strava.answers(body())
    happened(connection, aspect="delete")

    events.handle(connection.pk, NOW)

    assert Ride.objects.get().name == "Evening ride"


def test_ride_of_another_athlete_is_never_kept(connection: Connection, strava: Provider) -> None:
    strava.answers(body(athlete={"id": OWNER + 1}))
    happened(connection)

    events.handle(connection.pk, NOW)

    assert not Ride.objects.exists()
    assert open_until() == []


def test_ride_from_before_our_history_is_not_kept(connection: Connection, strava: Provider) -> None:
    strava.answers(body(start_date="2025-07-03T16:00:00Z"))
    happened(connection)

    events.handle(connection.pk, NOW)

    assert not Ride.objects.exists()


def test_power_of_a_new_ride_is_made_from_its_stream(
    connection: Connection, strava: Provider
) -> None:
    seconds = json.dumps(list(range(300))).encode()
    watts = json.dumps([210] * 300).encode()
    stream = b'{"time": {"data": %s}, "watts": {"data": %s}}' % (seconds, watts)
    strava.answers(body(device_watts=True), stream)
    happened(connection)

    events.handle(connection.pk, NOW)

    ride = Ride.objects.get()
    assert ride.np_w == pytest.approx(210.0)
    assert ride.is_stream_read


def test_many_rides_at_once_are_read_as_a_list(connection: Connection, strava: Provider) -> None:
    Connection.objects.update(history_read_at=NOW - events.WHOLE_AT_MOST_EVERY)
    connection.refresh_from_db()
    strava.answers(json.dumps([{**RIDE, "id": number} for number in range(30)]).encode(), b"[]")
    for number in range(30):
        happened(connection, str(number))

    events.handle(connection.pk, NOW)

    assert [asked.path for asked in strava.asked] == ["/athlete/activities"] * 2
    since = NOW - timedelta(days=180)
    assert strava.asked[0].query["after"] == str(int(since.timestamp()))
    assert (Ride.objects.count(), open_until()) == (30, [])


def test_flood_of_events_has_the_whole_history_read_once_in_a_while(
    connection: Connection, strava: Provider
) -> None:
    Connection.objects.update(history_read_at=NOW - timedelta(minutes=5))
    for number in range(30):
        happened(connection, str(number))

    events.handle(connection.pk, NOW)

    assert strava.asked == []
    assert open_until() == [NOW + timedelta(minutes=25)] * 30


def test_nothing_is_asked_for_a_tester_who_no_longer_allows_it(
    connection: Connection, strava: Provider
) -> None:
    User.objects.update(health_consent_at=None)
    happened(connection, "7")

    events.handle(connection.pk, NOW)

    assert (strava.asked, open_until()) == ([], [])


def test_events_wait_while_their_connection_is_being_read(
    connection: Connection, strava: Provider
) -> None:
    happened(connection, "7")

    with sync.alone(connection, NOW):
        events.handle(connection.pk, NOW)

    assert strava.asked == []
    assert open_until() == [NOW + first_wait(connection)]


def test_ride_from_before_our_history_stays_as_it_is(
    connection: Connection, strava: Provider
) -> None:
    factories.ride(connection.user, NOW.date(), external_id="7")
    strava.answers(body(start_date="2025-07-03T22:30:00Z"))
    happened(connection, "7")

    events.handle(connection.pk, NOW)

    assert Ride.objects.count() == 1


# --- What cannot be had now ---


def test_used_up_budget_keeps_what_was_had_and_the_rest_waits_its_turn(
    connection: Connection, strava: Provider, settings: LazySettings
) -> None:
    set_policy(settings, "strava", RATE_LIMIT=(3, 100))  # 70 % of it: three requests
    strava.answers(*[body(id=number) for number in range(5)])
    for number in range(5):
        happened(connection, str(number))

    events.handle(connection.pk, NOW)

    assert Ride.objects.count() == 3
    with pytest.raises(ProviderBusy) as busy:
        budget.take(Source.STRAVA, timezone.now(), share=0.7)
    assert open_until() == [busy.value.retry_at] * 2
    assert events.claim(connection.pk, NOW) == []


def test_strava_that_is_down_is_asked_again_later_and_later(
    connection: Connection, strava: Provider
) -> None:
    happened(connection)
    now, waits = NOW, []
    for _ in range(8):
        strava.answers(Reply(status=500))
        events.handle(connection.pk, now)
        [until] = open_until()
        assert until is not None
        waits.append((until - now) / timedelta(minutes=1))
        now = until
    strava.answers(body())

    events.handle(connection.pk, now)

    least = [1, 2, 4, 8, 16, 32, 60, 60]
    assert [n for n, wait in zip(least, waits, strict=True) if not n <= wait <= 1.25 * n] == []
    event = ProviderEvent.objects.get()
    assert (event.attempts, event.handled_at, event.given_up_at) == (8, now, None)
    assert (Ride.objects.count(), alerts()) == (1, [])


def test_sweep_hands_out_what_waited_its_time(
    connection: Connection,
    strava: Provider,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    strava.answers(Reply(status=500))
    happened(connection)
    events.handle(connection.pk, NOW)
    due = NOW + first_wait(connection)

    assert events.publish_again(due - timedelta(milliseconds=1)) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert events.publish_again(due) == 1

    assert published == [("connections.handle_events", [connection.pk])]


def test_time_the_provider_names_is_no_attempt_and_one_that_is_past_is_no_time(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(connection)
    told = NOW + timedelta(minutes=7)
    seen = []
    for retry_at, now in ((told, NOW), (told, told)):

        def busy(*_: object, retry_at: datetime = retry_at) -> None:
            raise ProviderBusy("Later.", retry_at)

        monkeypatch.setattr(events, "_follow", busy)
        events.handle(connection.pk, now)
        seen.append((ProviderEvent.objects.get().attempts, *open_until()))

    assert seen == [(0, told), (1, told + first_wait(connection))]


@pytest.mark.parametrize("attempts", [0, 30])
def test_what_waited_for_a_day_is_given_up_and_told_once_a_day_for_each_source(
    connection: Connection, attempts: int
) -> None:
    day = timedelta(days=1)
    for number in range(2):
        happened(connection, str(number), attempts=attempts, lease_until=NOW)
    happened(connection, "2", received_at=NOW + timedelta(hours=1))
    late = NOW + day + timedelta(seconds=1)

    seen = [[(event.pk, event.given_up_at) for event in ProviderEvent.objects.order_by("pk")]]
    for now in (NOW + day, late, late + timedelta(minutes=5)):
        events.publish_again(now)
        rows = ProviderEvent.objects.order_by("pk")
        assert [row.handled_at for row in rows] == [row.given_up_at for row in rows]
        seen.append([(row.pk, row.given_up_at) for row in rows])

    keys = [pk for pk, _ in seen[0]]
    assert seen[1] == seen[0]
    assert seen[2] == seen[3] == [(keys[0], late), (keys[1], late), (keys[2], None)]
    assert alerts() == [
        (
            "alert:events:strava:2026-07-05",
            "Lanterne Rouge alert: what Strava told could not be looked into",
        )
    ]


def test_what_nobody_was_at_for_a_day_is_looked_into_once_all_the_same(
    connection: Connection, strava: Provider
) -> None:
    """Or what was deleted at Strava while no worker was there would stay here."""
    happened(connection, received_at=NOW - timedelta(days=2))

    assert events.publish_again(NOW) == 1
    strava.answers(Reply(status=500))
    events.handle(connection.pk, NOW)
    assert ProviderEvent.objects.get().given_up_at is None
    assert events.publish_again(NOW) == 0

    assert (ProviderEvent.objects.get().given_up_at, len(alerts())) == (NOW, 1)


def test_worker_that_is_at_it_when_it_is_given_up_changes_nothing(connection: Connection) -> None:
    happened(connection, received_at=NOW - timedelta(days=2))
    held = events.claim(connection.pk, NOW)

    events.publish_again(NOW)
    events._done(held, NOW + timedelta(minutes=1))
    events._postpone(connection, held, NOW)

    event = ProviderEvent.objects.get()
    assert (event.given_up_at, event.handled_at, event.lease_until) == (NOW, NOW, None)


def test_one_sweep_takes_on_no_more_than_it_may_the_oldest_first(
    connection: Connection, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_AT_ONCE", 1)
    told: list[int] = []
    monkeypatch.setattr(events, "publish", told.append)
    other = factories.connection(stranger)
    for who, minutes in ((connection, 5), (other, 9)):
        happened(who, received_at=NOW - timedelta(minutes=minutes))
        happened(who, received_at=NOW - timedelta(days=2), object_id="8", lease_until=NOW)

    assert events.publish_again(NOW) == 1

    assert ProviderEvent.objects.exclude(given_up_at=None).count() == 1
    assert told == [ProviderEvent.objects.unhandled().earliest("received_at").connection_id]


def test_events_that_got_lost_on_their_way_are_handed_out_again_once_for_each_tester(
    connection: Connection,
    stranger: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    other = factories.connection(stranger)
    for number in range(3):
        happened(connection, str(number))
        happened(other, str(number))

    assert events.publish_again(NOW + timedelta(seconds=50)) == 0
    later = time_machine.travel(NOW + timedelta(minutes=2))
    with later, django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()

    told = [args for name, args in published if name == "connections.handle_events"]
    assert sorted(told) == sorted([[connection.pk], [other.pk]])


def test_worker_that_was_killed_is_replaced_after_its_lease(
    connection: Connection, strava: Provider
) -> None:
    happened(connection)
    assert len(events.claim(connection.pk, NOW)) == 1

    assert events.claim(connection.pk, NOW + timedelta(minutes=9)) == []
    assert len(events.claim(connection.pk, NOW + timedelta(minutes=10))) == 1


def test_event_that_comes_meanwhile_is_left_to_the_worker_who_is_at_the_others(
    connection: Connection, strava: Provider
) -> None:
    happened(connection)
    first = events.claim(connection.pk, NOW)

    assert events.keep("strava", Event(str(OWNER), "8", "create", NOW), NOW)
    assert events.claim(connection.pk, NOW) == []

    first[0].connection.events.filter(pk=first[0].pk).update(handled_at=NOW, lease_until=None)
    assert [event.object_id for event in events.claim(connection.pk, NOW)] == ["8"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_ask_once(strava: Provider) -> None:
    connection = factories.connection(factories.tester(), external_id=str(OWNER))
    strava.answers(Reply(body(), delay_s=0.2))
    happened(connection)

    def work() -> int:
        return events.handle(connection.pk, NOW)

    assert sorted(at_once(*[work] * 4)) == [0, 0, 0, 1]
    assert len(strava.asked) == 1


def test_dead_access_is_left_to_an_ordinary_reading_to_tell(
    connection: Connection,
    strava: Provider,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    fault = {"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}
    refused = Reply(json.dumps({"errors": [fault]}).encode(), status=400)
    strava.answers(Reply(status=401), refused, Reply(status=401), refused)
    happened(connection)

    with django_capture_on_commit_callbacks(execute=True):
        events.handle(connection.pk, NOW)
    assert published == [("connections.sync", [connection.pk])]
    assert open_until() == []

    sync.sync(reload(connection), NOW)
    after = reload(connection)
    assert (after.state, after.last_error) == (Connection.State.BROKEN, LOST)


def test_broken_connection_is_not_asked_for_rides(connection: Connection, strava: Provider) -> None:
    Connection.objects.update(state=Connection.State.BROKEN)
    happened(connection)

    events.handle(connection.pk, NOW)

    assert (strava.asked, open_until()) == ([], [])


def test_tester_who_took_back_their_consent_has_nothing_kept(
    connection: Connection, strava: Provider
) -> None:
    User.objects.update(health_consent_at=None)
    strava.answers(body())
    happened(connection)

    events.handle(connection.pk, NOW)

    assert (Ride.objects.count(), open_until()) == (0, [])


def test_ride_of_an_earlier_consent_is_not_kept(connection: Connection, strava: Provider) -> None:
    def connect_another() -> None:
        consent.keep(connection.user, "strava", "78", Tokens("new"))

    happened(connection)
    [event] = events.claim(connection.pk, NOW)
    connect_another()
    strava.answers(body())

    events._look_into(connection, [event], NOW)

    assert not Ride.objects.exists()


def test_events_are_forgotten_after_a_week(connection: Connection) -> None:
    week = timedelta(days=7)
    happened(connection, received_at=NOW - week - timedelta(seconds=1), handled_at=NOW - week)
    young = happened(connection, "8", received_at=NOW - week)

    assert events.purge(NOW) == 1
    assert ProviderEvent.objects.get() == young


def test_purge_task_forgets_them(connection: Connection) -> None:
    happened(connection, received_at=NOW - timedelta(days=900))

    tasks.purge()

    assert not ProviderEvent.objects.exists()


# --- The end of our access ---


def told_that_it_ended(connection: Connection) -> None:
    happened(connection, connection.external_id, ENDED)


def test_box_that_was_unticked_is_no_end(connection: Connection, strava: Provider) -> None:
    factories.ride(connection.user, NOW.date(), external_id="7")
    fault = {"resource": "AccessToken", "field": "read_permission", "code": "missing"}
    strava.answers(Reply(json.dumps({"errors": [fault]}).encode(), status=401))
    told_that_it_ended(connection)

    events.handle(connection.pk, NOW)

    assert Ride.objects.count() == 1
    assert reload(connection).access_token


def test_access_that_ended_there_erases_what_came_from_it_and_says_so(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    now = timezone.now()
    sync.sync(connection, now)
    factories.ride(tester, NOW.date(), source=Source.FILE)
    UserSocialAuth.objects.create(user=tester, provider="strava", uid=connection.external_id)
    Ftp.objects.create(
        user=tester, effective_date=NOW.date(), power_w=250, source=Ftp.Source.STRAVA
    )
    at_strava("deauthorise", athlete_id=int(connection.external_id))
    told_that_it_ended(connection)

    assert events.handle(connection.pk, now) == 1

    after = reload(connection)
    assert (after.state, after.last_error) == (
        Connection.State.BROKEN,
        consent.ENDED.format(label="Strava"),
    )
    (mail,) = Notification.objects.filter(user=tester, kind="connection")
    assert mail.text.splitlines()[:3] == ["Strava needs you.", "", after.last_error]
    assert (after.access_token, after.refresh_token, after.external_id) == ("", "", "")
    assert (after.last_success_at, after.epoch) == (None, connection.epoch + 1)
    assert [ride.source for ride in tester.rides.all()] == ["file"]
    assert not tester.ftps.exists()
    assert not tester.social_auth.exists()
    assert AuditEvent.objects.filter(kind=AuditEvent.Kind.DISCONNECTED, user=tester).count() == 1
    assert open_until() == []


def test_access_that_is_only_said_to_have_ended_changes_nothing(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    factories.ride(tester, NOW.date())
    told_that_it_ended(connection)

    events.handle(connection.pk, timezone.now())

    assert reload(connection).state == Connection.State.OK
    assert tester.rides.count() == 1
    assert open_until() == []


def test_end_is_followed_though_the_connection_was_known_to_be_broken(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    factories.ride(tester, NOW.date())
    at_strava("deauthorise", athlete_id=int(connection.external_id))
    assert sync.sync(connection, timezone.now()).reason == "reconnect"
    assert tester.rides.count() == 1
    told_that_it_ended(reload(connection))

    events.handle(connection.pk, timezone.now())

    assert reload(connection).last_error == consent.ENDED.format(label="Strava")
    assert not tester.rides.exists()


@pytest.mark.parametrize("mode", ["server_error", "rate_limited", "inactive"])
def test_end_that_cannot_be_made_sure_of_now_is_looked_into_later(
    tester: User, stand_ins: StandIns, mode: str
) -> None:
    connection = connected(tester)
    factories.ride(tester, NOW.date())
    told_that_it_ended(connection)
    stand_ins.mode("strava", mode)

    events.handle(connection.pk, timezone.now())

    assert tester.rides.count() == 1
    assert len(open_until()) == 1


def test_tester_who_connects_again_meanwhile_keeps_everything(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    factories.ride(tester, NOW.date())
    Connection.objects.filter(pk=connection.pk).update(epoch=5)

    consent.end(connection, timezone.now())

    assert reload(connection).state == Connection.State.OK
    assert tester.rides.count() == 1


def test_whoever_connects_again_is_read_from_the_beginning(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    at_strava("deauthorise", athlete_id=int(connection.external_id))
    told_that_it_ended(connection)
    events.handle(connection.pk, timezone.now())
    fresh = connected(factories.tester("other@example.org"))
    pair = Tokens(fresh.access_token, fresh.refresh_token, fresh.expires_at)
    account = fresh.external_id
    fresh.delete()

    again = consent.keep(tester, "strava", account, pair)
    attempt = sync.sync(again, timezone.now())

    assert attempt.is_success
    assert attempt.rides > 60


def test_access_that_ended_can_be_disconnected_without_asking_strava(
    connection: Connection, strava: Provider
) -> None:
    consent.end(connection, NOW)

    consent.withdraw(reload(connection))

    assert strava.asked == []
    assert not Connection.objects.exists()


# --- What nobody told ---


def test_reading_repairs_what_an_event_that_never_came_would_have_told(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    now = timezone.now()
    sync.sync(connection, now, is_whole=True)
    renamed, deleted = newest_rides(2)
    before = tester.rides.count()
    at_strava(f"rides/{renamed.id}/rename", name="Said to nobody")
    at_strava(f"rides/{deleted.id}/delete")

    assert sync.sync(reload(connection), now + timedelta(hours=1)).is_success

    assert tester.rides.count() == before - 1
    assert not tester.rides.filter(external_id=str(deleted.id)).exists()
    assert tester.rides.get(external_id=str(renamed.id)).name == "Said to nobody"


# --- From end to end, over real HTTP ---


@pytest.mark.django_db(transaction=True)
def test_ride_renamed_and_deleted_at_strava_is_so_here(
    stand_ins: StandIns, published: list[tuple[str, list[Any]]]
) -> None:
    tester = factories.tester()
    connection = connected(tester)
    call_command("strava_webhook", "subscribe")
    [ride] = newest_rides(1)
    told = {"tell": True, "athlete_id": int(connection.external_id)}

    renamed = at_strava(f"rides/{ride.id}/rename", name="Told at once", **told)
    tasks.handle_events(connection.pk)
    name = tester.rides.get(external_id=str(ride.id)).name
    deleted = at_strava(f"rides/{ride.id}/delete", **told)
    tasks.handle_events(connection.pk)

    assert (renamed["statuses"], deleted["statuses"]) == ([200], [200])
    assert name == "Told at once"
    assert not tester.rides.exists()
    assert [name for name, _ in published] == ["connections.handle_events"] * 2


@pytest.mark.django_db(transaction=True)
def test_access_ended_at_strava_is_ended_here(stand_ins: StandIns) -> None:
    tester = factories.tester()
    connection = connected(tester)
    sync.sync(connection, timezone.now())
    call_command("strava_webhook", "subscribe")

    told = at_strava("deauthorise", athlete_id=int(connection.external_id))
    tasks.handle_events(connection.pk)

    assert told["event"]["updates"] == {"authorized": "false"}
    assert told["statuses"] == [200]
    assert reload(connection).state == Connection.State.BROKEN
    assert not tester.rides.exists()


@pytest.mark.django_db(transaction=True)
def test_command_subscribes_shows_and_unsubscribes(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str], settings: LazySettings
) -> None:
    def said(*arguments: str) -> str:
        call_command("strava_webhook", *arguments)
        return capsys.readouterr().out.strip()

    url = f"{settings.SITE_URL}/webhooks/strava"
    assert said("show") == "Strava tells nobody."
    subscribed = said("subscribe")
    number = PushSubscription.objects.get().external_id
    assert subscribed == f"Strava tells {url} (subscription {number})."
    assert said("subscribe") == subscribed
    assert said("show") == f"subscription {number} tells {url}; this service listens to it"
    assert said("unsubscribe", "--dry-run") == f"Would end subscription {number} to {url}."
    assert PushSubscription.objects.exists()
    assert said("unsubscribe") == f"Subscription {number} is ended."
    assert not PushSubscription.objects.exists()
    assert said("unsubscribe") == "Strava tells nobody; there is nothing to end."
    assert push.subscriptions() == []


@pytest.mark.django_db(transaction=True)
def test_command_adopts_a_subscription_it_has_forgotten(stand_ins: StandIns) -> None:
    call_command("strava_webhook", "subscribe")
    number = PushSubscription.objects.get().external_id
    PushSubscription.objects.all().delete()

    call_command("strava_webhook", "subscribe")

    assert PushSubscription.objects.get().external_id == number


@pytest.mark.django_db(transaction=True)
def test_command_says_what_is_in_the_way(stand_ins: StandIns, settings: LazySettings) -> None:
    here = settings.SITE_URL
    settings.SITE_URL = "http://127.0.0.1:9"
    with pytest.raises(
        CommandError, match=r"Strava must reach http://127\.0\.0\.1:9/webhooks/strava"
    ):
        call_command("strava_webhook", "subscribe")
    settings.SITE_URL = here
    call_command("strava_webhook", "subscribe")
    settings.SITE_URL = "https://moved.example"
    with pytest.raises(CommandError, match="tells one address only"):
        call_command("strava_webhook", "subscribe")
    settings.SOCIAL_AUTH_STRAVA_SECRET = "wrong"
    with pytest.raises(CommandError, match=r"^Strava has switched this service's access off"):
        call_command("strava_webhook", "show")
    with pytest.raises(CommandError, match="--dry-run is for unsubscribe"):
        call_command("strava_webhook", "show", "--dry-run")


# --- A storm ---


def test_storm_of_two_thousand_events_asks_for_each_ride_once(
    strava: Provider,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    settings: LazySettings,
) -> None:
    """Ten testers with ten rides each, each told 16 times; and 400 athletes that are unknown."""
    set_policy(settings, "strava", RATE_LIMIT=(10_000, 10_000))
    PushSubscription.objects.create(source="strava", external_id="1")
    owners = range(1000, 1010)
    for owner in owners:
        factories.connection(factories.tester(f"{owner}@example.org"), external_id=str(owner))
    storm = [event_of(owner, ride) for _ in range(16) for owner in owners for ride in range(10)]
    storm += [event_of(owner, 1) for owner in range(5000, 5400)]
    sent = [RequestFactory().post("/", event, content_type="application/json") for event in storm]

    with django_capture_on_commit_callbacks(execute=True):
        statuses = Counter(webhooks.receive(one, "strava").status_code for one in sent)
    for _, (pk,) in published:
        tell_as(strava, reload(Connection(pk=pk)))
        events.handle(pk, NOW)

    assert statuses == {200: 2_000}
    assert len(published) == 10
    assert ProviderEvent.objects.count() == 100
    assert set(Counter(asked.path for asked in strava.asked).values()) == {10}
    assert Ride.objects.count() == len(strava.asked) == 100
    assert open_until() == []
    assert RateBudget.objects.get().quarter_used == 100


def event_of(owner: int, ride: int) -> dict[str, Any]:
    return {
        "object_type": "activity",
        "object_id": ride + 1,
        "aspect_type": "create",
        "updates": {},
        "owner_id": owner,
        "subscription_id": 1,
        "event_time": 1_783_144_800,
    }


def tell_as(strava: Provider, connection: Connection) -> None:
    """The rides of one athlete, in the order they are asked for."""
    owner = {"id": int(connection.external_id)}
    numbers = sorted(connection.events.values_list("object_id", flat=True))
    strava.answers(*[body(id=int(number), athlete=owner) for number in numbers])
