"""What the rider says of this morning, and of the last workout, in the answers that are numbers."""

from datetime import date, timedelta
from typing import Any

from sandbox.coach.causes import Cause, Ceiling, shown
from sandbox.coach.situation import Situation

AWFUL, TIRED, MUCH = 1, 2, 2
WARM_C = 1.0
ALL_OUT_RPE = 9


def feel(situation: Situation) -> Cause | None:
    value = situation.number("health.feel")
    if value is None or value > TIRED:
        return None
    said = "awful" if value <= AWFUL else "tired"
    return Cause(
        "feels_tired",
        Ceiling.EASY,
        f"You said that you feel {said} this morning, and how you feel counts for more than a good "
        "number; an easy day now costs you nothing.",
    )


def soreness(situation: Situation) -> Cause | None:
    value = situation.number("health.soreness")
    if value is None or value < MUCH:
        return None
    return Cause(
        "sore_muscles",
        Ceiling.EASY,
        "You said that your muscles are very sore, so you spin them loose today and leave the hard "
        "work for when they have healed.",
    )


def ring_rests(situation: Situation) -> Cause | None:
    if not situation.flag("health.is_rest_mode"):
        return None
    return Cause(
        "rest_mode",
        Ceiling.EASY,
        "Your ring is in rest mode, so you told it that you need rest, and nothing is hard today.",
    )


def warm_night(situation: Situation) -> Cause | None:
    """Early word of an illness, at times; nothing here says so."""
    value = situation.number("metrics.temperature_deviation")
    if value is None or value < WARM_C:
        return None
    return Cause(
        "temperature_raised",
        Ceiling.EASY,
        f"Your temperature in the night was {shown(value)} °C above your usual, a reason to keep "
        "today easy and to see how you feel tomorrow.",
        ("metrics.temperature_deviation",),
    )


def all_out_yesterday(situation: Situation) -> Cause | None:
    last = _yesterday(situation)
    rpe = last.get("rpe") if last else None
    if not isinstance(rpe, int) or rpe < ALL_OUT_RPE:
        return None
    return Cause(
        "all_out_yesterday",
        Ceiling.STEADY,
        f"You rated yesterday's ride {rpe} of 10 for effort, so today stays below anything hard.",
    )


def _yesterday(situation: Situation) -> dict[str, Any] | None:
    runs, today = situation.at("last_runs"), situation.at("today.date")
    if not isinstance(runs, list) or not runs or not isinstance(today, str):
        return None
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    last = runs[0]
    return last if isinstance(last, dict) and last.get("date") == yesterday else None
