from typing import Any

from coach.conflict import readings_disagree

AGREEING: dict[str, Any] = {
    "readiness": 80,
    "min_readiness": 70,
    "rhr_rise": 1.0,
    "rhr_rise_bpm": 7,
    "feel": 3,
    "slept_h": (7.5,),
}


def disagree(**changes: Any) -> bool:
    return readings_disagree(**{**AGREEING, **changes})


def test_readings_that_say_the_same_do_not_disagree() -> None:
    nothing = {"readiness": None, "rhr_rise": None, "feel": None, "slept_h": ()}

    assert not disagree()
    assert not disagree(**nothing)
    # Low with low is no contradiction.
    assert not disagree(readiness=60, rhr_rise=12.0, feel=1)


def test_good_readiness_against_a_raised_resting_heart_rate() -> None:
    told = [disagree(readiness=score, rhr_rise=rise) for score in (69, 70) for rise in (6.9, 7.0)]

    assert told == [False, False, False, True]


def test_clearly_good_readiness_against_a_rider_who_feels_tired() -> None:
    told = [disagree(readiness=score, feel=feel) for score in (79, 80) for feel in (3, 2)]

    assert told == [False, False, False, True]


def test_two_sources_that_saw_nights_of_different_length() -> None:
    assert [disagree(slept_h=slept) for slept in ((7.5, 5.6), (7.5, 5.5), (5.0, 6.0, 7.0))] == [
        False,
        True,
        True,
    ]
