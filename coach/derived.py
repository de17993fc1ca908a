"""What follows from a situation by arithmetic, so that a model has nothing to calculate.

The same functions judge the reply: what the model is told and what it is held to is one number.
"""

from typing import Any

from coach.facts import Facts
from coach.physiology.form import CTL_GAIN

NEW_TESTER_DAYS = 14
GRACE_MINUTES = 5
FRESH_H = 36
KEY_INPUTS = (
    "metrics.readiness",
    "metrics.tsb",
    "metrics.hrv",
    "metrics.rhr",
    "metrics.sleep_h",
    "athlete.ftp",
)
LIVE = ("TRAINING", "EVENT_ACTIVE")
ADULT_AGE = 18
# American Academy of Pediatrics: a day off every week.
MINOR_DAYS = 5
# The rubric's own numbers, of the rules they stand in.
REST_DUE_SHARE = 0.5
EVE_DAYS, EVE_SHARE = 2, 0.8
TAPER_DAYS, TAPER_SHARE = 10, 0.75
JET_LAG_DAYS = 2
WELL_DAYS = 3
NO_RIDING = ("fever", "below_neck")
RECOVER_MINUTES, ABOVE_NECK_MINUTES, AFTER_STAGE_MINUTES, LONGEST = 60, 45, 45, 720
# The share of FTP that stands for each power zone: the middle of Coggan's bounds, where nobody
# rides at nothing and few above 1.7.
ZONE_MIDDLES = {
    "Z1": 0.40,
    "Z2": 0.65,
    "Z3": 0.825,
    "Z4": 0.975,
    "Z5": 1.125,
    "Z6": 1.35,
    "Z7": 1.60,
}
WEIGHTY = {"metrics.readiness", "metrics.tsb"}
MOST_CONFIDENCE = 0.95
NEW_TESTER_CONFIDENCE = 0.5
CONFLICT_CONFIDENCE = 0.65


def fresh(situation: Facts, path: str) -> Any:
    """A key input; None when it is unknown or more than 36 hours old."""
    room, name = path.split(".")
    facts = getattr(situation, room)
    age_h = getattr(facts, f"{name}_age_h", None)
    return None if age_h is not None and age_h > FRESH_H else getattr(facts, name)


def missing(situation: Facts) -> tuple[str, ...]:
    return tuple(path for path in KEY_INPUTS if fresh(situation, path) is None)


def readiness(situation: Facts) -> int | None:
    value: int | None = fresh(situation, "metrics.readiness")
    return value


def is_new_tester(situation: Facts) -> bool:
    return situation.metrics.history_days < NEW_TESTER_DAYS


def confidence_cap(situation: Facts) -> float:
    """0.95, less 0.2 for readiness and for TSB and 0.05 for each other key input not known."""
    lost = sum(0.2 if path in WEIGHTY else 0.05 for path in missing(situation))
    caps = [MOST_CONFIDENCE - lost]
    if is_new_tester(situation):
        caps.append(NEW_TESTER_CONFIDENCE)
    if situation.metrics.conflict:
        caps.append(CONFLICT_CONFIDENCE)
    return round(min(caps), 2)


def week_minutes_left(situation: Facts) -> int | None:
    """Of the week's minutes in training; None where there is no such limit, or nobody can tell."""
    weekly, ridden = situation.mission.availability.weekly_minutes, situation.week.minutes_done
    if weekly is None or ridden is None or situation.mission.state != "TRAINING":
        return None
    return max(weekly - ridden, 0)


def most_minutes(situation: Facts) -> int:
    """The minutes there are today, without the few of grace that a reply is allowed."""
    free = situation.mission.availability
    left = week_minutes_left(situation)
    today = 0 if free.blocked_today else free.today_minutes
    return today if left is None else min(today, left)


def projected_ramp(situation: Facts, load: float) -> float | None:
    """CTL points per 7 days at the end of a day with that load; None without a known form."""
    ramp, ctl = situation.metrics.ramp_7d, situation.metrics.ctl
    return None if ramp is None or ctl is None else ramp + (load - ctl) * CTL_GAIN


def most_load(situation: Facts) -> float | None:
    """The load at which the ramp limit is reached, and CTL itself where that is more."""
    ramp, ctl = situation.metrics.ramp_7d, situation.metrics.ctl
    if ramp is None or ctl is None or situation.mission.state != "TRAINING":
        return None
    most = situation.mission.constraints.max_ramp_rate
    return round(max(ctl, ctl + (most - ramp) / CTL_GAIN), 1)


def rhr_rise(situation: Facts) -> float | None:
    """How far the resting heart rate of the night is above the usual one, in bpm; None when it is
    unknown, or too old to count."""
    return _less(fresh(situation, "metrics.rhr"), situation.metrics.rhr_baseline)


def most_days_without_rest(situation: Facts) -> int:
    """The mission's own, and for riders under 18 at most five: they have a day off a week."""
    most, age = situation.mission.constraints.max_days_without_rest, situation.athlete.age
    return most if age is None or age >= ADULT_AGE else min(most, MINOR_DAYS)


def is_rest_due(situation: Facts) -> bool:
    days = situation.metrics.days_since_rest
    is_training = situation.mission.state == "TRAINING"
    return is_training and days is not None and days >= most_days_without_rest(situation)


def is_eve(situation: Facts) -> bool:
    """One or two days before the event."""
    days = situation.today.days_to_event
    return situation.mission.state == "TRAINING" and days is not None and 1 <= days <= EVE_DAYS


def has_just_travelled(situation: Facts) -> bool:
    shift, days = situation.today.tz_shift_hours, situation.today.days_since_travel
    is_recent = days is None or days <= JET_LAG_DAYS
    least = situation.mission.constraints.jet_lag_hours
    return shift is not None and abs(shift) >= least and is_recent


def is_resting_hr_raised(situation: Facts) -> bool:
    rhr, rise = fresh(situation, "metrics.rhr"), rhr_rise(situation)
    limits = situation.mission.constraints
    if rhr is None:
        return False
    is_risen = rise is not None and rise >= limits.rhr_rise_bpm
    return is_risen or (limits.max_rhr is not None and rhr > limits.max_rhr)


def not_hard_because(situation: Facts) -> list[str]:
    """Why the day must not be hard, in short; empty when it may be."""
    score, tsb = readiness(situation), fresh(situation, "metrics.tsb")
    limits, health = situation.mission.constraints, situation.health
    hard_days, days_well = situation.metrics.consecutive_hard_days, health.illness_resolved_days
    reasons = {
        "readiness below its minimum": _is_below(score, limits.min_readiness),
        "TSB below its minimum": _is_below(tsb, limits.min_tsb),
        "readiness and TSB both unknown": score is None and tsb is None,
        "resting heart rate raised": is_resting_hr_raised(situation),
        "enough hard days in a row": hard_days is not None
        and hard_days >= limits.max_consecutive_hard_days,
        "enough hard sessions this week": hard_sessions_left(situation) == 0,
        "too little history": is_new_tester(situation),
        "a warning symptom": bool(health.red_flags),
        "illness": health.illness is not None,
        "illness less than three days ago": days_well is not None and days_well < WELL_DAYS,
        "injury": health.injury is not None,
        "time zones crossed": has_just_travelled(situation),
    }
    return [reason for reason, holds in reasons.items() if holds]


def must_recover_because(situation: Facts) -> list[str]:
    """Why only the action "recover" is left, in short; empty when more is."""
    score, tsb = readiness(situation), fresh(situation, "metrics.tsb")
    limits = situation.mission.constraints
    reasons = {
        "readiness below the limit of forced rest": _is_below(score, limits.force_rest_readiness),
        "TSB below the limit of forced rest": _is_below(tsb, limits.force_rest_tsb),
        "a rest day is due": is_rest_due(situation),
        "an official rest day": is_in_event(situation) and situation.today.is_rest_day,
        "a warning symptom": bool(situation.health.red_flags),
    }
    return [reason for reason, holds in reasons.items() if holds]


def is_in_event(situation: Facts) -> bool:
    return situation.mission.state == "EVENT_ACTIVE"


def hard_sessions_left(situation: Facts) -> int | None:
    """Of the week's in training; None where there is no such limit, or nobody can tell."""
    done = situation.week.hard_sessions_done
    if done is None or situation.mission.state != "TRAINING":
        return None
    return max(situation.mission.constraints.max_hard_sessions_per_week - done, 0)


def minutes_cap(situation: Facts) -> int:
    """The most minutes that any rule leaves for today."""
    health, stage = situation.health, situation.today.stage
    no_riding = bool(health.red_flags) or health.illness in NO_RIDING
    caps = [
        (0, no_riding or situation.mission.state not in LIVE),
        (ABOVE_NECK_MINUTES, health.illness is not None),
        (AFTER_STAGE_MINUTES, stage is not None and stage.completed),
        (RECOVER_MINUTES, bool(must_recover_because(situation)) or is_eve(situation)),
        (situation.mission.constraints.new_tester_minutes, is_new_tester(situation)),
    ]
    return min(most_minutes(situation), *(cap for cap, holds in caps if holds), LONGEST)


def load_cap(situation: Facts) -> float | None:
    """The most load that any rule leaves for today; None where nothing known limits it."""
    ctl, ramp_cap = situation.metrics.ctl, most_load(situation)
    caps = [] if ramp_cap is None else [ramp_cap]
    if ctl is not None and is_rest_due(situation):
        caps.append(round(REST_DUE_SHARE * ctl, 1))
    if ctl is not None and is_eve(situation):
        caps.append(round(EVE_SHARE * ctl, 1))
    return min(caps, default=None)


def usual_load_cap(situation: Facts) -> float | None:
    """Above it a day is unusual, though not forbidden: the usual ramp, and the last month."""
    metrics, limits = situation.metrics, situation.mission.constraints
    if situation.mission.state != "TRAINING":
        return None
    caps = []
    if metrics.ramp_7d is not None and metrics.ctl is not None:
        caps.append(metrics.ctl + (limits.usual_ramp_rate - metrics.ramp_7d) / CTL_GAIN)
    if metrics.max_load_30d is not None:
        caps.append(metrics.max_load_30d * limits.max_load_pct / 100)
    return round(max(min(caps), 0), 1) if caps else None


def taper_minutes_cap(situation: Facts) -> int | None:
    """Three quarters of a usual ride, from ten to three days before the event."""
    before, days = situation.week.pre_taper_session_minutes, situation.today.days_to_event
    if before is None or days is None or not EVE_DAYS < days <= TAPER_DAYS:
        return None
    return int(TAPER_SHARE * before)


def numbers(situation: Facts) -> dict[str, Any]:
    """What the model is told besides the facts, by name."""
    metrics, limits = situation.metrics, situation.mission.constraints
    score = readiness(situation)
    return {
        "readiness_above_min": _less(score, limits.min_readiness),
        "readiness_above_forced_rest": _less(score, limits.force_rest_readiness),
        "tsb_above_min": _less(metrics.tsb, limits.min_tsb),
        "tsb_above_forced_rest": _less(metrics.tsb, limits.force_rest_tsb),
        "rhr_above_baseline": rhr_rise(situation),
        "hrv_above_baseline": _less(fresh(situation, "metrics.hrv"), metrics.hrv_baseline),
        "week_minutes_left": week_minutes_left(situation),
        "hard_sessions_left": hard_sessions_left(situation),
        "most_minutes_today": minutes_cap(situation),
        "most_minutes_in_taper": taper_minutes_cap(situation),
        "most_load_today": load_cap(situation),
        "most_usual_load_today": usual_load_cap(situation),
        "not_hard_because": not_hard_because(situation),
        "must_recover_because": must_recover_because(situation),
        "missing": list(missing(situation)),
        "confidence_cap": confidence_cap(situation),
    }


def _is_below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else round(value - other, 1) + 0.0
