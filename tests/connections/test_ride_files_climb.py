"""How far a ride went up and how much work it was, from what its file says."""

import io
import math
import random
import struct
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from connections.providers.ride_files import RecordedRide, read_rides
from connections.providers.ride_files.climb import climb_m
from tests.connections.recorded import (
    START,
    file_id,
    fit_of,
    fit_time,
    framed,
    gpx_of,
    records,
    session,
    tcx_of,
    trackpoint,
    trkpt,
)

NOW = START + timedelta(days=3)
# Up 300 m in 20 minutes, down in 10, then along the valley for 10.
MOUNTAIN = [
    *(500 + second / 4 for second in range(1200)),
    *(800 - second / 2 for second in range(600)),
    *[500.0] * 600,
]


def ride_of(content: bytes) -> RecordedRide:
    (ride,) = read_rides(io.BytesIO(content), most_bytes=25_000_000, now=NOW).rides
    return ride


def fit_with(altitudes: list[Any], watts: int | None = 200, **told: Any) -> bytes:
    points = records((watts,) * len(altitudes), altitudes=altitudes)
    return fit_of([file_id(), *points, session(len(altitudes) - 1, **told)])


def climbed(*altitudes: float | None) -> float | None:
    return climb_m((float(second), metres) for second, metres in enumerate(altitudes))


# --- Metres climbed ---


def test_climb_of_a_mountain_is_the_same_in_every_format() -> None:
    by_fit = ride_of(fit_with(MOUNTAIN)).climb_m
    by_tcx = ride_of(tcx_of(*(trackpoint(s, altitude=m) for s, m in enumerate(MOUNTAIN)))).climb_m
    by_gpx = ride_of(gpx_of(*(trkpt(s, altitude=m) for s, m in enumerate(MOUNTAIN)))).climb_m

    # Up to 3 m of the top of a rise are within the threshold; FIT keeps fifths of a metre.
    assert by_tcx == by_gpx == pytest.approx(300, abs=3)
    assert by_fit == pytest.approx(300, abs=3)


def test_altitude_in_the_wider_field_of_newer_devices_is_read() -> None:
    """Field 78, enhanced_altitude, of a device that writes it alone."""
    names = struct.pack("<BBBHB", 0x40 | 4, 0, 0, 20, 2) + bytes([253, 4, 0x86, 78, 4, 0x86])
    points = b"".join(
        struct.pack("<BII", 4, fit_time(START) + second, 5 * (500 + second))
        for second in range(0, 100, 5)
    )

    # Up 95 m in 95 s; with a climb of 5 m between two points each counts.
    assert ride_of(framed(names + points)).climb_m == pytest.approx(95)


@pytest.mark.parametrize(
    ("altitudes", "metres"),
    [
        ([100, 100, 100], 0),
        ([100, 103, 100, 103], 0),
        ([100, 103.1, 100, 103.1], 6.2),
        # A slow rise is noted in steps, each of more than 3 m.
        ([100, 102, 104, 106, 108], 8),
        # From the low, not from where it began.
        ([100, 96, 92, 96, 100], 8),
        ([100, None, 104], 4),
    ],
)
def test_rise_counts_when_it_is_more_than_three_metres(
    altitudes: list[float | None], metres: float
) -> None:
    assert climbed(*altitudes) == pytest.approx(metres)


def test_drifting_altimeter_on_the_flat_climbs_nothing() -> None:
    noise = random.Random(1)
    flat = [100 + noise.uniform(-1.5, 1.5) for _ in range(7200)]
    naive = sum(max(b - a, 0) for a, b in pairwise(flat))

    assert naive > 3000
    assert climbed(*flat) == 0


@pytest.mark.parametrize(
    "altitudes",
    [
        [0, 0, 0, 850, 851, 851],  # it finds out where it is
        [850, 850, 1900, 850, 850],  # a spike
        [850, 850, 0, 850, 850],  # a dropout that is written as 0
    ],
)
def test_altimeter_that_jumps_has_not_climbed(altitudes: list[float]) -> None:
    assert climbed(*altitudes) == 0


def test_one_point_a_minute_still_climbs() -> None:
    assert climb_m((60.0 * n, 10.0 * n) for n in range(31)) == pytest.approx(300)


@pytest.mark.parametrize(
    "altitudes", [[], [100], [None, None], [math.nan, math.inf], [90_000, 12_000, -9_999]]
)
def test_climb_without_altitudes_is_not_known(altitudes: list[float | None]) -> None:
    assert climbed(*altitudes) is None


def test_devices_own_ascent_is_preferred() -> None:
    assert ride_of(fit_with(MOUNTAIN, total_ascent=287)).climb_m == 287


def test_ascent_that_an_app_wrote_into_its_gpx_is_preferred() -> None:
    points = "".join(trkpt(s, altitude=m) for s, m in enumerate(MOUNTAIN))
    stats = "<extensions><x:TrackStatsExtension><x:Ascent>291</x:Ascent></x:TrackStatsExtension>"
    track = f"<trk>{stats}</extensions><trkseg>{points}</trkseg></trk>"

    assert ride_of(gpx_of(tracks=track)).climb_m == 291


def test_ascent_of_zero_is_told_apart_from_none() -> None:
    """A trainer says 0 m; on the flat it is measured."""
    assert ride_of(fit_with([None] * 600, total_ascent=0)).climb_m is None
    assert ride_of(fit_with([100.0] * 600, total_ascent=0)).climb_m == 0


def test_ascent_that_nobody_rides_is_not_known() -> None:
    assert ride_of(fit_with([None] * 600, total_ascent=1198)).climb_m == 1198
    assert ride_of(fit_with([None] * 600, total_ascent=1199)).climb_m is None


# --- Work ---


def test_work_is_that_of_the_power_stream() -> None:
    """200 W for an hour are 720 kJ; what the device sums up is not asked."""
    ride = ride_of(fit_with([None] * 3600, total_work=999_999))

    assert ride.energy_kj == pytest.approx(720.0)


def test_coasting_is_no_work_and_a_dropout_adds_none() -> None:
    points = records((200,) * 300 + (0,) * 300 + (None,) * 300)

    assert ride_of(fit_of([file_id(), *points, session(899)])).energy_kj == pytest.approx(60.0)


def test_work_that_the_device_summed_up_counts_where_no_second_was_recorded() -> None:
    assert ride_of(fit_with([None] * 3600, None, total_work=650_500)).energy_kj == 650.5
    assert ride_of(fit_of([file_id(), session(3600, total_work=650_500)])).energy_kj == 650.5


@pytest.mark.parametrize(
    ("watts", "told"), [(None, {}), (0, {}), (None, {"total_work": 0})], ids=["none", "dead", "0"]
)
def test_work_without_a_meter_is_not_known(watts: int | None, told: dict[str, Any]) -> None:
    assert ride_of(fit_with([None] * 600, watts, **told)).energy_kj is None


def test_work_that_no_rider_does_is_not_known() -> None:
    most_j = 3000 * 599

    assert ride_of(fit_with([None] * 600, None, total_work=most_j)).energy_kj == most_j / 1000
    assert ride_of(fit_with([None] * 600, None, total_work=most_j + 1)).energy_kj is None
