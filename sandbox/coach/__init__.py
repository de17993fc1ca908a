"""The stand-in coach: one situation in, one decision out, in the shape the real model is asked for.

Plain rules, no randomness: the same morning always gets the same answer, and text that riders or
devices typed is never looked at.
"""

from typing import Any

from sandbox.coach import event, training, words
from sandbox.coach.blocks import Messages, block_in
from sandbox.coach.limits import Limits, limits_of
from sandbox.coach.situation import Situation
from sandbox.coach.workouts import REST, Session, plan_of

LIVE = {"TRAINING", "EVENT_ACTIVE"}
NO_EVENT: dict[str, Any] = {
    "recommended_ride_mode": None,
    "mode_rationale": "",
    "stage_type": None,
    "expected_points": None,
    "bonus_opportunities": [],
    "strategic_notes": "",
}


def answer(messages: Messages) -> dict[str, Any]:
    """The decision on the situation in the messages; raises blocks.Missing."""
    return decide(block_in(messages, "situation"))


def decide(raw: dict[str, Any]) -> dict[str, Any]:
    """A reply in the shape of the coach's output schema."""
    situation = Situation(raw)
    limits = limits_of(situation)
    if situation.state not in LIVE:
        return _decision(situation, limits, REST, NO_EVENT) | {"workout_plan": None}
    if situation.state == "EVENT_ACTIVE":
        session, stage = event.ride(situation, limits)
        return _decision(situation, limits, session, stage)
    return _decision(situation, limits, training.session(situation, limits), NO_EVENT)


def _decision(
    situation: Situation, limits: Limits, session: Session, stage: dict[str, Any]
) -> dict[str, Any]:
    return {
        "action": session.action,
        "intensity_recommendation": session.intensity,
        "reason": words.reason(situation, limits, session),
        "flags": [cause.flag for cause in limits.causes][:12],
        "confidence": confidence(situation),
        "missing_data": situation.missing(),
        "needs_medical_referral": limits.needs_referral,
        "evidence": words.evidence(situation, limits),
        "workout_plan": plan_of(session, has_ftp=situation.number("athlete.ftp") is not None),
        **stage,
    }


def confidence(situation: Situation) -> float:
    missing = situation.missing()
    weighty = sum(path in missing for path in ("metrics.readiness", "metrics.tsb"))
    caps = [0.95 - 0.2 * weighty - 0.05 * (len(missing) - weighty)]
    if (situation.number("metrics.history_days") or 0) < 14:
        caps.append(0.5)
    if situation.flag("metrics.conflict"):
        caps.append(0.65)
    if (given := situation.number("derived.confidence_cap")) is not None:
        caps.append(given)
    return round(min(caps), 2)


def absurd(decision: dict[str, Any]) -> dict[str, Any]:
    """Every field fits the schema; nothing else is right."""
    plan = {
        "type": "Everything at once",
        "description": "All of it, as hard as it goes.",
        "duration_minutes": 700,
        "zones": {"Z1": 0, "Z2": 10, "Z3": 0, "Z4": 0, "Z5": 300, "Z6": 0, "Z7": 0},
        "estimated_load": 12.0,
        "intensity_factor": 0.2,
        "steps": [],
    }
    return decision | {
        "action": "push",
        "intensity_recommendation": "high",
        "reason": "Your readiness is 100 and your TSB is 50, so you ride until it is dark.",
        "confidence": 1.0,
        "missing_data": [],
        "needs_medical_referral": False,
        "evidence": [{"metric": "metrics.readiness", "value": 100.0}],
        "workout_plan": plan,
    }
