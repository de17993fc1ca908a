import copy
import random
from typing import Any

import pytest

from coach.replies import Decision, Repeat
from sandbox.coach import decide
from tests.sandbox.scenarios import BY_ID, SCENARIOS, broken


def decided(context: dict[str, Any]) -> Decision:
    return Decision.model_validate(decide(context), strict=False)


def changed(scenario_id: str, **metrics: Any) -> dict[str, Any]:
    context: dict[str, Any] = copy.deepcopy(BY_ID[scenario_id]["context"])
    context["metrics"].update(metrics)
    return context


def test_all_scenarios_get_what_they_expect() -> None:
    failures = {
        scenario["id"]: names
        for scenario in SCENARIOS
        if (names := broken(scenario, decide(scenario["context"])))
    }

    assert failures == {}
    assert len(SCENARIOS) == 32


@pytest.mark.parametrize("scenario_id", BY_ID)
def test_decision_is_a_whole_reply_in_a_few_sentences(scenario_id: str) -> None:
    decision = decided(BY_ID[scenario_id]["context"])

    assert 60 <= len(decision.reason) <= 600
    assert 1 <= decision.reason.count(". ") + 1 <= 4
    assert " you" in decision.reason.lower()


@pytest.mark.parametrize("scenario_id", ["SC24", "SC27", "SC32", "SC34", "SC37", "SC39"])
def test_decision_does_not_depend_on_what_people_typed(scenario_id: str) -> None:
    context = BY_ID[scenario_id]["context"]
    names = [{**ride, "name": ""} for ride in context["recent_activities"]]
    silent = {**context, "notes": [], "canaries": [], "recent_activities": names}

    assert decide(context) == decide(silent)


def test_bare_situation_is_answered_with_care() -> None:
    decision = decided({})

    assert (decision.action, decision.intensity_recommendation) == ("ease", "low")
    assert decision.missing_data == [
        "metrics.readiness",
        "metrics.tsb",
        "metrics.hrv",
        "metrics.rhr",
        "metrics.sleep_h",
        "athlete.ftp",
    ]
    assert (decision.confidence, decision.evidence) == (0.35, [])


def test_stale_readiness_counts_as_missing() -> None:
    decision = decided(changed("SC01", readiness_age_h=37))

    assert decision.missing_data == ["metrics.readiness"]
    assert [one.metric for one in decision.evidence] == ["metrics.tsb"]
    assert "88" not in decision.reason


def test_readiness_is_quoted_as_it_was_given() -> None:
    decision = decided(changed("SC01", readiness=64))

    assert decision.reason.startswith("Readiness is 64, under your minimum of 70")
    assert {one.metric: one.value for one in decision.evidence} == {
        "metrics.readiness": 64,
        "metrics.tsb": 6.1,
    }


def test_fever_means_no_riding() -> None:
    context = changed("SC01")
    context["health"]["illness"] = "fever"

    decision = decided(context)

    assert decision.workout_plan is not None
    assert (decision.action, decision.workout_plan.duration_minutes) == ("recover", 0)
    assert decision.flags == ["illness"]


def test_weekend_with_time_becomes_a_long_ride() -> None:
    context = changed("SC01", tsb=-6)
    context["today"]["weekday"] = "Sunday"
    context["mission"]["availability"]["today_minutes"] = 150

    decision = decided(context)

    assert decision.workout_plan is not None
    assert (decision.workout_plan.type, decision.workout_plan.zones.hard()) == ("Endurance", 0)
    assert decision.workout_plan.duration_minutes == 150


def test_steep_ramp_keeps_the_load_at_ctl() -> None:
    decision = decided(changed("SC01", ramp_7d=7.5))

    assert decision.workout_plan is not None
    assert decision.workout_plan.estimated_load is not None
    assert decision.workout_plan.estimated_load <= 48.2


def test_event_that_lists_its_stages_is_understood() -> None:
    context = changed("SC41")
    context["mission"].pop("bonuses")
    context["mission"]["points_schema"]["bonuses"] = {
        "consecutive_5": {"threshold": 5, "points": 5},
        "breakaway_10": {"threshold": 10, "points": 15},
    }
    context["today"]["stage"] = {"number": 5, "stage_type": "hilly", "is_completed": False}
    ridden = {"stage_type": "flat", "ride_mode": "gc", "points": 5, "is_completed": True}
    context["progress"] = {
        "points_total": 20,
        "stages_total": 8,
        "stages": [{**ridden, "number": n} for n in range(1, 5)],
    }

    decision = decided(context)

    assert (decision.recommended_ride_mode, decision.stage_type) == ("breakaway", "hilly")
    assert decision.expected_points == 11
    assert decision.bonus_opportunities == ["consecutive_5"]


def test_stage_that_is_ridden_leaves_an_easy_rest_of_the_day() -> None:
    context = changed("SC41")
    context["today"]["stage"]["completed"] = True

    decision = decided(context)

    assert decision.workout_plan is not None
    assert (decision.recommended_ride_mode, decision.expected_points) == ("rest", 0)
    assert decision.workout_plan.duration_minutes <= 45
    assert decision.flags == ["stage_already_ridden"]


@pytest.mark.parametrize("most", range(1, 8))
@pytest.mark.parametrize("scenario_id", BY_ID)
def test_no_minute_is_above_the_highest_zone_allowed(scenario_id: str, most: int) -> None:
    context: dict[str, Any] = copy.deepcopy(BY_ID[scenario_id]["context"])
    context["mission"]["constraints"]["max_zone"] = most

    plan = decided(context).workout_plan

    minutes = plan.zones.model_dump() if plan else {}
    assert {zone: spent for zone, spent in minutes.items() if int(zone[1]) > most and spent} == {}


def test_resting_heart_rate_above_the_mission_s_own_limit_makes_the_day_easy() -> None:
    context = changed("SC01", rhr=57, rhr_baseline=55)
    context["mission"]["constraints"]["max_rhr"] = 56

    decision = decided(context)

    assert (decision.action, decision.flags) == ("ease", ["resting_heart_rate_raised"])
    assert decision.reason.startswith(
        "Resting heart rate is 57 against the 56 above which your mission allows nothing hard"
    )


def random_morning(dice: random.Random) -> dict[str, Any]:
    context: dict[str, Any] = copy.deepcopy(dice.choice(SCENARIOS)["context"])
    for name, values in {
        "readiness": (None, 50, 62, 78, 88),
        "tsb": (None, -25, -17, -5, 0, 12),
        "ctl": (None, 0, 12, 60),
        "ramp_7d": (None, 2, 7),
        "days_since_rest": (None, 0, 6),
    }.items():
        if dice.random() < 0.4:
            context["metrics"][name] = dice.choice(values)
    context["mission"]["availability"]["today_minutes"] = dice.choice((None, 0, 15, 31, 60, 240))
    context["athlete"]["ftp"] = dice.choice((None, 230))
    return context


def test_plan_adds_up_on_any_morning() -> None:
    dice = random.Random(7)
    for _ in range(500):
        context = random_morning(dice)
        plan = decided(context).workout_plan
        if plan is None:
            continue
        steps = [
            (one, step.count if isinstance(step, Repeat) else 1)
            for step in plan.steps
            for one in (step.steps if isinstance(step, Repeat) else [step])
        ]
        minutes = context["mission"]["availability"]["today_minutes"]
        assert sum(step.seconds * times for step, times in steps) == 60 * plan.duration_minutes
        assert plan.zones.total() == plan.duration_minutes
        assert plan.duration_minutes <= (60 if minutes is None else minutes)
        assert (plan.estimated_load is None) == (context["athlete"]["ftp"] is None)
