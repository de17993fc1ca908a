from typing import Any

import pytest

from coach import derived
from tests.coach.samples import EVENT, KEY_INPUTS, situation

Changes = dict[str, Any]

NO_READINESS = {"metrics.readiness": None}
MINOR = {"athlete.age": 17}
DUE = {"metrics.days_since_rest": 6}
EVE = {"today.days_to_event": 2}
TAPER = {"today.days_to_event": 10, "week.pre_taper_session_minutes": 85}


def numbers(*changes: Changes) -> dict[str, Any]:
    return derived.numbers(situation(*changes))


def test_ordinary_day_has_these_numbers() -> None:
    assert numbers() == {
        "readiness_above_min": 12,
        "readiness_above_forced_rest": 22,
        "tsb_above_min": 10.8,
        "tsb_above_forced_rest": 15.8,
        "rhr_above_baseline": -1.0,
        "hrv_above_baseline": 2.0,
        "week_minutes_left": 240,
        "hard_sessions_left": 2,
        "most_minutes_today": 90,
        "most_minutes_in_taper": None,
        "most_load_today": 290.4,
        "most_usual_load_today": 162.9,
        "not_hard_because": [],
        "must_recover_because": [],
        "missing": [],
        "confidence_cap": 0.95,
    }


def test_what_is_unknown_leaves_no_number_but_the_caps_that_hold_anyway() -> None:
    unknown = ("ctl", "atl", "ramp_7d", "max_load_30d", "rhr_baseline", "hrv_baseline")
    nothing = dict.fromkeys(KEY_INPUTS) | {f"metrics.{name}": None for name in unknown}
    no_week = {"week.minutes_done": None, "week.hard_sessions_done": None}

    told = numbers(nothing, no_week)

    assert {name: value for name, value in told.items() if value is not None} == {
        "most_minutes_today": 90,
        "not_hard_because": ["readiness and TSB both unknown"],
        "must_recover_because": [],
        "missing": list(KEY_INPUTS),
        "confidence_cap": 0.35,
    }


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ({"metrics.readiness": 69}, "readiness below its minimum"),
        ({"metrics.tsb": -15.1}, "TSB below its minimum"),
        ({"metrics.readiness_age_h": 37, "metrics.tsb": None}, "readiness and TSB both unknown"),
        ({"metrics.rhr": 58.0}, "resting heart rate raised"),
        ({"mission.constraints.max_rhr": 49}, "resting heart rate raised"),
        ({"metrics.consecutive_hard_days": 2}, "enough hard days in a row"),
        ({"week.hard_sessions_done": 3}, "enough hard sessions this week"),
        ({"metrics.history_days": 13}, "too little history"),
        ({"health.illness": "above_neck"}, "illness"),
        ({"health.illness_resolved_days": 2}, "illness less than three days ago"),
        ({"health.injury": "knee"}, "injury"),
        ({"today.tz_shift_hours": -3.0}, "time zones crossed"),
        ({"today.tz_shift_hours": 3.0, "today.days_since_travel": 2}, "time zones crossed"),
    ],
)
def test_each_limit_on_hard_work_is_named_when_it_holds(day: Changes, reason: str) -> None:
    told = numbers(day)

    assert (told["not_hard_because"], told["must_recover_because"]) == ([reason], [])


def test_a_warning_symptom_leaves_neither_hard_work_nor_a_minute() -> None:
    told = numbers({"health.red_flags": ["chest pain or pressure"]})

    assert (told["not_hard_because"], told["must_recover_because"]) == (
        ["a warning symptom"],
        ["a warning symptom"],
    )
    assert told["most_minutes_today"] == 0


def test_reading_that_is_too_old_is_compared_with_nothing() -> None:
    told = numbers({"metrics.rhr_age_h": 37.0, "metrics.hrv_age_h": 37.0})

    assert (told["rhr_above_baseline"], told["hrv_above_baseline"]) == (None, None)


@pytest.mark.parametrize(
    "day",
    [
        {"metrics.readiness": 70, "metrics.tsb": -15.0},
        {"metrics.rhr": 57.9},
        {"metrics.rhr": 60.0, "metrics.rhr_age_h": 37.0},
        {"mission.constraints.rhr_rise_bpm": 10, "metrics.rhr": 60.0},
        {"mission.constraints.max_rhr": 50},
        {"metrics.consecutive_hard_days": 1, "week.hard_sessions_done": 2},
        {"metrics.history_days": 14},
        {"health.illness_resolved_days": 3},
        {"today.tz_shift_hours": 2.9},
        {"today.tz_shift_hours": 8.0, "today.days_since_travel": 3},
        {**EVENT, "week.hard_sessions_done": 9},
    ],
)
def test_limit_that_is_not_reached_holds_nobody_back(day: Changes) -> None:
    assert numbers(day)["not_hard_because"] == []


@pytest.mark.parametrize(
    ("day", "reasons"),
    [
        ({"metrics.readiness": 59}, ["readiness below the limit of forced rest"]),
        ({"metrics.tsb": -20.1}, ["TSB below the limit of forced rest"]),
        ({"metrics.readiness": 60, "metrics.tsb": -20.0}, []),
        (DUE, ["a rest day is due"]),
        ({"metrics.days_since_rest": 5}, []),
        ({"metrics.days_since_rest": 5, **MINOR}, ["a rest day is due"]),
        (
            {"mission.constraints.max_days_without_rest": 4, "metrics.days_since_rest": 4, **MINOR},
            ["a rest day is due"],
        ),
        ({**EVENT, **DUE}, []),
        ({**EVENT, "today.stage": None, "today.is_rest_day": True}, ["an official rest day"]),
    ],
)
def test_what_leaves_only_recovery_is_named(day: Changes, reasons: list[str]) -> None:
    assert numbers(day)["must_recover_because"] == reasons


@pytest.mark.parametrize(
    ("day", "minutes"),
    [
        ({"mission.availability.blocked_today": True}, 0),
        ({"week.minutes_done": 400}, 20),
        ({"week.minutes_done": 500}, 0),
        ({**EVENT, "week.minutes_done": 500}, 90),
        ({"health.illness": "fever"}, 0),
        ({"health.illness": "below_neck"}, 0),
        ({"health.illness": "above_neck"}, 45),
        ({**EVENT, "today.stage": {"number": 2, "type": "flat", "completed": True}}, 45),
        (DUE, 60),
        (EVE, 60),
        ({"metrics.history_days": 3}, 75),
        ({"metrics.history_days": 3, "mission.constraints.new_tester_minutes": 30}, 30),
        ({"mission.state": "PREP"}, 0),
    ],
)
def test_most_minutes_are_those_that_every_rule_leaves(day: Changes, minutes: int) -> None:
    assert numbers(day)["most_minutes_today"] == minutes


@pytest.mark.parametrize(
    ("day", "most", "usual"),
    [
        ({"metrics.ramp_7d": 9.0}, 48.1, 0),
        (DUE, 24.1, 162.9),
        (EVE, 38.5, 162.9),
        ({"mission.constraints.usual_ramp_rate": 8}, 290.4, 177.0),
        ({"mission.constraints.max_load_pct": 100}, 290.4, 118.0),
        ({"metrics.ctl": None}, None, 177.0),
        (EVENT, None, None),
    ],
)
def test_most_load_is_what_every_rule_leaves(
    day: Changes, most: float | None, usual: float | None
) -> None:
    told = numbers(day)

    assert (told["most_load_today"], told["most_usual_load_today"]) == (most, usual)


@pytest.mark.parametrize(
    ("days", "minutes"), [(11, None), (10, 63), (3, 63), (2, None), (None, None)]
)
def test_taper_leaves_three_quarters_of_a_usual_ride(days: int | None, minutes: int | None) -> None:
    assert numbers(TAPER, {"today.days_to_event": days})["most_minutes_in_taper"] == minutes


@pytest.mark.parametrize(
    ("day", "cap"),
    [
        (NO_READINESS, 0.75),
        ({**NO_READINESS, "metrics.tsb": None, "metrics.hrv": None}, 0.5),
        ({"metrics.readiness_age_h": 36.1}, 0.75),
        ({"metrics.readiness_age_h": 36.0}, 0.95),
        ({"metrics.history_days": 13}, 0.5),
        ({"metrics.conflict": True}, 0.65),
    ],
)
def test_confidence_falls_with_what_is_not_known(day: Changes, cap: float) -> None:
    assert numbers(day)["confidence_cap"] == cap
