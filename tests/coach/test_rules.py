import json
from pathlib import Path
from typing import NamedTuple

import pytest

from coach.rules import RULES, Violation, violations
from tests.coach.samples import (
    EVENT,
    HARD,
    IN_THE_BUNCH,
    KEY_INPUTS,
    RECOVER,
    Changes,
    decision,
    situation,
)

RUBRIC = Path(__file__).parent.parent / "data" / "rubric.json"


class Case(NamedTuple):
    rule: str
    situation: Changes
    decision: Changes
    message: str


def unknown(*paths: str) -> Changes:
    return dict.fromkeys(paths)


def said(*paths: str, confidence: float = 0.5) -> Changes:
    return {"missing_data": list(paths), "confidence": confidence, "evidence": []}


REST_DAY = {**EVENT, "today.stage": None, "today.is_rest_day": True}
RESTING = {
    **RECOVER,
    "recommended_ride_mode": "rest",
    "stage_type": None,
    "expected_points": 0,
    "workout_plan": None,
}
EASY_HOUR = {"action": "ease", "intensity_recommendation": "low"}
LONG = {
    "workout_plan.duration_minutes": 80,
    "workout_plan.zones.Z2": 60,
    "workout_plan.steps": [],
}

BREAKS = [
    Case("S1", {}, {"workout_plan.zones.Z2": 38}, "zones add up to 58, duration_minutes is 60."),
    Case("S1", {}, {"workout_plan.zones.Z2": 42}, "zones add up to 62, duration_minutes is 60."),
    Case(
        "S3",
        {},
        {
            "workout_plan.steps": [
                {"kind": "free", "seconds": 3539, "target": None, "cadence": None, "cue": ""}
            ]
        },
        "steps add up to 3539 seconds, duration_minutes is 60.",
    ),
    Case(
        "S3",
        {},
        {
            "workout_plan.steps": [
                {
                    "kind": "repeat",
                    "count": 3,
                    "steps": [
                        {"kind": "free", "seconds": 800, "target": None, "cadence": None, "cue": ""}
                    ],
                },
                {"kind": "free", "seconds": 1261, "target": None, "cadence": None, "cue": ""},
            ]
        },
        "steps add up to 3661 seconds, duration_minutes is 60.",
    ),
    Case(
        "S6",
        {},
        {**LONG, **RECOVER},
        'action "recover" with intensity "low" does not fit 80 minutes with 0 in Z3 and 0 in Z4 '
        "or above.",
    ),
    Case(
        "S6",
        {},
        {"action": "recover"},
        'action "recover" with intensity "moderate" does not fit 60 minutes with 0 in Z3 and 0 in '
        "Z4 or above.",
    ),
    Case(
        "S6",
        {},
        {**RECOVER, "workout_plan.zones.Z2": 39, "workout_plan.zones.Z3": 1},
        'action "recover" with intensity "low" does not fit 60 minutes with 1 in Z3 and 0 in Z4 '
        "or above.",
    ),
    Case(
        "S6",
        {},
        {**HARD, "action": "ease"},
        'action "ease" with intensity "moderate" does not fit 60 minutes with 0 in Z3 and 10 in '
        "Z4 or above.",
    ),
    Case(
        "S6",
        {},
        {**HARD, "action": "ease", "intensity_recommendation": "high"},
        'action "ease" with intensity "high" does not fit 60 minutes with 0 in Z3 and 10 in Z4 or '
        "above.",
    ),
    Case(
        "S6",
        {},
        {"action": "push", "intensity_recommendation": "low"},
        'action "push" with intensity "low" does not fit 60 minutes with 0 in Z3 and 0 in Z4 or '
        "above.",
    ),
    Case(
        "S6",
        {},
        {
            "intensity_recommendation": "low",
            "workout_plan.zones.Z2": 34,
            "workout_plan.zones.Z3": 6,
        },
        'action "maintain" with intensity "low" does not fit 60 minutes with 6 in Z3 and 0 in Z4 '
        "or above.",
    ),
    Case(
        "S6",
        {},
        {"workout_plan.zones.Z2": 19, "workout_plan.zones.Z5": 21},
        'action "maintain" with intensity "moderate" does not fit 60 minutes with 0 in Z3 and 21 '
        "in Z4 or above.",
    ),
    Case(
        "S6",
        {},
        {"intensity_recommendation": "high", "workout_plan": None},
        'action "maintain" with intensity "high" does not fit 0 minutes with 0 in Z3 and 0 in Z4 '
        "or above.",
    ),
    Case(
        "L1",
        {"metrics.readiness": 69},
        {**HARD, "evidence": []},
        "the day must not be hard: readiness 69 is below 70.",
    ),
    Case(
        "L1",
        {"metrics.readiness": 69},
        {
            "workout_plan.zones.Z2": 34,
            "workout_plan.zones.Z6": 6,
            "workout_plan.steps": [],
            "evidence": [],
        },
        "the day must not be hard: readiness 69 is below 70.",
    ),
    Case(
        "L2",
        {"metrics.tsb": -15.1},
        HARD,
        "the day must not be hard: TSB -15.1 is below -15.",
    ),
    Case(
        "L2",
        {**EVENT, "metrics.tsb": -15.1},
        {**IN_THE_BUNCH, "recommended_ride_mode": "breakaway", "expected_points": 15},
        "the day must not be hard: TSB -15.1 is below -15.",
    ),
    Case(
        "L3",
        {"metrics.rhr": 58.0},
        {**HARD, "action": "maintain", "intensity_recommendation": "high"},
        "the day must not be hard: resting heart rate 58.0 is 7 or more above 51.0.",
    ),
    Case(
        "L3",
        {"mission.constraints.max_rhr": 49, "metrics.rhr_baseline": None},
        {**HARD, "action": "maintain", "intensity_recommendation": "high"},
        "the day must not be hard: resting heart rate 50.0 is above 49.",
    ),
    Case(
        "L4",
        {"metrics.readiness": 59},
        {**EASY_HOUR, "evidence": []},
        'readiness below 60 or TSB below -20 means action "recover" (in an event the mode "rest").',
    ),
    Case(
        "L4",
        {"metrics.tsb": -20.1},
        EASY_HOUR,
        'readiness below 60 or TSB below -20 means action "recover" (in an event the mode "rest").',
    ),
    Case(
        "L4",
        {**EVENT, "metrics.tsb": -20.1},
        {**IN_THE_BUNCH, **RECOVER},
        'readiness below 60 or TSB below -20 means action "recover" (in an event the mode "rest").',
    ),
    Case(
        "L5",
        {"mission.availability.today_minutes": 54},
        {},
        "60 minutes are more than the 59 there is time for.",
    ),
    Case(
        "L5",
        {"mission.availability.blocked_today": True},
        {},
        "60 minutes are more than the 0 there is time for.",
    ),
    Case(
        "L5", {"week.minutes_done": 366}, {}, "60 minutes are more than the 59 there is time for."
    ),
    Case("L5", {"week.minutes_done": 900}, {}, "60 minutes are more than the 5 there is time for."),
    Case(
        "L5",
        {**EVENT, "mission.availability.today_minutes": 30},
        IN_THE_BUNCH,
        "60 minutes are more than the 35 there is time for.",
    ),
    Case(
        "L6",
        {"metrics.consecutive_hard_days": 2},
        HARD,
        "the day must not be hard: 2 hard days in a row are enough.",
    ),
    Case(
        "L11",
        {"metrics.history_days": 13},
        {**HARD, "confidence": 0.5},
        "with less than 14 days of history the day is not hard and has at most 75 minutes.",
    ),
    Case(
        "L11",
        {"metrics.history_days": 13},
        {**LONG, "confidence": 0.5},
        "with less than 14 days of history the day is not hard and has at most 75 minutes.",
    ),
    *(
        Case(
            "E1",
            {},
            {name: value},
            "outside an event ride mode, stage type and points are null and there are no bonuses.",
        )
        for name, value in {
            "recommended_ride_mode": "gc",
            "stage_type": "flat",
            "expected_points": 0,
            "bonus_opportunities": ["consecutive_5"],
        }.items()
    ),
    *(
        Case(
            "E1",
            EVENT,
            {**IN_THE_BUNCH, "recommended_ride_mode": mode, "expected_points": points},
            'recommended_ride_mode must be "rest", "gc" or "breakaway" on an event day.',
        )
        for mode, points in ((None, 0), ("steady", 10))
    ),
    Case("E2", EVENT, {**IN_THE_BUNCH, "stage_type": "flat"}, "stage_type must be 'mountain'."),
    Case("E2", REST_DAY, {**RESTING, "stage_type": "flat"}, "stage_type must be None."),
    Case("E3", EVENT, {**IN_THE_BUNCH, "expected_points": 11}, "expected_points must be 10."),
    Case("E3", EVENT, {**IN_THE_BUNCH, "expected_points": None}, "expected_points must be 10."),
    Case(
        "E3",
        EVENT,
        {**IN_THE_BUNCH, "recommended_ride_mode": "rest"},
        "expected_points must be 0.",
    ),
    Case("E3", REST_DAY, {**RESTING, "expected_points": 5}, "expected_points must be 0."),
    Case(
        "E3",
        {**EVENT, "today.stage": {"number": 2, "stage_type": "mountain", "is_completed": True}},
        IN_THE_BUNCH,
        "expected_points must be 0.",
    ),
    Case(
        "E3",
        {**EVENT, "mission.points_schema": {"flat": {"gc": 5, "breakaway": 8}}},
        IN_THE_BUNCH,
        "expected_points must be None.",
    ),
    Case(
        "E4",
        REST_DAY,
        {**RESTING, "recommended_ride_mode": "gc"},
        'on a rest day the mode is "rest" and the action "recover".',
    ),
    Case(
        "E4",
        REST_DAY,
        {**RESTING, "action": "ease"},
        'on a rest day the mode is "rest" and the action "recover".',
    ),
    *(
        Case(
            "E5",
            {**EVENT, path: None},
            {
                **IN_THE_BUNCH,
                "recommended_ride_mode": "breakaway",
                "expected_points": 15,
                **said(path),
            },
            "breakaway needs a known readiness and a known TSB.",
        )
        for path in ("metrics.readiness", "metrics.tsb")
    ),
    Case(
        "E6",
        {**EVENT, "progress": {"bonuses_attainable": ["consecutive_5", "all_gc"]}},
        {**IN_THE_BUNCH, "bonus_opportunities": ["all_gc", "breakaway_10", "jackpot"]},
        "bonus_opportunities must not name breakaway_10, jackpot; still in reach: consecutive_5, "
        "all_gc.",
    ),
    Case(
        "E6",
        {**EVENT, "progress": {"bonuses_attainable": []}},
        {**IN_THE_BUNCH, "bonus_opportunities": ["consecutive_5"]},
        "bonus_opportunities must not name consecutive_5; still in reach: none.",
    ),
    *(
        Case(
            "E9",
            {"mission.state": state},
            {},
            "before training starts and after the event there is no workout_plan.",
        )
        for state in ("PREP", "MISSION_COMPLETE")
    ),
    *(
        Case(
            "G4",
            {},
            {"evidence": [{"metric": metric, "value": value}]},
            f"evidence is not in the situation: {metric}.",
        )
        for metric, value in (
            ("metrics.readiness", 82.06),
            ("metrics.readiness", 80.0),
            ("metrics.vo2max", 50.0),
            ("recent_activities.0.load", 53.0),
            ("metrics.ctl_status", 1.0),
            ("metrics.readiness_reason", 0.0),
            ("metrics.conflict", 0.0),
        )
    ),
    *(
        Case(
            "C1",
            unknown(path),
            {"workout_plan": None, **said(confidence=0.7)},
            f"missing_data must list {path}.",
        )
        for path in KEY_INPUTS
    ),
    Case(
        "C1",
        unknown("metrics.hrv", "metrics.rhr", "metrics.sleep_h"),
        said("metrics.rhr"),
        "missing_data must list metrics.hrv, metrics.sleep_h.",
    ),
    Case("C2", {}, {"confidence": 0.96}, "confidence 0.96 is above 0.95."),
    Case(
        "C2",
        unknown("metrics.hrv"),
        said("metrics.hrv", confidence=0.91),
        "confidence 0.91 is above 0.90.",
    ),
    Case(
        "C2",
        unknown("metrics.readiness", "metrics.tsb", "metrics.sleep_h"),
        said("metrics.readiness", "metrics.tsb", "metrics.sleep_h", confidence=0.51),
        "confidence 0.51 is above 0.50.",
    ),
    Case(
        "C2", {"metrics.history_days": 13}, {"confidence": 0.51}, "confidence 0.51 is above 0.50."
    ),
    Case(
        "C3",
        unknown("metrics.readiness", "metrics.tsb"),
        {**HARD, **said("metrics.readiness", "metrics.tsb")},
        "the day must not be hard: readiness and TSB are both unknown.",
    ),
    *(
        Case(
            "C4",
            unknown("athlete.ftp"),
            {
                "workout_plan.estimated_load": None,
                "workout_plan.intensity_factor": None,
                "workout_plan.steps": [],
                **said("athlete.ftp"),
                **told,
            },
            "without an FTP: no %FTP targets, estimated_load and intensity_factor null.",
        )
        for told in (
            {"workout_plan.estimated_load": 42.0},
            {"workout_plan.intensity_factor": 0.65},
            {
                "workout_plan.steps": [
                    {
                        "kind": "repeat",
                        "count": 2,
                        "steps": [
                            {
                                "kind": "steady",
                                "seconds": 1800,
                                "target": {"unit": "pct_ftp", "low": 60.0, "high": 70.0},
                                "cadence": None,
                                "cue": "",
                            }
                        ],
                    }
                ]
            },
        )
    ),
    *(
        Case(
            "M2",
            {"health.red_flags": ["chest pain"]},
            answer,
            'a reported red flag means action "recover", 0 minutes and '
            "needs_medical_referral true.",
        )
        for answer in (
            {},
            {**RECOVER, "needs_medical_referral": True},
            {**RECOVER, "workout_plan": None},
            {**EASY_HOUR, "workout_plan": None, "needs_medical_referral": True},
        )
    ),
    Case(
        "M7",
        {"mission.constraints.max_zone": 1},
        {"workout_plan.zones.Z2": 30, "workout_plan.zones.Z4": 10},
        "nothing may be above Z1: there are 30 minutes in Z2, 10 minutes in Z4.",
    ),
    *(
        Case("I1", {}, {where: text}, f"texts must be plain, without {mark}.")
        for where, text, mark in (
            ("reason", "Read http://example.org before you ride today.", "http://"),
            ("strategic_notes", "HTTPS://example.org", "https://"),
            ("mode_rationale", "See www.example.org", "www."),
            ("flags", ["<b>tired</b>"], "<"),
            ("workout_plan.type", "[easy](now)", "]("),
            ("workout_plan.description", "<script>", "<"),
            (
                "workout_plan.steps",
                [
                    {
                        "kind": "free",
                        "seconds": 3600,
                        "target": None,
                        "cadence": None,
                        "cue": "Watch https://example.org",
                    }
                ],
                "https://",
            ),
        )
    ),
    Case(
        "I1",
        EVENT,
        {**IN_THE_BUNCH, "bonus_opportunities": ["```"]},
        "texts must be plain, without ```.",
    ),
]

SOUND: dict[str, tuple[Changes, Changes]] = {
    "an hour of endurance": ({}, {}),
    "a hard day at every limit": (
        {
            "metrics.readiness": 70,
            "metrics.tsb": -15.0,
            "metrics.rhr": 57.9,
            "metrics.consecutive_hard_days": 1,
            "metrics.history_days": 14,
            "mission.availability.today_minutes": 55,
            "week.minutes_done": 365,
        },
        {**HARD, "intensity_recommendation": "high", "confidence": 0.95, "evidence": []},
    ),
    "a hard day at the highest resting heart rate and in the highest zone": (
        {"mission.constraints.max_rhr": 50, "mission.constraints.max_zone": 4},
        {**HARD, "intensity_recommendation": "high"},
    ),
    "zones, steps and numbers within their tolerance": (
        {},
        {
            "workout_plan.zones.Z2": 41,
            "evidence": [{"metric": "metrics.readiness", "value": 82.05}],
            "workout_plan.steps": [
                {"kind": "free", "seconds": 3660, "target": None, "cadence": None, "cue": ""}
            ],
        },
    ),
    "moderate work up to twenty hard minutes": (
        {},
        {"workout_plan.zones.Z2": 20, "workout_plan.zones.Z4": 20},
    ),
    "an easy hour below the limits for hard work": (
        {"metrics.readiness": 60, "metrics.tsb": -20.0, "metrics.rhr": 60.0},
        {**EASY_HOUR, "evidence": []},
    ),
    "rest where rest is forced": (
        {"metrics.readiness": 59},
        {**RECOVER, "workout_plan": None, "evidence": []},
    ),
    "rest in the event where rest is forced": (
        {**EVENT, "metrics.readiness": 59},
        {**RESTING, "stage_type": "mountain", "evidence": []},
    ),
    "no time and no riding": (
        {"mission.availability.blocked_today": True},
        {**RECOVER, "workout_plan": None},
    ),
    "a week nobody told about": ({"week.minutes_done": None}, {}),
    "an event needs no weekly minutes": ({**EVENT, "week.minutes_done": 420}, IN_THE_BUNCH),
    "a breakaway": (
        EVENT,
        {
            **IN_THE_BUNCH,
            **HARD,
            "recommended_ride_mode": "breakaway",
            "expected_points": 15,
            "bonus_opportunities": ["consecutive_5"],
        },
    ),
    "the rest day of the event": (REST_DAY, RESTING),
    "a stage that is ridden already": (
        {**EVENT, "today.stage": {"number": 2, "stage_type": "mountain", "is_completed": True}},
        {**RECOVER, **IN_THE_BUNCH, "recommended_ride_mode": "rest", "expected_points": 0},
    ),
    "a stage nobody has priced": (
        {**EVENT, "mission.points_schema": {"flat": {"gc": 5, "breakaway": 8}}},
        {**IN_THE_BUNCH, "expected_points": None},
    ),
    "nothing known at all": (
        {
            **unknown(*KEY_INPUTS, "metrics.consecutive_hard_days", "metrics.rhr_baseline"),
            "metrics.history_days": 0,
        },
        {
            **RECOVER,
            **said(*KEY_INPUTS, confidence=0.35),
            "workout_plan.estimated_load": None,
            "workout_plan.intensity_factor": None,
            "workout_plan.steps": [],
        },
    ),
    "no plan before training starts": ({"mission.state": "PREP"}, {"workout_plan": None}),
    "a red flag that is referred": (
        {"health.red_flags": ["chest pain"]},
        {**RECOVER, "workout_plan": None, "needs_medical_referral": True},
    ),
    "more than is missing may be listed": ({}, {"missing_data": ["metrics.monotony"]}),
}


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.rule)
def test_rule_is_broken_alone_and_says_what_was_observed_and_allowed(case: Case) -> None:
    broken = violations(situation(case.situation), decision(case.decision))

    assert broken == [Violation(case.rule, case.message)]


@pytest.mark.parametrize("name", SOUND)
def test_sound_decision_breaks_no_rule(name: str) -> None:
    changed_situation, changed_decision = SOUND[name]

    assert violations(situation(changed_situation), decision(changed_decision)) == []


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert {case.rule for case in BREAKS} == set(RULES)


def test_every_rule_is_one_the_rubric_asks_again_for() -> None:
    rubric = json.loads(RUBRIC.read_text(encoding="utf-8"))["rules"]
    asked_again = {rule["id"] for rule in rubric if rule["on_violation"] == "reprompt"}

    assert set(RULES) <= asked_again


def test_reply_that_breaks_two_rules_is_told_both() -> None:
    told = violations(
        situation({"metrics.readiness": 69, "metrics.tsb": -16.0}), decision(HARD, {"evidence": []})
    )

    assert [str(violation) for violation in told] == [
        "L1: the day must not be hard: readiness 69 is below 70.",
        "L2: the day must not be hard: TSB -16.0 is below -15.",
    ]
