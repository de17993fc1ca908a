"""A whole situation and a sound decision, changed by dotted path: {"metrics.readiness": 55}."""

import copy
from collections.abc import Mapping
from typing import Any

from coach.replies import Decision
from coach.situation import Situation

Changes = Mapping[str, Any]

SITUATION: dict[str, Any] = {
    "drawn_up_at": "2026-07-04T05:30:00Z",
    "mission": {
        "state": "TRAINING",
        "type": "road_stage_race",
        "timezone": "Europe/Paris",
        "phase": "Build",
        "event_start": "2026-08-03",
        "event_end": "2026-08-07",
        "constraints": {
            "min_readiness": 70,
            "min_tsb": -15,
            "force_rest_readiness": 60,
            "force_rest_tsb": -20,
            "max_ramp_rate": 8.0,
            "max_consecutive_hard_days": 2,
            "max_hard_sessions_per_week": 3,
            "max_rhr": None,
            "max_zone": None,
        },
        "availability": {"weekly_minutes": 420, "today_minutes": 90, "blocked_today": False},
        "points_schema": {
            "flat": {"gc": 5, "breakaway": 8},
            "mountain": {"gc": 10, "breakaway": 15},
        },
        "bonuses": {"consecutive_5": 5},
        "goal": "Tour of the Valleys",
        "detection": {"min_minutes": 30, "gc_if": 0.7, "breakaway_if": 0.85},
        "event_style": "steady",
        "targets": {"ctl": 60},
    },
    "athlete": {"sport": "cycling", "ftp": 220, "lthr": 166, "hr_max": 184},
    "today": {
        "date": "2026-07-04",
        "weekday": "Saturday",
        "days_to_event": 30,
        "stage": None,
        "is_rest_day": False,
        "tz_shift_hours": None,
    },
    "metrics": {
        "readiness": 82,
        "readiness_source": "oura",
        "readiness_age_h": 1.0,
        "readiness_reason": None,
        "tsb": -4.2,
        "ctl": 48.1,
        "atl": 52.3,
        "ramp_7d": 2.3,
        "ctl_status": "settled",
        "hrv": 53.0,
        "hrv_kind": "rmssd",
        "hrv_baseline": 51.0,
        "hrv_7d_z": 0.21,
        "rhr": 50.0,
        "rhr_baseline": 51.0,
        "sleep_h": 7.5,
        "sleep_7d_h": 7.2,
        "night_source": "oura",
        "night_age_h": 1.0,
        "load_7d": 296.0,
        "load_source": "strava",
        "load_age_h": 0.1,
        "monotony": 1.31,
        "max_load_30d": 118.0,
        "history_days": 180,
        "unknown_days": 0,
        "consecutive_hard_days": 0,
        "days_since_rest": 2,
        "conflict": False,
        "hrv_source": "oura",
        "hrv_age_h": 1.0,
        "rhr_source": "oura",
        "rhr_age_h": 1.0,
        "sleep_source": "oura",
        "sleep_age_h": 1.0,
    },
    "week": {"minutes_done": 180, "hard_sessions_done": 1, "pre_taper_session_minutes": None},
    "health": {
        "red_flags": [],
        "illness": None,
        "illness_resolved_days": None,
        "injury": None,
        "reds_flag": False,
    },
    "recent_activities": [
        {
            "date": "2026-07-03",
            "sport": "Ride",
            "minutes": 60,
            "load": 53.0,
            "load_method": "power",
            "if": 0.73,
            "source": "strava",
        }
    ],
    "progress": None,
    "sources": [
        {
            "source": "strava",
            "label": "Strava",
            "is_working": True,
            "last_success_at": "2026-07-04T05:24:00Z",
            "problem": "",
            "is_news": True,
            "is_withheld": False,
            "waits": False,
            "is_retried": False,
        }
    ],
    "notes": [],
    "kept_back": [],
}

DECISION: dict[str, Any] = {
    "action": "maintain",
    "intensity_recommendation": "moderate",
    "reason": "Your readiness is 82 and your form is near zero, so you keep building endurance.",
    "flags": [],
    "confidence": 0.8,
    "missing_data": [],
    "needs_medical_referral": False,
    "evidence": [{"metric": "metrics.readiness", "value": 82.0}],
    "workout_plan": {
        "type": "endurance",
        "description": "An hour at an even, easy pace.",
        "duration_minutes": 60,
        "zones": {"Z1": 20, "Z2": 40, "Z3": 0, "Z4": 0, "Z5": 0, "Z6": 0, "Z7": 0},
        "estimated_load": 42.0,
        "intensity_factor": 0.65,
        "steps": [
            {
                "kind": "warmup",
                "seconds": 600,
                "target": {"unit": "pct_ftp", "low": 45.0, "high": 60.0},
                "cadence": None,
                "cue": "",
            },
            {
                "kind": "steady",
                "seconds": 2400,
                "target": {"unit": "pct_ftp", "low": 65.0, "high": 70.0},
                "cadence": {"low": 85, "high": 95},
                "cue": "You can still talk.",
            },
            {
                "kind": "cooldown",
                "seconds": 600,
                "target": {"unit": "pct_ftp", "low": 60.0, "high": 45.0},
                "cadence": None,
                "cue": "",
            },
        ],
    },
    "recommended_ride_mode": None,
    "mode_rationale": "",
    "stage_type": None,
    "expected_points": None,
    "bonus_opportunities": [],
    "strategic_notes": "",
}

# A mountain stage today, and the bunch as the way to ride it.
EVENT: dict[str, Any] = {
    "mission.state": "EVENT_ACTIVE",
    "mission.phase": "Event",
    "mission.constraints.max_consecutive_hard_days": 3,
    "today.days_to_event": None,
    "today.days_into_event": 2,
    "today.stage": {"number": 2, "type": "mountain", "completed": False},
}
IN_THE_BUNCH: dict[str, Any] = {
    "recommended_ride_mode": "gc",
    "mode_rationale": "You save strength for the days to come.",
    "stage_type": "mountain",
    "expected_points": 10,
}
HARD: dict[str, Any] = {
    "action": "push",
    "workout_plan.zones.Z2": 30,
    "workout_plan.zones.Z4": 10,
    "workout_plan.steps": [],
}
RECOVER: dict[str, Any] = {"action": "recover", "intensity_recommendation": "low"}
KEY_INPUTS = (
    "metrics.readiness",
    "metrics.tsb",
    "metrics.hrv",
    "metrics.rhr",
    "metrics.sleep_h",
    "athlete.ftp",
)


def situation(*changes: Changes) -> Situation:
    return Situation.model_validate(_changed(SITUATION, changes))


def decision(*changes: Changes) -> Decision:
    return Decision.model_validate(reply(*changes))


def reply(*changes: Changes) -> dict[str, Any]:
    """A decision as it comes from the model."""
    return _changed(DECISION, changes)


def _changed(whole: dict[str, Any], changes: tuple[Changes, ...]) -> dict[str, Any]:
    whole = copy.deepcopy(whole)
    for path, value in (item for change in changes for item in change.items()):
        *parents, name = path.split(".")
        part = whole
        for parent in parents:
            part = part[parent]
        part[name] = value
    return whole
