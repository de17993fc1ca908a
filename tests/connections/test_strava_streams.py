"""Normalised power of Strava's rides: its own figure, or made from the stream where it has none."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import User
from connections import sync
from connections.models import Connection, Ride
from connections.normalized_power import normalized_power, per_second
from connections.providers.strava import client, power
from connections.providers.strava.asking import Access
from sandbox.person.recording import totals
from tests import factories
from tests.conftest import StandIns
from tests.connections.athletes import connected, newest_rides
from tests.connections.conftest import Provider, Reply
from tests.factories import NOW

pytestmark = pytest.mark.django_db

RIDE: dict[str, Any] = {
    "id": 1,
    "sport_type": "Ride",
    "start_date": "2026-07-03T16:00:00Z",
    "moving_time": 3600,
    "elapsed_time": 3600,
    "device_watts": True,
    "average_watts": 200.0,
}
STREAMS = b'{"time": {"data": %s}, "watts": {"data": %s}}'


def streams(times: list[Any], watts: list[Any]) -> bytes:
    return STREAMS % (json.dumps(times).encode(), json.dumps(watts).encode())


STEADY = streams(list(range(600)), [200] * 600)


class Strava:
    """Answers by what is asked for: the list of rides, or one ride's streams."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.rides: list[dict[str, Any]] = []
        self.streams: Reply = Reply(STEADY)

    def reads(self, connection: Connection, hours: int = 0) -> None:
        """One reading at NOW and so many hours."""
        at = NOW + timedelta(hours=hours)
        wanted = len(self.rides) * 2
        page = Reply(json.dumps(self.rides).encode())
        self.provider.answers(page, Reply(b"[]"), *[self.streams] * wanted)
        with time_machine.travel(at, tick=False):
            connection.refresh_from_db()
            assert sync.sync(connection, at).is_success

    @property
    def asked(self) -> list[str]:
        """Whose streams were asked for, in that order."""
        paths = [asked.path for asked in self.provider.asked if asked.path.endswith("/streams")]
        return [path.split("/")[-2] for path in paths]


@pytest.fixture
def strava(provider: Provider, settings: LazySettings) -> Strava:
    settings.STRAVA_API_URL = provider.url
    return Strava(provider)


@pytest.fixture
def connection(tester: User) -> Connection:
    return factories.connection(tester)


def kept(external_id: str = "1") -> tuple[Any, bool]:
    ride = Ride.objects.get(external_id=external_id)
    return ride.np_w, ride.is_stream_read


def test_ride_without_weighted_power_gets_it_from_its_stream(
    strava: Strava, connection: Connection
) -> None:
    strava.rides = [RIDE]

    strava.reads(connection)

    assert kept() == (pytest.approx(200.0), True)
    assert Ride.objects.get().power_histogram == [*[0] * 20, 600]
    asked = strava.provider.asked[-1]
    assert (asked.path, asked.query, asked.authorization) == (
        "/activities/1/streams",
        {"keys": "time,watts", "key_by_type": "true"},
        "Bearer canary-access",
    )


@pytest.mark.parametrize(
    ("changes", "np_w"),
    [
        ({"weighted_average_watts": 204}, 204),
        ({"device_watts": False}, None),
        ({"device_watts": None, "manual": True}, None),
    ],
    ids=["weighted by Strava", "estimated", "typed by hand"],
)
def test_stream_is_not_asked_for_where_it_is_not_needed(
    strava: Strava, connection: Connection, changes: dict[str, Any], np_w: float | None
) -> None:
    strava.rides = [{**RIDE, **changes}]

    strava.reads(connection)

    assert (strava.asked, kept()) == ([], (np_w, False))


def test_stream_is_asked_for_once_and_what_came_of_it_stays(
    strava: Strava, connection: Connection
) -> None:
    strava.rides = [RIDE]
    strava.reads(connection)

    strava.rides = [{**RIDE, "name": "Renamed"}]
    strava.reads(connection, hours=1)

    assert strava.asked == ["1"]
    assert Ride.objects.get().power_histogram == [*[0] * 20, 600]
    assert kept() == (pytest.approx(200.0), True)
    assert Ride.objects.get().name == "Renamed"


def test_weighted_power_that_comes_later_counts(strava: Strava, connection: Connection) -> None:
    strava.rides = [RIDE]
    strava.reads(connection)

    strava.rides = [{**RIDE, "weighted_average_watts": 198}]
    strava.reads(connection, hours=1)

    assert kept()[0] == 198
    assert strava.asked == ["1"]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b'{"message": "Record Not Found", "errors": []}', status=404),
        Reply(b"{}"),
        Reply(b"[]"),
        Reply(b'{"time": {"data": [0, 1]}}'),
        Reply(b'{"time": {"data": "x"}, "watts": {"data": [1]}}'),
        Reply(streams([0, 1, 2], [None, None, None])),
        Reply(streams([0, 10**9], [200, 200])),
        Reply(streams(["a", True, None], [200, 200, 200])),
    ],
    ids=["404", "none", "a list", "no watts", "odd", "nulls", "years long", "no times"],
)
def test_ride_without_a_stream_stays_without_and_is_not_asked_for_again(
    strava: Strava, connection: Connection, answer: Reply
) -> None:
    strava.rides, strava.streams = [RIDE], answer

    strava.reads(connection)
    strava.reads(connection, hours=1)

    assert (strava.asked, kept()) == (["1"], (None, True))


def test_nulls_gaps_and_disorder_are_what_they_are(strava: Strava, connection: Connection) -> None:
    first = [(at, None if at % 50 == 0 else 180) for at in range(400)]
    after_a_pause = [(at, 240) for at in range(1000, 1400)]
    samples = [*first, *after_a_pause]
    shuffled = [*samples[200:], *samples[:200]]
    strava.rides = [RIDE]
    strava.streams = Reply(streams([at for at, _ in shuffled], [w for _, w in shuffled]))

    strava.reads(connection)

    expected = normalized_power(per_second([(float(at), watts) for at, watts in samples]))
    assert expected is not None
    assert 210 < expected < 220
    assert kept() == (pytest.approx(expected), True)


def test_twenty_streams_a_reading_the_newest_first_and_the_rest_later(
    strava: Strava, connection: Connection
) -> None:
    strava.rides = [
        {**RIDE, "id": day, "start_date": f"2026-06-{day:02}T16:00:00Z"} for day in range(1, 26)
    ]

    strava.reads(connection)
    assert strava.asked == [str(day) for day in range(25, 5, -1)]
    strava.reads(connection, hours=1)

    assert strava.asked[20:] == ["5", "4", "3", "2", "1"]
    assert Ride.objects.filter(is_stream_read=True, np_w__gt=199).count() == 25


@pytest.mark.parametrize("answer", [Reply(status=500), Reply(status=429), Reply(b"<html>")])
def test_streams_that_cannot_be_had_now_leave_the_rides_and_come_later(
    strava: Strava, connection: Connection, answer: Reply
) -> None:
    strava.rides = [RIDE, {**RIDE, "id": 2, "start_date": "2026-07-02T16:00:00Z"}]
    strava.streams = answer

    strava.reads(connection)
    assert (strava.asked, kept("1"), kept("2")) == (["1"], (None, False), (None, False))

    strava.streams = Reply(STEADY)
    strava.reads(connection, hours=1)
    assert strava.asked == ["1", "1", "2"]
    assert kept("2") == (pytest.approx(200.0), True)


def test_power_of_the_stand_in_s_ride_is_what_it_was_made_with(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)
    [ride] = newest_rides(1)
    row = factories.ride(
        tester, ride.local_date, external_id=str(ride.id), np_w=None, started_at=ride.start_at
    )

    power.fill_in(tester, Access(connection.access_token), [row])

    assert row.np_w == pytest.approx(totals(ride).normalized_w, rel=0.01)
    assert row.is_stream_read


def test_ride_typed_by_hand_has_no_stream_at_the_stand_in(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester)

    assert client.power_of(Access(connection.access_token), "1") == []
