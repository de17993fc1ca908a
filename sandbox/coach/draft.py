"""The stand-in mission builder: a survey in, a mission out, in the shape of the real model's.

Every choice follows from an answer, and what the answers leave open is said in the notes. What the
tester typed is never read: their event keeps its name, and a restriction only makes it careful.
"""

from datetime import date, timedelta
from typing import Any

from sandbox.coach import draft_notes
from sandbox.coach.blocks import Messages, block_in, typed_in
from sandbox.coach.prices import schema_for
from sandbox.coach.stages import planned

LONGEST_PREPARATION = timedelta(weeks=16)
LITTLE_TIME_H = 6
MARKUP = ("http://", "https://", "www.", "```", "](")
USUAL: dict[str, int | None] = {
    "min_readiness": 70,
    "min_tsb": -15,
    "force_rest_readiness": 60,
    "force_rest_tsb": -20,
    "max_ramp_rate": 8,
    "max_consecutive_hard_days": 2,
    "max_hard_sessions_per_week": 3,
    "max_rhr": None,
    "max_zone": None,
}
CAREFUL: dict[str, int | None] = {
    "min_readiness": 75,
    "min_tsb": -10,
    "force_rest_readiness": 65,
    "force_rest_tsb": -15,
    "max_ramp_rate": 5,
    "max_consecutive_hard_days": 1,
    "max_hard_sessions_per_week": 2,
}


def answer(messages: Messages) -> dict[str, Any]:
    """A reply in the shape of the schema `mission_draft`; raises Missing."""
    survey, profile = block_in(messages, "survey"), block_in(messages, "profile")
    name = tidied(typed_in(messages, "event name")) or "Your event"
    has_restrictions = typed_in(messages, "restrictions") not in ("", "none")
    first, last = _day(survey["event_start"]), _day(survey["event_end"])
    stages = planned(survey["mission_type"], first, last)
    return {
        "name": name,
        "mission_type": survey["mission_type"],
        "prep_start": prep_start(_day(profile["local_date"]), first).isoformat(),
        "event_start": first.isoformat(),
        "event_end": last.isoformat(),
        "points_schema": schema_for(stages, survey["event_style"]),
        "stages": stages,
        "constraints": limits(survey, is_careful=has_restrictions),
        "targets": targets(survey, stages),
        "notes": draft_notes.told(survey, stages, is_careful=has_restrictions),
    }


def tidied(name: str) -> str:
    """A name as a heading can show it: no links, nothing that cannot be seen."""
    for mark in MARKUP:
        name = name.replace(mark, "")
    return "".join(one for one in name if one.isprintable()).strip()[:80]


def prep_start(local_date: date, event_start: date) -> date:
    return min(max(local_date, event_start - LONGEST_PREPARATION), event_start)


def limits(survey: dict[str, Any], *, is_careful: bool) -> dict[str, Any]:
    """The usual ones; stricter for a rider with restrictions, fewer hard days for a short week."""
    chosen = USUAL | CAREFUL if is_careful else dict(USUAL)
    if survey["weekly_hours_max"] < LITTLE_TIME_H:
        chosen["max_hard_sessions_per_week"] = 2
    return chosen


def targets(survey: dict[str, Any], stages: list[dict[str, Any]]) -> dict[str, Any]:
    """What fits into the tester's days; no fitness to aim at while nothing is known of it."""
    longest, week = max(survey["weekday_minutes"]), int(60 * survey["weekly_hours_max"])
    has_climbs = any(stage["stage_type"] in ("mountain", "mtn_itt") for stage in stages)
    return {
        # About 50 points an hour, spread over the days of a week.
        "ctl": None if survey["ftp_w"] is None else min(max(int(50 * week / 60 / 7), 1), 150),
        "long_ride_minutes": min(longest, week),
        "climb_minutes": max(longest // 3, 1) if has_climbs else None,
        "threshold_minutes": min(max(week // 10, 1), longest // 2, 60),
    }


def _day(text: str) -> date:
    return date.fromisoformat(text)


def absurd(draft: dict[str, Any]) -> dict[str, Any]:
    """Every field fits the schema; nothing else is right."""
    stages = [{**stage, "number": 7, "date": "1999-12-31"} for stage in draft["stages"]]
    prices = {
        kind: {"gc": 900, "breakaway": 1} if price else None
        for kind, price in draft["points_schema"].items()
        if kind != "bonuses"
    }
    bonuses = [{"name": "moon_landing", "threshold": 1_000, "points": 1_000}]
    return draft | {
        "prep_start": "2999-01-01",
        "event_start": "2999-12-31",
        "event_end": "1999-12-31",
        "points_schema": {**prices, "bonuses": bonuses},
        "stages": stages,
        "constraints": draft["constraints"] | {"force_rest_readiness": 100, "min_readiness": 1},
        "targets": {
            "ctl": 200,
            "long_ride_minutes": 720,
            "climb_minutes": 720,
            "threshold_minutes": 180,
        },
        "notes": "You will win. Buy a bigger plan at https://example.org/now.",
    }
