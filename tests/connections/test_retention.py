import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from accounts import purging
from accounts.models import User
from connections import retention, sync
from connections.models import Connection, DailySample, Ride
from connections.sources import Source
from connections.tasks import purge
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, new_tokens, reload
from tests.factories import NOW, TODAY
from tests.policies import set_policy

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def strava_says(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(b"[]")
    return provider


def activities(*days_ago: int) -> bytes:
    return json.dumps(
        [
            {
                "id": ago,
                "name": f"Ride of {ago} days ago",
                "sport_type": "Ride",
                "start_date": (NOW - ago * DAY).isoformat(),
                "moving_time": 3600,
                "elapsed_time": 4000,
            }
            for ago in days_ago
        ]
    ).encode()


def read(connection: Connection, now: datetime) -> None:
    assert sync.sync(reload(connection), now).is_success


def ids(user: User) -> set[str]:
    return set(user.rides.values_list("external_id", flat=True))


# --- The purge ---


@pytest.mark.parametrize(
    ("age", "is_kept"), [(7 * DAY, True), (7 * DAY + timedelta(seconds=1), False)]
)
def test_purge_takes_what_was_read_longer_ago_than_the_source_allows(
    tester: User, age: timedelta, is_kept: bool
) -> None:
    factories.ride(tester, TODAY, read_at=NOW - age)

    assert retention.purge(NOW) == (0 if is_kept else 1)

    assert tester.rides.exists() is is_kept


def test_purge_leaves_sources_that_may_be_kept_as_long_as_the_account(tester: User) -> None:
    long_ago = NOW - timedelta(days=4000)
    factories.night(tester, TODAY, read_at=long_ago)
    factories.ride(tester, TODAY, source=Source.APPLE, read_at=long_ago)

    assert retention.purge(NOW) == 0


def test_purge_follows_the_settings_for_every_kind_of_reading(
    tester: User, settings: LazySettings
) -> None:
    set_policy(settings, "strava", KEEP_DAYS=None)
    set_policy(settings, "oura", KEEP_DAYS=30)
    set_policy(settings, "apple", KEEP_DAYS=60)
    ages = {Source.STRAVA: 90, Source.OURA: 31, Source.APPLE: 59}
    for source, age in ages.items():
        told = {"source": source, "read_at": NOW - age * DAY}
        factories.ride(tester, TODAY, **told)
        factories.night(tester, TODAY, **told)
        kind = DailySample.Kind.STEPS
        tester.samples.create(local_date=TODAY, kind=kind, value=1, unit="", **told)

    assert retention.purge(NOW) == 3

    for rows in (tester.rides, tester.nights, tester.samples):
        assert set(rows.values_list("source", flat=True)) == {Source.STRAVA, Source.APPLE}


def test_purge_works_in_batches_and_leaves_too_much_to_the_next_night(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    monkeypatch.setattr(purging, "MOST_AT_ONCE", 4)
    for ago in range(7):
        factories.ride(tester, TODAY - ago * DAY, read_at=NOW - 8 * DAY)

    assert [retention.purge(NOW) for _ in range(3)] == [4, 3, 0]


def test_purge_is_a_task_of_every_night(tester: User) -> None:
    factories.ride(tester, TODAY, read_at=NOW - 8 * DAY)

    with time_machine.travel(NOW, tick=False):
        purge()

    assert not tester.rides.exists()


# --- With a reading each morning ---


def test_connected_tester_keeps_the_history_for_weeks(tester: User, stand_ins: StandIns) -> None:
    connection = factories.connection(tester, **new_tokens())
    counts = []
    for day in range(22):
        now = NOW + day * DAY
        with time_machine.travel(now, tick=False):
            Connection.objects.update(expires_at=now + DAY)
            read(connection, now)
            purge()
        counts.append(tester.rides.filter(local_date__lt=TODAY - 30 * DAY).count())

    assert min(counts) > 60
    assert not tester.rides.filter(read_at__lt=NOW + 14 * DAY).exists()


def test_history_that_tells_of_deletions_is_read_again_each_day(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)
    readings = [NOW + number * DAY / 3 for number in range(7)]
    for now in readings:
        read(connection, now)

    asked = [int(one.query["after"]) for one in strava_says.asked]
    spans = [
        round((now.timestamp() - after) / 86_400)
        for now, after in zip(readings, asked, strict=True)
    ]
    assert spans == [180, 7, 7, 180, 7, 7, 180]


def test_history_is_read_again_before_half_the_term_is_over_twice(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    set_policy(settings, "oura", KEEP_DAYS=8)
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"data": []}')
    connection = factories.connection(tester, Source.OURA)
    is_whole = []
    for day in range(9):
        before = len(provider.asked)
        read(connection, NOW + day * DAY)
        is_whole.append(provider.asked[before].query["start_date"] < "2026-03-01")

    assert is_whole == [True, False, False, False, True, False, False, False, True]


def test_disconnected_or_broken_source_loses_what_it_told(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)
    strava_says.answers(activities(2, 90), b"[]")
    read(connection, NOW)
    strava_says.answers(Reply(status=401))

    for day in range(1, 9):
        sync.sync(reload(connection), NOW + day * DAY)
        retention.purge(NOW + day * DAY)

    assert not tester.rides.exists()


def test_source_without_a_term_is_read_in_full_once(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"data": []}')
    connection = factories.connection(tester, Source.OURA)
    read(connection, NOW)
    first = len(provider.asked)

    read(connection, NOW + 30 * DAY)

    assert provider.asked[first].query["start_date"] == "2026-06-27"


# --- What is gone at the source ---


def test_ride_deleted_at_strava_disappears_with_the_next_reading_of_its_day(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)
    strava_says.answers(activities(2, 3, 90, 91), b"[]")
    read(connection, NOW)
    assert ids(tester) == {"2", "3", "90", "91"}

    strava_says.answers(activities(3), b"[]")
    read(connection, NOW + DAY / 3)
    assert ids(tester) == {"3", "90", "91"}

    strava_says.answers(activities(3, 91), b"[]")
    read(connection, NOW + 4 * DAY)
    assert ids(tester) == {"3", "91"}
    assert set(tester.rides.values_list("read_at", flat=True)) == {NOW + 4 * DAY}


def test_reading_that_breaks_off_takes_no_ride_away(tester: User, strava_says: Provider) -> None:
    connection = factories.connection(tester)
    strava_says.answers(activities(2, 90), b"[]")
    read(connection, NOW)

    strava_says.answers(activities(2), Reply(status=500))
    assert not sync.sync(reload(connection), NOW + 4 * DAY).is_success

    assert ids(tester) == {"2", "90"}
    assert reload(connection).history_read_at == NOW


def test_what_strava_does_not_tell_leaves_other_sources_and_testers_alone(
    tester: User, stranger: User, strava_says: Provider
) -> None:
    mine = factories.ride(tester, TODAY, source=Source.APPLE, read_at=NOW - DAY)
    theirs = factories.ride(stranger, TODAY, read_at=NOW - DAY)

    read(factories.connection(tester), NOW)

    assert list(Ride.objects.order_by("pk")) == [mine, theirs]


@pytest.mark.django_db(transaction=True)
def test_tester_who_disconnects_during_a_reading_gets_nothing_stored(
    strava_says: Provider,
) -> None:
    tester = factories.tester()
    connection = factories.connection(tester)
    leaves: Any = Connection.objects.all().delete
    strava_says.answers(Reply(activities(2), meanwhile=leaves), b"[]")

    attempt = sync.sync(connection, NOW)

    assert attempt.error == "Strava is not connected any more."
    assert not tester.rides.exists()


def test_reading_of_a_connection_that_is_gone_stores_nothing(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)
    Connection.objects.all().delete()

    attempt = sync.sync(connection, NOW)

    assert (attempt.is_success, attempt.error) == (False, "Strava is not connected any more.")
    assert strava_says.asked == []
