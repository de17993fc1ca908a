from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import User
from connections import consent
from connections.coverage import Coverage
from connections.models import Connection
from connections.providers.base import Tokens
from connections.sources import Source
from tests import factories
from tests.factories import NOW
from tests.policies import set_policy

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CONNECTED_AT = NOW - 30 * DAY


def connect(user: User, provider: Source = Source.STRAVA, **fields: Any) -> None:
    fields = {"last_success_at": NOW, "connected_at": CONNECTED_AT, **fields}
    connection = factories.connection(user, provider)
    Connection.objects.filter(pk=connection.pk).update(**fields)


def told(
    user: User,
    *,
    source: str = "strava",
    of: datetime = NOW - 2 * DAY,
    since: datetime = NOW - HOUR,
    now: datetime = NOW,
) -> bool:
    return Coverage.of(user).would_have_told(source, of=of, since=since, now=now)


def test_source_read_since_over_that_day_would_have_told(tester: User) -> None:
    connect(tester)

    assert told(tester)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": Connection.State.BROKEN},
        {"last_error": "Strava did not answer."},
        {"last_success_at": None},
        {"last_success_at": NOW - HOUR},
        # Connected, or connected to another account, only after what it should know.
        {"connected_at": NOW - HOUR + timedelta(seconds=1)},
    ],
    ids=["broken", "failing", "never read", "not read since", "connected since"],
)
def test_source_that_was_not_asked_since_says_nothing(tester: User, fields: Any) -> None:
    connect(tester, **fields)

    assert not told(tester)


def test_source_of_nobody_or_of_somebody_else_says_nothing(tester: User, stranger: User) -> None:
    connect(stranger)

    assert not told(tester)
    assert not told(stranger, source="")


@pytest.mark.parametrize("source", [Source.OURA, Source.APPLE])
def test_source_that_lists_no_rides_or_deletes_none_says_nothing(
    tester: User, source: Source
) -> None:
    connect(tester, source)

    assert not told(tester, source=source.value)


@pytest.mark.parametrize(
    ("ago", "is_covered"), [(7 * DAY, False), (7 * DAY - timedelta(seconds=1), True)]
)
def test_reading_reaches_back_as_far_as_it_overlaps(
    tester: User, ago: timedelta, is_covered: bool
) -> None:
    connect(tester, history_read_at=NOW - 2 * DAY)

    assert told(tester, of=NOW - ago) is is_covered


@pytest.mark.parametrize(
    ("ago", "is_covered"), [(180 * DAY, False), (180 * DAY - timedelta(seconds=1), True)]
)
def test_reading_of_the_history_reaches_back_half_a_year(
    tester: User, ago: timedelta, is_covered: bool
) -> None:
    connect(tester, history_read_at=NOW)

    assert told(tester, of=NOW - ago) is is_covered


@pytest.mark.parametrize(
    ("keep_days", "is_told"), [(7, False), (None, True)], ids=["purged", "kept for good"]
)
def test_reading_whose_rides_may_be_purged_says_nothing(
    tester: User, settings: LazySettings, keep_days: int | None, is_told: bool
) -> None:
    set_policy(settings, "strava", KEEP_DAYS=keep_days)
    connect(tester)
    later = NOW + 7 * DAY + timedelta(seconds=1)

    assert told(tester, now=later) is is_told
    assert told(tester, now=NOW + 7 * DAY)


@pytest.mark.parametrize("since", [NOW - HOUR, NOW + HOUR])
def test_ride_of_a_file_that_is_not_here_was_deleted_by_its_tester(
    tester: User, since: datetime
) -> None:
    """Nothing else takes it away, and no reading has to have been made for that to be known."""
    assert told(tester, source="file", since=since)


@pytest.mark.parametrize(
    ("ago", "is_told"), [(180 * DAY, False), (180 * DAY - timedelta(seconds=1), True)]
)
def test_ride_of_a_file_older_than_what_is_gathered_may_well_be_here(
    tester: User, ago: timedelta, is_told: bool
) -> None:
    assert told(tester, source="file", of=NOW - ago) is is_told


def test_ride_of_a_file_that_may_have_been_purged_says_nothing(
    tester: User, settings: LazySettings
) -> None:
    set_policy(settings, "file", KEEP_DAYS=30)

    assert told(tester, source="file", of=NOW - 29 * DAY)
    assert not told(tester, source="file", of=NOW - 30 * DAY)


def test_another_account_knows_nothing_of_the_rides_of_the_one_before(tester: User) -> None:
    connect(tester, history_read_at=NOW, external_id="one")
    assert told(tester)

    with time_machine.travel(NOW, tick=False):
        consent.keep(tester, Source.STRAVA, "another", Tokens(access_token="access"))
    Connection.objects.update(last_success_at=NOW + HOUR)

    assert not told(tester, now=NOW + HOUR)
    assert told(tester, since=NOW, now=NOW + HOUR)
