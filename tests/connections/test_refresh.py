"""Connections are read hourly without being asked, each by one worker, and say how it went."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from celery import current_app
from celery.signals import before_task_publish
from django.conf import LazySettings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts import privacy
from accounts.models import User
from connections import consent, refresh, retention, slots, sync, tasks
from connections.models import Connection, SyncAttempt
from connections.providers.base import Tokens
from connections.sources import Source
from tests import factories
from tests.connections.conftest import Provider, Reply, reload
from tests.factories import NOW
from tests.threads import at_once

BROKEN = Connection.State.BROKEN
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACTIVITY = {
    "id": 7,
    "name": "Evening ride",
    "sport_type": "Ride",
    "start_date": "2026-07-03T16:30:00Z",
    "moving_time": 3600,
    "elapsed_time": 4000,
}


@pytest.fixture
def strava_says(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(b"[]")
    return provider


@pytest.fixture
def sent() -> Iterator[list[tuple[str, Any, Any]]]:
    """What was handed to the broker: task, arguments, seconds until the message is void."""
    messages: list[tuple[str, Any, Any]] = []

    def note(sender: str, body: Any, headers: dict[str, Any], **_: Any) -> None:
        messages.append((sender, body[0], headers["expires"]))

    before_task_publish.connect(note, weak=False)
    yield messages
    before_task_publish.disconnect(note)


def due(user: User, source: Source = Source.STRAVA, **fields: Any) -> Connection:
    values = {"next_read_at": NOW, "last_success_at": NOW - HOUR, "history_read_at": NOW}
    return factories.connection(user, source, **{**values, **fields})


def many(count: int, **fields: Any) -> list[Connection]:
    users = [factories.tester(f"tester{number}@example.org") for number in range(count)]
    return [due(user, **fields) for user in users]


def asked_for(sent: list[tuple[str, Any, Any]]) -> list[int]:
    return [args[0] for task, args, _ in sent if task == "connections.sync"]


# --- Which are due ---


def test_due_connection_is_handed_to_a_worker_once_with_a_message_that_expires(
    tester: User, sent: list[tuple[str, Any, Any]]
) -> None:
    connection = due(tester)

    assert (refresh.sweep(NOW), refresh.sweep(NOW)) == (1, 0)

    ((task, args, expires),) = sent
    assert (task, list(args)) == ("connections.sync", [connection.pk])
    assert expires is not None
    assert reload(connection).next_read_at == NOW + slots.LEASE


@pytest.mark.parametrize(
    ("fields", "is_read"),
    [
        ({}, True),
        ({"next_read_at": NOW - 3 * HOUR}, True),
        ({"next_read_at": NOW + timedelta(seconds=1)}, False),
        ({"state": BROKEN}, False),
        ({"next_read_at": None}, False),
    ],
    ids=["now", "long ago", "not yet", "needs its tester", "has no slot yet"],
)
@pytest.mark.usefixtures("sent")
def test_sweep_takes_what_is_due(tester: User, fields: dict[str, Any], is_read: bool) -> None:
    due(tester, **fields)

    assert refresh.sweep(NOW) == int(is_read)


@pytest.mark.parametrize("fields", [{"health_consent_at": None}, {"is_active": False}])
def test_sweep_passes_by_whoever_may_not_be_read_and_comes_back(
    tester: User, stranger: User, sent: list[tuple[str, Any, Any]], fields: dict[str, Any]
) -> None:
    connection, allowed = due(tester), due(stranger)
    User.objects.filter(pk=tester.pk).update(**fields)

    refresh.sweep(NOW)

    assert asked_for(sent) == [allowed.pk]
    User.objects.filter(pk=tester.pk).update(health_consent_at=NOW, is_active=True)
    refresh.sweep(NOW + refresh.UNREADABLE_FOR)
    assert asked_for(sent) == [allowed.pk, connection.pk, allowed.pk]


def test_those_who_may_not_be_read_take_nobody_s_place(
    tester: User, stranger: User, sent: list[tuple[str, Any, Any]], settings: LazySettings
) -> None:
    settings.REFRESH_MOST_PER_MINUTE = 1
    due(tester, next_read_at=NOW - HOUR)
    allowed = due(stranger)
    User.objects.filter(pk=tester.pk).update(health_consent_at=None)

    refresh.sweep(NOW)

    assert asked_for(sent) == [allowed.pk]


def test_connection_from_before_there_were_slots_waits_for_its_own(
    tester: User, sent: list[tuple[str, Any, Any]]
) -> None:
    connection = due(tester, next_read_at=None)
    slot = slots.own_slot(connection.pk, NOW)

    assert refresh.sweep(NOW) == 0

    assert reload(connection).next_read_at == slot
    assert refresh.sweep(slot) == 1
    assert asked_for(sent) == [connection.pk]


@pytest.mark.django_db
def test_sweep_hands_out_so_many_a_minute_the_longest_due_first(
    settings: LazySettings, sent: list[tuple[str, Any, Any]]
) -> None:
    settings.REFRESH_MOST_PER_MINUTE = 2
    third, first, second = many(3)
    for connection, ago in ((third, 1), (first, 3), (second, 2)):
        Connection.objects.filter(pk=connection.pk).update(next_read_at=NOW - ago * MINUTE)

    assert (refresh.sweep(NOW), refresh.sweep(NOW), refresh.sweep(NOW)) == (2, 1, 0)

    assert asked_for(sent) == [*sorted([first.pk, second.pk]), third.pk]


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.django_db
@pytest.mark.usefixtures("sent")
def test_sweep_asks_the_database_as_often_for_many(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(count)

    # Those without a slot; then, in a savepoint, two that claim; and whom of them may be read.
    with django_assert_num_queries(6):
        assert refresh.sweep(NOW) == count


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sent")
def test_two_schedulers_hand_each_connection_out_once() -> None:
    connections = many(30)

    claimed = at_once(*[lambda: refresh.claim_due(NOW, 500) for _ in range(3)])

    assert sorted(chain(*claimed)) == [connection.pk for connection in connections]


def test_message_that_got_lost_is_sent_again_when_its_time_is_over(
    tester: User, sent: list[tuple[str, Any, Any]]
) -> None:
    connection = due(tester)

    for minutes in range(12):
        refresh.sweep(NOW + minutes * MINUTE)

    assert asked_for(sent) == [connection.pk, connection.pk]


def test_first_reading_that_got_lost_is_asked_for_again(
    tester: User,
    sent: list[tuple[str, Any, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with time_machine.travel(NOW, tick=False), django_capture_on_commit_callbacks(execute=True):
        connection = consent.keep(tester, Source.OURA, "me", Tokens(access_token="t"))
    sent.clear()

    refresh.sweep(NOW + slots.LEASE - MINUTE)
    assert asked_for(sent) == []
    refresh.sweep(NOW + slots.LEASE)

    assert asked_for(sent) == [connection.pk]


def test_beat_sweeps_every_minute(settings: LazySettings) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["sources whose hour has come"]

    assert (entry["task"], entry["schedule"]) == ("connections.refresh", 60.0)
    assert current_app.tasks["connections.refresh"].name == "connections.refresh"


def test_task_sweeps_now(tester: User, sent: list[tuple[str, Any, Any]]) -> None:
    connection = due(tester)

    with time_machine.travel(NOW, tick=False):
        tasks.refresh_due()

    assert asked_for(sent) == [connection.pk]


# --- When it is read next ---


def waits_of(times: int) -> list[timedelta]:
    """How long a source that keeps failing is left alone, each time."""
    connection, waits = Connection.objects.get(), []
    now = NOW
    for _ in range(times):
        sync.sync(reload(connection), now)
        again = reload(connection).next_read_at
        assert again is not None
        waits.append(again - now)
        now = again
    return waits


def test_success_sets_its_own_next_slot(tester: User, strava_says: Provider) -> None:
    connection = due(tester, failing_since=NOW - HOUR, told_at=NOW - HOUR, last_error="Busy.")

    sync.sync(connection, NOW)

    again = reload(connection)
    assert again.next_read_at == slots.own_slot(connection.pk, NOW)
    assert (again.failing_since, again.told_at, again.last_error) == (None, None, "")


def test_failing_source_is_left_alone_for_longer_each_time(
    tester: User, strava_says: Provider
) -> None:
    due(tester)
    strava_says.answers(Reply(status=500))

    waits = waits_of(7)

    assert [wait / MINUTE for wait in waits] == [15, 15, 30, 60, 120, 240, 360]
    assert Connection.objects.get().failing_since == NOW


def test_connection_that_needs_its_tester_is_not_read_again(
    tester: User, strava_says: Provider, sent: list[tuple[str, Any, Any]]
) -> None:
    connection = due(tester)
    strava_says.answers(Reply(status=401))

    sync.sync(connection, NOW)

    again = reload(connection)
    assert (again.state, again.next_read_at, again.failing_since) == (BROKEN, None, NOW)
    assert [refresh.sweep(NOW + hours * HOUR) for hours in range(48)] == [0] * 48


def test_waiting_for_a_busy_provider_is_no_failing(tester: User, strava_says: Provider) -> None:
    connection = due(tester)
    strava_says.answers(Reply(status=429))

    sync.sync(connection, NOW)

    again = reload(connection)
    assert (again.failing_since, again.next_read_at is not None) == (None, True)


# --- Read by one at a time ---


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_meet_one_reads(strava_says: Provider) -> None:
    connection = due(factories.tester())
    strava_says.answers(Reply(b"[]", delay_s=0.3))

    def read() -> str:
        try:
            sync.sync(reload(connection), NOW)
        except sync.BeingRead:
            return "left alone"
        return "read"

    assert sorted(at_once(read, read, read)) == ["left alone", "left alone", "read"]
    assert len(strava_says.asked) == 1
    assert SyncAttempt.objects.count() == 1
    assert reload(connection).reading_until is None


def test_task_leaves_a_connection_alone_that_is_being_read(
    tester: User, strava_says: Provider
) -> None:
    connection = due(tester, reading_until=timezone.now() + MINUTE)

    tasks.sync(connection.pk)

    assert strava_says.asked == []
    assert not SyncAttempt.objects.exists()


def test_connection_of_a_killed_worker_is_read_once_its_lease_is_over(
    tester: User, strava_says: Provider
) -> None:
    connection = due(tester, reading_until=NOW)

    assert sync.sync(connection, NOW).is_success


@pytest.mark.django_db(transaction=True)
def test_tester_who_connects_anew_does_not_wait_for_the_reading_before(
    strava_says: Provider,
) -> None:
    tester = factories.tester()
    connection = due(tester, reading_until=NOW + MINUTE)

    consent.keep(tester, Source.STRAVA, connection.external_id, Tokens(access_token="new"))

    assert sync.sync(reload(connection), NOW).is_success


def test_late_worker_does_not_end_the_lease_of_the_next(
    tester: User, strava_says: Provider
) -> None:
    connection = due(tester)
    theirs = NOW + HOUR

    with sync.alone(connection, NOW):
        Connection.objects.filter(pk=connection.pk).update(reading_until=theirs)

    assert reload(connection).reading_until == theirs


def test_operator_s_command_says_that_a_worker_is_at_it(
    tester: User, strava_says: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    due(tester, reading_until=timezone.now() + MINUTE)

    call_command("sync_connections")

    assert capsys.readouterr().out == f"Strava of {tester.pk}: a worker is reading it\n"
    assert strava_says.asked == []


# --- Before a run ---


@pytest.mark.parametrize(
    ("fields", "is_read"),
    [
        ({"last_success_at": NOW - 9 * MINUTE}, False),
        ({"last_success_at": NOW - 10 * MINUTE}, True),
        ({"last_success_at": None}, True),
        ({"last_success_at": NOW - MINUTE, "last_error": "Strava could not be reached."}, True),
        ({"last_success_at": NOW - MINUTE, "waits_for": NOW.date()}, True),
    ],
    ids=["just read", "a while ago", "never", "failing since", "the night was not there yet"],
)
def test_run_reads_what_was_not_read_a_moment_ago(
    tester: User, strava_says: Provider, fields: dict[str, Any], is_read: bool
) -> None:
    connection = due(tester, **fields)

    refresh.bring_up_to_date(connection, NOW)

    assert bool(strava_says.asked) is is_read


@pytest.mark.django_db(transaction=True)
def test_run_waits_for_a_reading_that_is_under_way(strava_says: Provider) -> None:
    connection = due(factories.tester())
    strava_says.answers(json.dumps([ACTIVITY]).encode(), Reply(b"[]", delay_s=0.6))

    def hourly() -> int:
        sync.sync(reload(connection), timezone.now())
        return -1

    def morning() -> int:
        time.sleep(0.2)
        refresh.bring_up_to_date(reload(connection), timezone.now())
        return connection.user.rides.count()

    assert at_once(hourly, morning) == [-1, 1]
    assert SyncAttempt.objects.count() == 1


def test_run_does_not_wait_for_ever(
    tester: User, strava_says: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "PATIENCE_S", 0.3)
    connection = due(tester, reading_until=timezone.now() + HOUR)
    began = time.monotonic()

    refresh.bring_up_to_date(connection, timezone.now())

    assert 0.3 <= time.monotonic() - began < 5
    assert strava_says.asked == []


# --- By the wish of a person ---


@pytest.mark.parametrize(
    ("consented", "fields", "refusal"),
    [
        (True, {}, None),
        (True, {"state": BROKEN, "last_error": "Connect Strava again."}, refresh.NeedsTester),
        (False, {}, privacy.NotAllowed),
    ],
)
def test_wish_is_refused_where_reading_is_of_no_use(
    tester: User,
    sent: list[tuple[str, Any, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    consented: bool,
    fields: dict[str, Any],
    refusal: type[Exception] | None,
) -> None:
    connection = due(tester, **fields)
    if not consented:
        User.objects.update(health_consent_at=None)

    with django_capture_on_commit_callbacks(execute=True):
        told = raised_by(lambda: refresh.read_now(connection))

    assert type(told) is (refusal or type(None))
    assert asked_for(sent) == ([] if refusal else [connection.pk])
    if refusal is refresh.NeedsTester:
        assert str(told) == "Connect Strava again."


def raised_by(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except (refresh.NeedsTester, privacy.NotAllowed) as error:
        return error
    return None


# --- What is kept of it, and what is logged ---


def test_attempts_are_forgotten_after_thirty_days(tester: User) -> None:
    connection = due(tester)
    days = (29, 30, 31, 400)
    for ago in days:
        started_at = NOW - timedelta(days=ago)
        SyncAttempt.objects.create(connection=connection, started_at=started_at)

    with time_machine.travel(NOW, tick=False):
        tasks.purge()

    kept = SyncAttempt.objects.order_by("-started_at").values_list("started_at", flat=True)
    assert list(kept) == [NOW - timedelta(days=29), NOW - timedelta(days=30)]
    assert retention.purge_attempts(NOW + timedelta(days=1)) == 1


def test_pass_is_logged_with_outcome_and_counts_and_no_secret(
    tester: User, strava_says: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    connection = due(tester, access_token="sesame-1", refresh_token="sesame-2")
    strava_says.answers(json.dumps([ACTIVITY]).encode(), b"[]", Reply(status=500))

    with caplog.at_level(logging.INFO, "connections"):
        sync.sync(connection, timezone.now() - timedelta(seconds=2))
        sync.sync(reload(connection), timezone.now())

    good, bad = [record.getMessage() for record in caplog.records]
    start = f"read strava, connection {connection.pk}: "
    assert good.startswith(f"{start}ok, 1 rides, 0 nights, 0 samples, 2")
    assert good.endswith(" ms")
    assert bad.startswith(f"{start}unavailable, 0 rides, 0 nights, 0 samples, ")
    for secret in ("sesame", "Evening ride", tester.email):
        assert secret not in caplog.text


def test_claim_is_undone_with_the_transaction_around_it(tester: User) -> None:
    connection = due(tester)

    with transaction.atomic():
        refresh.claim_due(NOW, 10)
        transaction.set_rollback(True)

    assert reload(connection).next_read_at == NOW
