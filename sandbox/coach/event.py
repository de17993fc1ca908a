"""A day of the event: ride mode, points, bonuses, and the stage as a workout."""

from typing import Any

from sandbox.coach.bonuses import bonuses_in_reach
from sandbox.coach.calendar import stage_type
from sandbox.coach.causes import Ceiling, shown
from sandbox.coach.limits import Limits
from sandbox.coach.situation import Situation
from sandbox.coach.workouts import REST, Session, spin, stage_in_the_break, stage_in_the_bunch

USUAL_STAGE_MIN = 75
GC_READINESS, GC_TSB = 75, -10
# Over the values below which the mission stays in the bunch; wider for who likes it there.
MARGINS = {"breakaway": 0, "gc": 10}
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
        "strategic_notes": NOTES[mode] + _in_the_long_run(situation),
    }


def _mode(situation: Situation, limits: Limits) -> str:
    if limits.ceiling <= Ceiling.RECOVER or limits.is_health:
        return "rest"
    can_attack = limits.ceiling is Ceiling.FREE and is_strong(situation)
    return "breakaway" if can_attack and _pays(situation) else "gc"


def _pays(situation: Situation) -> bool:
    """Whether attacking today costs nothing over the whole event; so also where nobody knows."""
    of_mode = "progress.best_line.points_by_mode_today"
    attack, bunch = (situation.number(f"{of_mode}.{mode}") for mode in ("breakaway", "gc"))
    return attack is None or bunch is None or attack >= bunch


def is_strong(situation: Situation) -> bool:
    """Clear of the values below which the mission prefers to stay in the bunch."""
    readiness, tsb = situation.number("metrics.readiness"), situation.number("metrics.tsb")
    if readiness is None or tsb is None:
        return False
    least_readiness = situation.limit("prefer_gc_readiness") or GC_READINESS
    least_tsb = situation.limit("prefer_gc_tsb")
    least_tsb = GC_TSB if least_tsb is None else least_tsb
    margin = MARGINS.get(situation.at("mission.event_style"), MARGIN)
    return readiness >= least_readiness + margin and tsb >= least_tsb + margin


def _in_the_long_run(situation: Situation) -> str:
    best, so_far = (
        situation.number(path) for path in ("progress.best_line.points", "progress.total_points")
    )
    if best is None or so_far is None:
        return ""
    return (
        f" You have {shown(so_far)} points; within your limits {shown(best)} are still possible, "
        "and no single day decides that."
    )


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
