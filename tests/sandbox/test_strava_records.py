from datetime import date, datetime
from itertools import pairwise

import pytest

from sandbox.person.rides import rides_between, rides_until
from tests.sandbox.conftest import JULY, Strava

YEAR = rides_between(date(2025, 7, 1), date(2026, 7, 3))


def test_ride_with_a_meter_has_its_weighted_average(strava: Strava, token: str) -> None:
    row = strava.activity(token, next(ride for ride in YEAR if ride.power == "meter"))

    assert row["device_watts"] is True
    assert 0 <= row["weighted_average_watts"] - row["average_watts"] < 60
    assert row["average_watts"] * row["moving_time"] / 1000 == pytest.approx(
        row["kilojoules"], rel=0.01
    )


def test_ride_with_estimated_power_has_no_weighted_average(strava: Strava, token: str) -> None:
    row = strava.activity(token, next(ride for ride in YEAR if ride.power == "estimated"))

    assert (row["device_watts"], "average_watts" in row) == (False, True)
    assert {"weighted_average_watts", "max_watts"}.isdisjoint(row)


def test_ride_without_a_strap_has_no_heart_rate(strava: Strava, token: str) -> None:
    ride = next(ride for ride in YEAR if not ride.has_heartrate and not ride.is_manual)
    row = strava.activity(token, ride)

    assert row["has_heartrate"] is False
    assert {"average_heartrate", "max_heartrate", "suffer_score"}.isdisjoint(row)


def test_manual_ride_has_no_device_and_no_streams(strava: Strava, token: str) -> None:
    manual = next(ride for ride in YEAR if ride.is_manual)
    row = strava.activity(token, manual)
    streams = strava.get(
        f"activities/{manual.id}/streams", token, keys="time,watts", key_by_type="true"
    )

    assert (row["manual"], row["upload_id"], "average_watts" in row) == (True, None, False)
    assert streams.status_code == 404


def test_hidden_start_is_local_midnight_and_a_second(strava: Strava, token: str) -> None:
    row = strava.activity(token, next(ride for ride in YEAR if ride.is_start_hidden))

    assert row["start_date_local"].endswith("T00:00:01Z")
    assert row["start_date"] != row["start_date_local"]


def test_local_start_is_the_wall_clock_with_a_false_z(strava: Strava, token: str) -> None:
    row = strava.activity(token, rides_until(JULY)[-1])

    said = datetime.fromisoformat(row["start_date_local"])
    start = datetime.fromisoformat(row["start_date"])
    assert (said - start).total_seconds() == row["utc_offset"] == 7200.0
    assert row["timezone"] == "(GMT+01:00) Europe/Paris"


def test_streams_carry_a_pause_as_a_jump_in_time(strava: Strava, token: str) -> None:
    ride = next(ride for ride in YEAR if ride.kind == "long" and ride.power == "meter")

    streams = strava.get(
        f"activities/{ride.id}/streams",
        token,
        keys="time,watts,heartrate,distance,altitude,moving,latlng,temp",
        key_by_type="true",
    ).json()

    times = streams["time"]["data"]
    assert {len(stream["data"]) for stream in streams.values()} == {ride.moving_s}
    assert max(later - earlier for earlier, later in pairwise(times)) == ride.pause_s + 1
    assert times[-1] == ride.elapsed_s - 1
    assert streams["watts"]["original_size"] == ride.moving_s
    assert "temp" not in streams


def test_streams_need_keys_and_key_by_type(strava: Strava, token: str) -> None:
    ride = YEAR[-1]

    without_keys = strava.get(f"activities/{ride.id}/streams", token, key_by_type="true")
    without_type = strava.get(f"activities/{ride.id}/streams", token, keys="time")

    assert (without_keys.status_code, without_type.status_code) == (400, 400)
