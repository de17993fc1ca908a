"""The days of an event the stand-in knows no route of: a plausible plan from the kind of event."""

from datetime import date, timedelta
from typing import Any

PATTERNS: dict[str, tuple[str, ...]] = {
    "road_stage_race": ("flat", "hilly", "mountain", "itt", "flat", "mountain", "hilly"),
    "gravel_ultra": ("hilly", "hilly", "mountain"),
    "tt_series": ("itt", "itt", "mtn_itt"),
    "gran_fondo": ("mountain", "hilly"),
    "century": ("flat", "hilly"),
    "indoor_tour": ("flat", "hilly", "itt", "mountain"),
    "other": ("hilly", "flat"),
}
# Shorter events are ridden through.
LONG_EVENT_DAYS = 10
DAYS_TO_A_REST_DAY = 7


def planned(mission_type: str, first: date, last: date) -> list[dict[str, Any]]:
    """One stage a day, rest days among them in a long event, which never ends on one."""
    days = (last - first).days + 1
    pattern = PATTERNS.get(mission_type, PATTERNS["other"])
    stages, ridden = [], 0
    for number in range(1, days + 1):
        is_rest_day = is_rest(number, days)
        stages.append(
            {
                "number": number,
                "date": (first + timedelta(days=number - 1)).isoformat(),
                "stage_type": "flat" if is_rest_day else pattern[ridden % len(pattern)],
                "is_rest_day": is_rest_day,
            }
        )
        ridden += not is_rest_day
    return stages


def is_rest(number: int, days: int) -> bool:
    return days >= LONG_EVENT_DAYS and number % DAYS_TO_A_REST_DAY == 0 and number < days
