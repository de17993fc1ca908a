from typing import Any

import pytest

from coach.limits_told import limits_of
from tests.coach.samples import EVENT, IN_THE_BUNCH, decision, situation


def told(*changes: dict[str, Any]) -> list[str]:
    return [str(one) for one in limits_of(situation(*changes), decision())]


def test_every_limit_of_a_training_day_is_told_nearest_first() -> None:
    assert told() == [
        "Readiness 82. Below 70 (12 lower): nothing hard.",
        "Monotony of the week 1.31. Above 2 (0.7 more): it is marked.",
        (
            "Fitness (CTL) gained in a week with it 2.2 points. Above 5 points (2.8 points more): "
            "it is marked."
        ),
        "Rise of the resting heart rate −1 bpm. From 7 bpm (8 bpm more): nothing hard.",
        "Hard days in a row 0. From 2 (2 more): nothing hard.",
        "Hard sessions this week 1. From 3 (2 more): one more is marked.",
        "Minutes planned 60 min. Above 90 min (30 min more): a shorter ride.",
        "Form (TSB) −4.2. Below −15 (10.8 lower): nothing hard.",
        "Readiness 82. Below 60 (22 lower): a day of rest.",
        "Form (TSB) −4.2. Below −20 (15.8 lower): a day of rest.",
        "Days since rest 2. From 6 (4 more): a day of rest.",
        (
            "Load planned, by your last 30 days 42 points. Above 177 points (135 points more): "
            "it is marked."
        ),
        "Load planned 42 points. Above 290.4 points (248.4 points more): a shorter ride.",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics.readiness": 69}, "Readiness 69, below 70: nothing hard."),
        ({"metrics.readiness": 70}, "Readiness 70. Below 70 (any change): nothing hard."),
        ({"metrics.readiness": 71}, "Readiness 71. Below 70 (1 lower): nothing hard."),
        ({"metrics.readiness": None}, "Readiness unknown; the limit is 70."),
        ({"metrics.readiness_age_h": 37.0}, "Readiness unknown; the limit is 70."),
        ({"metrics.tsb": -16.0}, "Form (TSB) −16, below −15: nothing hard."),
        (
            {"metrics.rhr": 58.0},
            "Rise of the resting heart rate 7 bpm, at or above 7 bpm: nothing hard.",
        ),
        (
            {"metrics.rhr": 60.0, "metrics.rhr_age_h": 37.0},
            "Rise of the resting heart rate unknown; the limit is 7 bpm.",
        ),
        (
            {"mission.constraints.max_rhr": 56, "metrics.rhr_age_h": 37.0},
            "Resting heart rate unknown; the limit is 56 bpm.",
        ),
        (
            {"mission.constraints.max_rhr": 56},
            "Resting heart rate 50 bpm. Above 56 bpm (6 bpm more): nothing hard.",
        ),
        (
            {"metrics.consecutive_hard_days": 2},
            "Hard days in a row 2, at or above 2: nothing hard.",
        ),
        ({"metrics.days_since_rest": 6}, "Days since rest 6, at or above 6: a day of rest."),
        (
            {"athlete.age": 16, "metrics.days_since_rest": 5},
            "Days since rest 5, at or above 5: a day of rest.",
        ),
        ({"metrics.history_days": 13}, "History 13 days, below 14 days: nothing hard."),
        (
            {"metrics.history_days": 13},
            (
                "Minutes planned in your first two weeks 60 min. Above 75 min (15 min more): a "
                "shorter ride."
            ),
        ),
        (
            {"mission.constraints.max_load_pct": 100, "metrics.max_load_30d": 40.0},
            "Load planned, by your last 30 days 42 points, above 40 points: it is marked.",
        ),
        (
            {"today.tz_shift_hours": -2.0, "today.days_since_travel": 1},
            "Hours of time zones crossed 2. From 3 (1 more): a hard day is marked.",
        ),
        (
            {"today.tz_shift_hours": 8.0, "today.days_since_travel": 1},
            "Hours of time zones crossed 8, at or above 3: a hard day is marked.",
        ),
        (
            {"health.illness_resolved_days": 2},
            "Days since you were ill 2, below 3: nothing hard.",
        ),
        (
            {"week.minutes_done": 350},
            "Minutes planned 60 min. Above 70 min (10 min more): a shorter ride.",
        ),
    ],
)
def test_limit_is_told_with_its_distance(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in told(changes)


def test_limits_that_are_customs_of_coaching_are_marked_as_such() -> None:
    assert {one.name for one in limits_of(situation(), decision()) if one.is_custom} == {
        "Rise of the resting heart rate",
        "Hard days in a row",
        "Days since rest",
        "Hard sessions this week",
        "Monotony of the week",
        "Load planned",
        "Load planned, by your last 30 days",
        "Fitness (CTL) gained in a week with it",
    }


def test_event_day_has_no_limits_of_the_training_weeks() -> None:
    limits = limits_of(situation(EVENT), decision(IN_THE_BUNCH))

    names = {one.name for one in limits}
    assert not names & {
        "Days since rest",
        "Hard sessions this week",
        "Monotony of the week",
        "Load planned, by your last 30 days",
        "Fitness (CTL) gained in a week with it",
    }
    assert {"Readiness", "Form (TSB)", "Hard days in a row"} <= names


@pytest.mark.parametrize("state", ["PREP", "MISSION_COMPLETE"])
def test_mission_that_is_not_live_has_no_call_to_change(state: str) -> None:
    assert told({"mission.state": state}) == []


def test_warning_sign_leaves_no_limit_that_would_change_the_call() -> None:
    assert told({"health.red_flags": ["chest_pain"]}) == []


def test_day_without_riding_has_no_plan_to_limit() -> None:
    limits = limits_of(situation(), decision({"workout_plan": None}))

    assert not {one.name for one in limits} & {"Minutes planned", "Load planned"}
