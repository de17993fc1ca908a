"""The rules and the expectations of the scenarios together."""

import copy
from collections.abc import Callable
from typing import Any

from coach.replies import Decision
from coach.rules import violations
from coach.situation import Situation
from sandbox.coach import decide
from tests.coach.samples import reply
from tests.sandbox.scenarios import SCENARIOS, broken

Context = dict[str, Any]
Policy = Callable[[Context], dict[str, Any]]
KEYS = ("readiness", "tsb", "hrv", "rhr", "sleep_h")


def faults(scenario: Context, answer: dict[str, Any]) -> list[str]:
    context = scenario["context"]
    situation = Situation.model_validate({"drawn_up_at": "2026-07-04T05:30:00Z", **context})
    told = violations(situation, Decision.model_validate(answer, strict=False))
    return [*(str(one) for one in told), *broken(scenario, answer)]


def test_every_scenario_has_a_decision_that_passes() -> None:
    failed = {
        one["id"]: told
        for one in SCENARIOS
        if (told := faults(one, decide(copy.deepcopy(one["context"]))))
    }

    assert failed == {}
    assert len(SCENARIOS) == 32


def answer(context: Context, action: str, intensity: str, **minutes: int) -> dict[str, Any]:
    """One plan for every morning, with what is missing said and the points as priced."""
    zones = dict.fromkeys((f"Z{n}" for n in range(1, 8)), 0) | minutes
    stage, is_event = context["today"]["stage"], context["mission"]["state"] == "EVENT_ACTIVE"
    mode = ("rest" if action == "recover" else "gc") if is_event else None
    has_points = is_event and stage is not None and mode != "rest"
    missing = [f"metrics.{name}" for name in KEYS if context["metrics"][name] is None]
    missing += ["athlete.ftp"] if context["athlete"]["ftp"] is None else []
    whole = reply(
        {
            "action": action,
            "intensity_recommendation": intensity,
            "reason": "Whatever your form and readiness are, you do what you always do.",
            "confidence": 0.3,
            "missing_data": missing,
            "evidence": [],
            "recommended_ride_mode": mode,
            "stage_type": stage["type"] if is_event and stage else None,
            "expected_points": (
                context["mission"]["points_schema"][stage["type"]]["gc"] if has_points else 0
            )
            if is_event
            else None,
            "workout_plan.zones": zones,
            "workout_plan.duration_minutes": sum(minutes.values()),
            "workout_plan.estimated_load": None,
            "workout_plan.intensity_factor": None,
            "workout_plan.steps": [],
        }
    )
    return whole if minutes else whole | {"workout_plan": None}


def always_rest(context: Context) -> dict[str, Any]:
    return answer(context, "recover", "low")


def always_easy(context: Context) -> dict[str, Any]:
    return answer(context, "ease", "low", Z2=45)


def always_push(context: Context) -> dict[str, Any]:
    return answer(context, "push", "high", Z1=20, Z3=20, Z4=20)


def by_thresholds(context: Context) -> dict[str, Any]:
    """Readiness and TSB against the mission's limits, and nothing else."""
    readiness, tsb = context["metrics"]["readiness"], context["metrics"]["tsb"]
    limits = context["mission"]["constraints"]
    if (readiness or 100) < limits["force_rest_readiness"] or (tsb or 0) < limits["force_rest_tsb"]:
        return always_rest(context)
    if (readiness or 100) < limits["min_readiness"] or (tsb or 0) < limits["min_tsb"]:
        return always_easy(context)
    return always_push(context)


MOST_PASSED: dict[Policy, int] = {
    always_rest: 11,
    always_easy: 13,
    always_push: 4,
    by_thresholds: 11,
}


def test_trivial_policies_fail_most_scenarios() -> None:
    passed = {
        policy.__name__: sum(not faults(one, policy(one["context"])) for one in SCENARIOS)
        for policy in MOST_PASSED
    }

    assert {
        name for policy, most in MOST_PASSED.items() if passed[name := policy.__name__] > most
    } == set()
