"""An ordinary training day: which session, and how long."""

from collections.abc import Callable

from sandbox.coach.causes import Ceiling
from sandbox.coach.health import clinician_limit
from sandbox.coach.limits import Limits
from sandbox.coach.situation import Situation
from sandbox.coach.worked_out import most_load
from sandbox.coach.workouts import (
    REST,
    Session,
    easy,
    endurance,
    openers,
    sharpener,
    spin,
    tempo,
    threshold,
)

FRESH_READINESS, FRESH_TSB = 80, -5


def session(situation: Situation, limits: Limits) -> Session:
    if limits.ceiling is Ceiling.REST:
        return REST
    most = _minutes(situation, limits)
    most_load = load_limit(situation)
    if limits.ceiling is Ceiling.RECOVER:
        return _within_load(spin, min(most, 30), most_load, shorter=spin)
    build, minutes = _wish(situation, limits, most)
    shorter = endurance if build is endurance else easy
    return _within_load(build, minutes, most_load, shorter=shorter)


def load_limit(situation: Situation) -> float | None:
    """The load above which the ramp, the taper or the last month says too much."""
    ctl = situation.number("metrics.ctl")
    ramp, most_30d = situation.number("metrics.ramp_7d"), situation.number("metrics.max_load_30d")
    given = most_load(situation)
    bounds = [] if given is None else [given]
    if most_30d:
        bounds.append(most_30d * situation.convention("max_load_pct") / 100)
    if ctl is not None and is_eve(situation):
        bounds.append(0.8 * ctl)
    if ctl is not None and ramp is not None:
        usual = situation.convention("usual_ramp_rate")
        steepest = min(situation.limit("max_ramp_rate") or usual, usual)
        # A day's load moves CTL by about a 42nd of what it is above it.
        bounds.append(max(ctl, ctl + 42 * (steepest - ramp)))
    return min(bounds) if bounds else None


def is_eve(situation: Situation) -> bool:
    days = situation.number("today.days_to_event")
    return days is not None and 0 <= days <= 2


def is_taper(situation: Situation) -> bool:
    days = situation.number("today.days_to_event")
    return days is not None and 3 <= days <= 10


def _minutes(situation: Situation, limits: Limits) -> int:
    before = situation.number("week.pre_taper_session_minutes")
    if not is_taper(situation):
        return limits.minutes
    return min(limits.minutes, 60 if before is None else int(0.75 * before))


def _wish(situation: Situation, limits: Limits, most: int) -> tuple[Callable[[int], Session], int]:
    if is_eve(situation):
        is_limited = clinician_limit(situation) is not None
        can_open = limits.ceiling >= Ceiling.STEADY and most >= 30 and not is_limited
        return (openers, min(most, 40)) if can_open else (easy, min(most, 30))
    if limits.ceiling is Ceiling.EASY:
        return easy, min(most, 45)
    if limits.ceiling is Ceiling.STEADY:
        return endurance, min(most, 75)
    if is_taper(situation) and most >= 35:
        return sharpener, most
    return _free(situation, most)


def _free(situation: Situation, most: int) -> tuple[Callable[[int], Session], int]:
    if situation.at("today.weekday") in ("Saturday", "Sunday") and most >= 120:
        return endurance, min(most, 180)
    if is_fresh(situation) and most >= 45:
        return threshold, min(most, 75)
    return tempo, min(most, 75)


def is_fresh(situation: Situation) -> bool:
    """Rested enough for the hardest work of the week; unknown is not fresh."""
    readiness, tsb = situation.number("metrics.readiness"), situation.number("metrics.tsb")
    hard_days = situation.number("metrics.consecutive_hard_days") or 0
    if readiness is None or tsb is None or hard_days:
        return False
    return readiness >= max(FRESH_READINESS, situation.limit("min_readiness") or 0) and (
        tsb >= max(FRESH_TSB, situation.limit("min_tsb") or FRESH_TSB)
    )


def _within_load(
    build: Callable[[int], Session],
    minutes: int,
    most_load: float | None,
    *,
    shorter: Callable[[int], Session],
) -> Session:
    """As wished, or as much of something lighter as the load limit leaves room for."""
    wished = build(minutes)
    if most_load is None or wished.load() <= most_load:
        return wished
    lighter = (shorter(m) for m in range(minutes, 14, -5))
    return next((session for session in lighter if session.load() <= most_load), REST)
