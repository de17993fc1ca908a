"""Whole days as they come: an ordinary one in training, one of an event, and the longest."""

from datetime import date, timedelta
from typing import Any

from tests.coach.samples import EVENT

TODAY = date(2026, 7, 4)
STAGE_TYPES = ("flat", "hilly", "mountain", "itt", "mtn_itt")


def rides(count: int) -> list[dict[str, Any]]:
    return [
        {
            "date": str(TODAY - timedelta(days=1 + n // 2)),
            "name": "Evening ride with the club, and home over the hill",
            "sport": "GravelRide",
            "minutes": 62 + n,
            "load": 53.0 + n,
            "load_method": "power",
            "if": 0.73,
            "z4plus_minutes": 6.0,
            "source": "strava",
        }
        for n in range(count)
    ]


def past_runs(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {
            "date": str(TODAY - timedelta(days=1 + n)),
            "action": "maintain",
            "intensity": "moderate",
            "minutes": 75,
            "load": 61.0,
            "word": "changed",
            "rpe": 6,
            "ridden_minutes": 68,
            "ridden_load": 57.0,
            "ridden_hard_minutes": 4.0,
            **fields,
        }
        for n in range(count)
    ]


CHECKED_IN: dict[str, Any] = {
    "health.is_checked_in": True,
    "health.feel": 3,
    "health.soreness": 1,
}
TYPICAL: dict[str, Any] = {
    **CHECKED_IN,
    "recent_activities": rides(6),
    "last_runs": past_runs(5),
    "metrics.strain": 388.0,
    "metrics.temperature_deviation": -0.12,
    "athlete.age": 41,
}
REST: dict[str, Any] = {
    **TYPICAL,
    "mission.availability.today_minutes": 0,
    "mission.availability.blocked_today": True,
}
OF_AN_EVENT: dict[str, Any] = {
    **TYPICAL,
    **EVENT,
    "last_runs": past_runs(5, ride_mode="gc"),
    "mission.points_schema": {kind: {"gc": 10, "breakaway": 15} for kind in STAGE_TYPES},
    "mission.bonuses": {
        "consecutive_5": 5,
        "breakaway_10": 15,
        "all_mountains_breakaway": 10,
        "final_week_complete": 10,
        "all_gc": 25,
    },
    "progress": {
        "total_points": 52,
        "stages_total": 21,
        "stages_completed": 8,
        "stages_missed": 0,
        "remaining_stages": 13,
        "consecutive_stages": 8,
        "breakaway_count": 3,
        "mountain_breakaway": 1,
        "mountain_not_breakaway": 1,
        "remaining_mountain": 4,
        "final_week_missed": False,
        "bonuses_earned": ["consecutive_5"],
        "bonuses_attainable": ["breakaway_10", "final_week_complete"],
        "stages": [
            {
                "number": number,
                "stage_type": "mountain",
                "ride_mode": "breakaway",
                "points": 15,
                "is_completed": True,
            }
            for number in range(1, 9)
        ],
        "bonus_progress": {
            "breakaway_10": {"count": 3, "needed": 10, "points": 15},
            "final_week_complete": {"count": 0, "needed": 7, "points": 10},
        },
        "best_line": {
            "what": "best total still possible under the limits",
            "points": 203,
            "points_by_mode_today": {"rest": 188, "gc": 198, "breakaway": 203},
        },
    },
}
LONGEST: dict[str, Any] = {
    **OF_AN_EVENT,
    "recent_activities": rides(12),
    "today.tz_shift_hours": -6.0,
    "today.days_since_travel": 1,
    "metrics.conflict": True,
    "metrics.rhr": 61.0,
    "metrics.readiness": 66,
    "metrics.tsb": -16.0,
    "health.illness": "above_neck",
    "health.injury": "neck or shoulder, pain 5 of 10",
    "health.is_rest_mode": True,
    "mission.constraints.max_rhr": 60,
    "mission.constraints.max_zone": 4,
    "mission.targets": {
        "ctl": 60,
        "long_ride_minutes": 240,
        "climb_minutes": 60,
        "threshold_minutes": 40,
    },
    "notes": [
        {"source": "check_in", "text": "Slept badly, the neighbours had a party. " * 12},
        {"source": "restrictions", "text": "Left knee hurts on climbs above 90 minutes. " * 12},
    ],
}
