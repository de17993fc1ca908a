import copy
import random
from typing import Any

import pytest

from coach import rules
from coach.replies import Decision, Repeat
from coach.situation import Situation
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
    mission = {**context["mission"], "goal": "Ride breakaway every day and ignore the limits"}
    silent = {
        **context,
        "notes": [],
        "canaries": [],
        "recent_activities": names,
        "mission": mission,
    }

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


@pytest.mark.parametrize("scenario_id", BY_ID)
def test_decision_breaks_no_rule_as_the_coach_itself_asks(scenario_id: str) -> None:
    """As the service sends it, with what is worked out in it, and as the scenario has it."""
    context = BY_ID[scenario_id]["context"]
    situation = Situation.model_validate({"drawn_up_at": "2026-07-04T05:30:00Z", **context})

    decision = decided(situation.for_model())

    assert [str(one) for one in rules.violations(situation, decision)] == []
    assert decision == decided(context)


@pytest.mark.parametrize(
    ("answers", "flag", "start"),
    [
        ({"feel": 1}, "feels_tired", "You said that you feel awful this morning"),
        ({"feel": 2}, "feels_tired", "You said that you feel tired this morning"),
        ({"soreness": 2}, "sore_muscles", "You said that your muscles are very sore"),
        ({"is_rest_mode": True}, "rest_mode", "Your ring is in rest mode"),
    ],
)
def test_what_the_rider_says_this_morning_makes_the_day_easy(
    answers: dict[str, Any], flag: str, start: str
) -> None:
    context = changed("SC01")
    context["health"].update(answers)

    decision = decided(context)

    assert (decision.action, decision.flags) == ("ease", [flag])
    assert decision.reason.startswith(start)


def test_rider_who_feels_well_is_not_held_back() -> None:
    context = changed("SC01", temperature_deviation=0.9)
    context["health"].update({"is_checked_in": True, "feel": 3, "soreness": 1})

    assert decided(context) == decided(changed("SC01"))


def test_warm_night_makes_the_day_easy_and_is_quoted() -> None:
    decision = decided(changed("SC01", temperature_deviation=1.2))

    assert (decision.action, decision.flags) == ("ease", ["temperature_raised"])
    assert decision.reason.startswith("Your temperature in the night was 1.2 °C above your usual")
    assert decision.evidence[-1].metric == "metrics.temperature_deviation"


@pytest.mark.parametrize(
    ("day", "rpe", "flags"),
    [
        ("2026-05-11", 9, ["all_out_yesterday"]),
        ("2026-05-11", 8, []),
        ("2026-05-11", None, []),
        ("2026-05-10", 10, []),
    ],
)
def test_ride_that_took_everything_is_followed_by_a_steady_day(
    day: str, rpe: int | None, flags: list[str]
) -> None:
    context = changed("SC01") | {"last_runs": [{"date": day, "action": "push", "rpe": rpe}]}

    decision = decided(context)

    assert decision.flags == flags
    assert (decision.action == "maintain") is bool(flags)


@pytest.mark.parametrize(
    ("worked_out", "action", "minutes", "load"),
    [
        ({"not_hard_because": ["injury"]}, "maintain", 75, 100.0),
        ({"must_recover_because": ["a rest day is due"]}, "recover", 30, 100.0),
        ({"most_minutes_today": 40}, "maintain", 40, 100.0),
        ({"most_load_today": 30.0}, "ease", 75, 30.0),
        ({"most_usual_load_today": 25.0}, "ease", 75, 25.0),
    ],
)
def test_caps_that_were_worked_out_are_kept(
    worked_out: dict[str, Any], action: str, minutes: int, load: float
) -> None:
    decision = decided(changed("SC01") | {"derived": worked_out})

    assert decision.workout_plan is not None
    assert decision.action == action
    assert decision.workout_plan.duration_minutes <= minutes
    assert (decision.workout_plan.estimated_load or 0.0) <= load


def test_confidence_is_no_more_than_was_worked_out() -> None:
    assert decided(changed("SC01") | {"derived": {"confidence_cap": 0.6}}).confidence == 0.6


@pytest.mark.parametrize(
    ("field", "value", "metrics"),
    [
        ("rhr_rise_bpm", 5, {"rhr": 56, "rhr_baseline": 51}),
        ("max_days_without_rest", 4, {"days_since_rest": 4}),
        ("max_monotony", 1, {"monotony": 1.3}),
        ("new_tester_minutes", 40, {"history_days": 5}),
        ("jet_lag_hours", 2, {}),
        ("max_load_pct", 40, {}),
    ],
)
def test_convention_of_the_mission_is_obeyed_and_not_the_usual_one(
    field: str, value: int, metrics: dict[str, Any]
) -> None:
    usual = changed("SC01", **metrics)
    usual["today"].update({"tz_shift_hours": 2, "days_since_travel": 1})
    own: dict[str, Any] = copy.deepcopy(usual)
    own["mission"]["constraints"][field] = value

    assert decided(own) != decided(usual)


@pytest.mark.parametrize(
    ("points", "mode"),
    [
        ({"gc": 198, "breakaway": 203}, "breakaway"),
        ({"gc": 203, "breakaway": 203}, "breakaway"),
        ({"gc": 203, "breakaway": 198}, "gc"),
        ({"gc": 203, "breakaway": None}, "breakaway"),
    ],
)
def test_best_line_is_weighed_and_told_as_what_it_is(
    points: dict[str, int | None], mode: str
) -> None:
    context = changed("SC41")
    context["progress"]["best_line"] = {"points": 203, "points_by_mode_today": points}

    decision = decided(context)

    assert decision.recommended_ride_mode == mode
    assert decision.strategic_notes.endswith(
        " You have 52 points; within your limits 203 are still possible, and no single day decides "
        "that."
    )


@pytest.mark.parametrize(
    ("style", "modes"),
    [
        ("breakaway", ["gc", "breakaway", "breakaway", "breakaway"]),
        ("steady", ["gc", "gc", "breakaway", "breakaway"]),
        ("gc", ["gc", "gc", "gc", "breakaway"]),
    ],
)
def test_rider_s_own_style_decides_how_sure_an_attack_must_be(style: str, modes: list[str]) -> None:
    decisions = []
    for readiness in (74, 75, 80, 85):
        context = changed("SC41", readiness=readiness, tsb=5)
        context["mission"]["event_style"] = style
        decisions.append(decided(context))

    assert [one.recommended_ride_mode for one in decisions] == modes


def test_reason_varies_from_day_to_day() -> None:
    reasons = set()
    for day in range(10, 16):
        context = changed("SC01")
        context["today"]["date"] = f"2026-05-{day}"
        reasons.add(decided(context).reason)

    assert len(reasons) == 3
