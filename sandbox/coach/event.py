"""A day of the event: ride mode, points, bonuses, and the stage as a workout."""

from typing import Any

from sandbox.coach.bonuses import bonuses_in_reach
from sandbox.coach.calendar import stage_type
from sandbox.coach.causes import Ceiling
from sandbox.coach.limits import Limits
from sandbox.coach.situation import Situation
from sandbox.coach.workouts import REST, Session, spin, stage_in_the_break, stage_in_the_bunch

USUAL_STAGE_MIN = 75
GC_READINESS, GC_TSB = 75, -10
MARGIN = 5

RATIONALE = {
    "rest": "Health and recovery come before points, and a stage ridden on empty costs the "
    "ones after it.",
    "gc": "You bring the stage home in the bunch and keep something for the days to come.",
    "breakaway": "You are recovered enough to spend energy today, and the stage pays more for it.",
}
NOTES = {
    "rest": "Eat, drink, sleep early, and start the next stage with more than you have today.",
    "gc": "Stay in the wheels, eat early and often, and do not answer the attacks.",
    "breakaway": "Go once the bunch has settled, then ride evenly; if your legs say no early "
    "on, sit up and ride home in the bunch.",
}


def ride(situation: Situation, limits: Limits) -> tuple[Session, dict[str, Any]]:
    mode = _mode(situation, limits)
    return _session(mode, limits), {
        "recommended_ride_mode": mode,
        "mode_rationale": RATIONALE[mode],
        "stage_type": stage_type(situation),
        "expected_points": _points(situation, mode),
        "bonus_opportunities": bonuses_in_reach(situation, mode),
        "strategic_notes": NOTES[mode],
    }


def _mode(situation: Situation, limits: Limits) -> str:
    if limits.ceiling <= Ceiling.RECOVER or limits.is_health:
        return "rest"
    return "breakaway" if limits.ceiling is Ceiling.FREE and is_strong(situation) else "gc"


def is_strong(situation: Situation) -> bool:
    """Clear of the values below which the mission prefers to stay in the bunch."""
    readiness, tsb = situation.number("metrics.readiness"), situation.number("metrics.tsb")
    if readiness is None or tsb is None:
        return False
    least_readiness = situation.limit("prefer_gc_readiness") or GC_READINESS
    least_tsb = situation.limit("prefer_gc_tsb")
    least_tsb = GC_TSB if least_tsb is None else least_tsb
    return readiness >= least_readiness + MARGIN and tsb >= least_tsb + MARGIN


def _session(mode: str, limits: Limits) -> Session:
    minutes = min(limits.minutes, USUAL_STAGE_MIN)
    if mode == "breakaway":
        return stage_in_the_break(minutes)
    if mode == "gc":
        return stage_in_the_bunch(minutes, is_gentle=limits.ceiling is Ceiling.EASY)
    is_spin = limits.ceiling > Ceiling.REST and minutes >= 20
    return spin(min(minutes, 30)) if is_spin else REST


def _points(situation: Situation, mode: str) -> int | None:
    if mode == "rest":
        return 0
    points = situation.number(f"mission.points_schema.{stage_type(situation)}.{mode}")
    return None if points is None else int(points)
