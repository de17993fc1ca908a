from datetime import date, timedelta
from statistics import fmean, pstdev, stdev

import pytest

from coach.physiology.days import (
    REST,
    UNKNOWN,
    Day,
    DayRide,
    consecutive_hard_days,
    day_of,
    days_since_rest,
    first_load,
    monotony,
    strain,
)
from tests.coach.physiology.vectors import Vector, vectors

LOCAL_DATE = date(2026, 5, 12)
EASY = Day(ctl_load=40, atl_load=40, z4plus_minutes=5)
HARD = Day(ctl_load=90, atl_load=90, z4plus_minutes=5.5)
UNSCORED = Day(z4plus_minutes=None, unscored_rides=1)


def before(*latest_last: Day) -> dict[date, Day]:
    """The days up to yesterday, in order."""
    return {
        LOCAL_DATE - timedelta(days=len(latest_last) - n): day for n, day in enumerate(latest_last)
    }


@vectors("foster", "week")
def test_monotony_and_strain_of_a_week(vector: Vector) -> None:
    assert monotony(vector["loads"]) == pytest.approx(vector["monotony_sample_sd"], abs=0.0005)
    assert strain(vector["loads"]) == pytest.approx(vector["strain_sample_sd"], abs=0.05)


@vectors("foster", "week")
def test_the_monotony_of_a_population_sd_is_another(vector: Vector) -> None:
    loads = vector["loads"]

    assert [fmean(loads), stdev(loads), pstdev(loads)] == pytest.approx(
        [vector["mean"], vector["sd_sample"], vector["sd_population"]], abs=0.0005
    )
    assert fmean(loads) / pstdev(loads) == pytest.approx(
        vector["monotony_population_sd"], abs=0.0005
    )
    assert monotony(loads) == fmean(loads) / stdev(loads)


@vectors("negative", "standard deviation zero (7 equal days)")
def test_seven_equal_days_have_no_monotony(vector: Vector) -> None:
    assert monotony(vector["loads"]) is None
    assert strain(vector["loads"]) is None


@pytest.mark.parametrize("loads", [[], [50], [0.0] * 7, [0.1] * 7])
def test_days_without_spread_have_no_monotony(loads: list[float]) -> None:
    assert monotony(loads) is None


def test_a_day_adds_its_rides_and_keeps_strength_out_of_ctl() -> None:
    ride = DayRide(sport="Ride", load=60, z4plus_minutes=12)
    gym = DayRide(sport="WeightTraining", load=25, z4plus_minutes=0)
    circuit = DayRide(sport="Workout", load=15, z4plus_minutes=0)

    assert day_of([ride, gym, circuit]) == Day(ctl_load=60, atl_load=100, z4plus_minutes=12)


def test_a_day_without_a_ride_is_rest_only_when_connected() -> None:
    assert day_of([]) == REST
    assert day_of([], is_connected=False) == UNKNOWN
    assert (REST.is_known, UNKNOWN.is_known) == (True, False)


def test_an_unscorable_ride_makes_the_day_unknown_and_keeps_what_is_known() -> None:
    scored = DayRide(sport="Ride", load=60, z4plus_minutes=2)
    unscored = DayRide(sport="Ride", load=None, z4plus_minutes=None)

    day = day_of([scored, unscored])

    assert day == Day(ctl_load=60, atl_load=60, z4plus_minutes=None, unscored_rides=1)
    assert not day.is_known
    assert day.is_training


def test_a_day_already_hard_stays_hard_beside_an_unknown_ride() -> None:
    hard = DayRide(sport="Ride", load=90, z4plus_minutes=20)
    unknown = DayRide(sport="Ride", load=30, z4plus_minutes=None)

    assert day_of([hard, unknown]).z4plus_minutes == 20
    assert day_of([hard], is_connected=False).is_hard


def test_five_minutes_and_an_unknown_ride_may_or_may_not_be_hard() -> None:
    limit = DayRide(sport="Ride", load=50, z4plus_minutes=5)
    unknown = DayRide(sport="Ride", load=30, z4plus_minutes=None)

    assert day_of([limit, unknown]).z4plus_minutes is None
    assert not day_of([limit]).is_hard


def test_the_lightest_load_is_training_and_history() -> None:
    spin = Day(ctl_load=0.5, atl_load=0.5)

    assert spin.is_training
    assert first_load({LOCAL_DATE: spin}, through=LOCAL_DATE) == LOCAL_DATE


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((), 0),
        ((HARD, REST), 0),
        ((HARD, EASY), 0),
        ((EASY, HARD), 1),
        ((HARD, HARD, HARD), 3),
        ((HARD, EASY, HARD, HARD), 2),
        ((HARD, UNKNOWN, HARD), 1),
        ((HARD, UNKNOWN), None),
        ((HARD, UNSCORED), None),
    ],
)
def test_consecutive_hard_days(days: tuple[Day, ...], expected: int | None) -> None:
    assert consecutive_hard_days(LOCAL_DATE, before(*days)) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((), None),
        ((REST, REST), None),
        ((EASY, REST), 0),
        ((REST, EASY), 1),
        ((EASY, HARD, EASY, EASY, EASY, HARD), 6),
        ((EASY, REST, EASY, UNSCORED), 2),
        ((EASY, UNKNOWN, EASY), 1),
        ((EASY, UNKNOWN), None),
    ],
)
def test_days_since_rest(days: tuple[Day, ...], expected: int | None) -> None:
    assert days_since_rest(LOCAL_DATE, before(*days)) == expected


def test_todays_ride_counts_in_neither_row() -> None:
    days = {**before(REST, HARD), LOCAL_DATE: HARD}

    assert consecutive_hard_days(LOCAL_DATE, days) == 1
    assert days_since_rest(LOCAL_DATE, days) == 1
    assert days_since_rest(LOCAL_DATE, {LOCAL_DATE: HARD}) is None
