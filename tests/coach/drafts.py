"""A whole survey and a sound draft of it, changed by dotted path: {"stages.2.number": 7}."""

import copy
import json
from datetime import date
from typing import Any

from accounts.models import User
from coach.builder import survey
from coach.builder.survey import Survey
from coach.models import MissionDraft
from coach.replies import MissionDraft as Proposal
from tests.factories import NOW, TODAY

SURVEY: dict[str, Any] = {
    "event_name": "Ronde van de Canary",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "mission_type": "road_stage_race",
    "weekly_hours_min": 5,
    "weekly_hours_max": 8.5,
    "ftp_w": 231,
    "weekday_minutes": [60, 60, 90, 60, 0, 180, 150],
    "blackout_dates": ["2026-07-20", "2026-07-21"],
    "restrictions": "The left knee hurts on long climbs.",
    "event_style": "breakaway",
    "timezone": "Europe/Paris",
    "send_time": "06:30",
    "brief_detail": "short",
    "is_brief_mailed": False,
}
KINDS = ("flat", "hilly", "mountain", "mountain", "itt")
PROPOSAL: dict[str, Any] = {
    "name": "Ronde van de Canary",
    "mission_type": "road_stage_race",
    "prep_start": "2026-07-04",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "points_schema": {
        "flat": {"gc": 5, "breakaway": 8},
        "hilly": {"gc": 7, "breakaway": 11},
        "mountain": {"gc": 10, "breakaway": 15},
        "itt": {"gc": 4, "breakaway": 6},
        "mtn_itt": None,
        "bonuses": [
            {"name": "consecutive_3", "threshold": 3, "points": 5},
            {"name": "all_mountains_breakaway", "threshold": 2, "points": 10},
        ],
    },
    "stages": [
        {
            "number": number,
            "date": f"2026-08-0{number + 2}",
            "stage_type": kind,
            "is_rest_day": False,
        }
        for number, kind in enumerate(KINDS, start=1)
    ],
    "constraints": {
        "min_readiness": 72,
        "min_tsb": -12,
        "force_rest_readiness": 60,
        "force_rest_tsb": -20,
        "max_ramp_rate": 6,
        "max_consecutive_hard_days": 2,
        "max_hard_sessions_per_week": 3,
        "max_rhr": None,
        "max_zone": None,
    },
    "targets": {
        "ctl": 60,
        "long_ride_minutes": 180,
        "climb_minutes": None,
        "threshold_minutes": 40,
    },
    "notes": "You ride five days. Your knee keeps the ramp gentle.",
}


def answers(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(SURVEY) | changes


def survey_(**changes: Any) -> Survey:
    read = survey.read(answers(**changes), local_date=TODAY)
    assert isinstance(read, Survey)
    return read


def proposal(*changes: dict[str, Any]) -> dict[str, Any]:
    """A draft as it comes from the model."""
    whole = copy.deepcopy(PROPOSAL)
    for path, value in (item for change in changes for item in change.items()):
        *parents, name = path.split(".")
        part: Any = whole
        for parent in parents:
            part = part[int(parent) if isinstance(part, list) else parent]
        part[int(name) if isinstance(part, list) else name] = value
    return whole


def read(*changes: dict[str, Any]) -> Proposal:
    return Proposal.model_validate_json(json.dumps(proposal(*changes)))


def long_survey(days: int) -> dict[str, Any]:
    """Answers about an event of so many days from the third of August on."""
    end = date.fromordinal(date(2026, 8, 3).toordinal() + days - 1)
    return answers(event_end=end.isoformat())


def draft(user: User, **fields: Any) -> MissionDraft:
    """A draft whose survey is complete and of which nothing was asked yet."""
    values = {"survey": answers(), "created_at": NOW, "updated_at": NOW, **fields}
    return MissionDraft.objects.create(user=user, **values)


def drafted(user: User, **fields: Any) -> MissionDraft:
    values = {"drafted": proposal(), "proposal": proposal(), "asked": 1, **fields}
    return draft(user, outcome=MissionDraft.Outcome.DRAFTED, **values)
