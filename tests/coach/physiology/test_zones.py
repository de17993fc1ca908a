import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.physiology.zones import (
    HR_LOWER_PCT,
    HR_ZONES,
    POWER_UPPER_PCT,
    POWER_ZONES,
    hr_zone,
    power_zone,
    z4plus_minutes,
    zone_minutes,
)
from tests.coach.physiology.vectors import Vector, vectors


@vectors("zones", "Coggan 7 power, % FTP upper bounds")
def test_power_zones_end_at_coggans_bounds(vector: Vector) -> None:
    assert [*POWER_UPPER_PCT, None] == vector["upper"]
    assert [power_zone(upper, 100) for upper in vector["upper"][:-1]] == list(POWER_ZONES[:-1])
    assert [power_zone(upper + 0.01, 100) for upper in vector["upper"][:-1]] == list(
        POWER_ZONES[1:]
    )


@vectors("zones", "Coggan 5 HR, % LTHR lower bounds")
def test_hr_zones_begin_at_coggans_bounds(vector: Vector) -> None:
    assert list(HR_LOWER_PCT) == vector["lower"]
    assert [hr_zone(lower, 100) for lower in vector["lower"]] == list(HR_ZONES)
    assert [hr_zone(lower - 0.01, 100) for lower in vector["lower"][1:]] == list(HR_ZONES[:-1])


@vectors("zones", "boundary")
def test_power_zone_upper_bounds_are_inclusive(vector: Vector) -> None:
    assert [power_zone(watts, vector["ftp"]) for watts in vector["watts"]] == vector["zone"]


@pytest.mark.parametrize("threshold", [None, 0, -1, math.nan, math.inf])
def test_without_a_threshold_there_is_no_zone(threshold: float | None) -> None:
    assert power_zone(200, threshold) is None
    assert hr_zone(150, threshold) is None
    assert z4plus_minutes([200], threshold) is None


@pytest.mark.parametrize("faulty", [-1, math.nan, math.inf])
def test_a_faulty_reading_has_no_zone(faulty: float) -> None:
    assert power_zone(faulty, 200) is None
    assert hr_zone(faulty, 165) is None


@given(
    ftp_w=st.integers(50, 500),
    watts=st.lists(st.integers(0, 2500), min_size=2, max_size=2).map(sorted),
)
def test_more_power_is_never_a_lower_zone(ftp_w: int, watts: list[int]) -> None:
    lower, higher = (power_zone(w, ftp_w) for w in watts)

    assert lower is not None
    assert higher is not None
    assert lower <= higher


def test_z4plus_counts_seconds_above_90_percent_and_skips_dropouts() -> None:
    series = [180] * 60 + [181] * 90 + [None] * 600 + [400] * 30

    assert z4plus_minutes(series, 200) == 2.0


def test_z4plus_of_nothing_recorded_is_unknown() -> None:
    assert z4plus_minutes([None, None], 200) is None
    assert z4plus_minutes([], 200) is None


def test_zone_minutes_add_up_what_was_ridden_in_each() -> None:
    ridden = [(5.0, 600), (155.0, 1800), (185.0, 120), (195.0, 180), (5000.0, 30)]

    assert zone_minutes(ridden, 200) == {
        "Z1": 10.0,
        "Z2": 0.0,
        "Z3": 30.0,
        "Z4": 5.0,
        "Z5": 0.0,
        "Z6": 0.0,
        "Z7": 0.5,
    }
    assert [zone_minutes(ridden, ftp_w) for ftp_w in (None, 0, math.nan)] == [None] * 3
