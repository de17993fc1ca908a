from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connections.models import AppleHealthUpload, Connection, DailySample
from connections.readings import SourceReport, gather
from connections.sources import Source
from tests import factories
from tests.factories import NOW, TODAY

QUERIES = 7


def upload(user: User, **fields: Any) -> AppleHealthUpload:
    values = {
        "file_name": "export.zip",
        "stored_name": "x.upload",
        "size_bytes": 10,
        "status": AppleHealthUpload.Status.DONE,
        "finished_at": NOW,
        "exported_at": NOW - timedelta(days=2),
        **fields,
    }
    return AppleHealthUpload.objects.create(user=user, **values)


def readiness(user: User, day: date, value: float) -> DailySample:
    return DailySample.objects.create(
        user=user,
        source=Source.OURA,
        local_date=day,
        kind=DailySample.Kind.READINESS,
        value=value,
        unit="score",
    )


def test_nothing_known_is_said_as_nothing(tester: User) -> None:
    read = gather(tester, TODAY)

    assert (list(read.rides), list(read.nights), list(read.sources)) == ([], [], [])
    assert list(read.scores) == []
    assert read.rides_known_until is None


def test_rides_and_nights_come_oldest_first_from_180_days(tester: User) -> None:
    first, before = TODAY - timedelta(days=180), TODAY - timedelta(days=181)
    rides = [factories.ride(tester, day) for day in (TODAY, first, before)]
    twice = factories.ride(tester, TODAY, source=Source.APPLE)
    nights = [factories.night(tester, day) for day in (TODAY, first, before)]
    tomorrow = TODAY + timedelta(days=1)
    factories.ride(tester, tomorrow)
    factories.night(tester, tomorrow)

    read = gather(tester, TODAY)

    assert list(read.rides) == [rides[1], rides[0], twice]
    assert list(read.nights) == [nights[1], nights[0]]


def test_rides_of_one_day_come_in_the_order_they_were_ridden(tester: User) -> None:
    evening = factories.ride(tester, TODAY, started_at=NOW + timedelta(hours=10))
    morning = factories.ride(tester, TODAY, started_at=NOW)

    assert list(gather(tester, TODAY).rides) == [morning, evening]


def test_readiness_is_the_latest_one(tester: User) -> None:
    readiness(tester, TODAY - timedelta(days=1), 70)
    latest = readiness(tester, TODAY, 81)
    readiness(tester, TODAY + timedelta(days=1), 90)
    DailySample.objects.create(
        user=tester,
        source=Source.OURA,
        local_date=TODAY,
        kind=DailySample.Kind.TEMPERATURE_DEVIATION,
        value=0.1,
        unit="°C",
    )

    assert list(gather(tester, TODAY).scores) == [latest]


def test_readiness_of_half_a_year_ago_is_none(tester: User) -> None:
    readiness(tester, TODAY - timedelta(days=181), 70)

    assert list(gather(tester, TODAY).scores) == []


def test_sources_say_how_they_stand(tester: User) -> None:
    factories.connection(tester, Source.STRAVA, last_success_at=NOW)
    factories.connection(
        tester, Source.OURA, state=Connection.State.BROKEN, last_error="Make a new token."
    )
    upload(tester)

    assert list(gather(tester, TODAY).sources) == [
        SourceReport("oura", "Oura", False, None, "Make a new token.", is_news=True),
        SourceReport("strava", "Strava", True, NOW, ""),
        SourceReport("apple", "Apple Health", True, NOW - timedelta(days=2), ""),
    ]


def test_apple_report_is_of_the_export_made_last(tester: User) -> None:
    upload(tester, exported_at=NOW - timedelta(days=1))
    upload(tester, exported_at=NOW - timedelta(days=9))
    upload(tester, exported_at=None)
    upload(tester, status=AppleHealthUpload.Status.FAILED, exported_at=NOW)

    read = gather(tester, TODAY)

    assert [report.last_success_at for report in read.sources] == [NOW - timedelta(days=1)]
    assert read.rides_known_until == TODAY - timedelta(days=1)


def test_apple_report_without_an_export_date_says_when_it_was_read(tester: User) -> None:
    upload(tester, exported_at=None)

    read = gather(tester, TODAY)

    assert [report.last_success_at for report in read.sources] == [NOW]
    assert read.rides_known_until is None


@pytest.mark.parametrize(
    ("strava_read_at", "exported_at", "known_until"),
    [
        (NOW, None, TODAY),
        (NOW - timedelta(days=4), NOW - timedelta(days=2), TODAY - timedelta(days=2)),
        (NOW - timedelta(days=1), NOW - timedelta(days=2), TODAY - timedelta(days=1)),
        (None, NOW - timedelta(days=2), TODAY - timedelta(days=2)),
        (datetime(2026, 7, 3, 22, 1, tzinfo=UTC), None, TODAY),
    ],
    ids=["strava", "apple newer", "strava newer", "strava never read", "past local midnight"],
)
def test_rides_are_known_until_the_last_source_of_rides_was_read(
    tester: User,
    strava_read_at: datetime | None,
    exported_at: datetime | None,
    known_until: date,
) -> None:
    factories.connection(tester, Source.STRAVA, last_success_at=strava_read_at)
    factories.connection(tester, Source.OURA, last_success_at=NOW + timedelta(days=3))
    upload(tester, exported_at=exported_at)

    assert gather(tester, TODAY).rides_known_until == known_until


def test_readings_are_the_tester_s_own(tester: User, stranger: User) -> None:
    factories.ride(stranger, TODAY)
    factories.night(stranger, TODAY)
    factories.connection(stranger, last_success_at=NOW)
    readiness(stranger, TODAY, 90)
    upload(stranger)

    read = gather(tester, TODAY)

    assert (list(read.rides), list(read.nights), list(read.sources)) == ([], [], [])
    assert (list(read.scores), read.rides_known_until) == ([], None)


def test_gathering_asks_the_same_number_of_queries_for_one_row_and_for_many(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for days in (1, 30):
        for ago in range(days):
            day = TODAY - timedelta(days=ago + days)
            factories.ride(tester, day)
            factories.night(tester, day)
        with django_assert_num_queries(QUERIES):
            read = gather(tester, TODAY)
            assert read.rides[0].user_id == tester.pk
