import copy
import json
from typing import Any

import pytest

from coach import stored_situations
from coach.situation import Note, Situation
from tests.coach.samples import situation
from tests.sandbox.scenarios import BY_ID

# As the first releases kept it: typed lines in one list, prices and bonuses together.
FIRST_SHAPE: dict[str, Any] = {
    "drawn_up_at": "2026-07-04T05:30:00Z",
    "mission": {
        "state": "EVENT_ACTIVE",
        "type": "road_stage_race",
        "timezone": "Europe/Paris",
        "phase": "Event",
        "event_start": "2026-07-03",
        "event_end": "2026-07-07",
        "constraints": {
            "min_readiness": 70,
            "min_tsb": -15,
            "force_rest_readiness": 60,
            "force_rest_tsb": -20,
            "max_ramp_rate": 8.0,
            "max_consecutive_hard_days": 3,
            "max_hard_sessions_per_week": 3,
        },
        "availability": {"weekly_minutes": 420, "today_minutes": 90, "blocked_today": False},
        "points_schema": {
            "flat": {"gc": 5, "breakaway": 8},
            "bonuses": {"consecutive_5": {"threshold": 5, "points": 5}},
        },
    },
    "athlete": {"sport": "cycling", "ftp": 220, "lthr": None, "hr_max": None},
    "today": {
        "date": "2026-07-04",
        "weekday": "Saturday",
        "days_to_event": -1,
        "stage": {"number": 2, "stage_type": "flat", "is_completed": False},
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
        "rhr": None,
        "rhr_baseline": None,
        "sleep_h": 7.5,
        "history_days": 180,
        "consecutive_hard_days": 0,
        "days_since_rest": 2,
        "conflict": False,
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
            "intensity_factor": 0.73,
            "source": "strava",
        }
    ],
    "progress": {
        "points_total": 5,
        "stages_total": 5,
        "stages": [
            {
                "number": 1,
                "stage_type": "flat",
                "ride_mode": "gc",
                "points": 5,
                "is_completed": True,
            }
        ],
    },
    "sources": [],
    "untrusted": ["mission: Tour of the Valleys", "ride 2026-07-03: Evening: home"],
    "kept_back": [],
}


def test_situation_of_the_first_releases_is_read_in_today_s_words() -> None:
    kept = copy.deepcopy(FIRST_SHAPE)

    read = stored_situations.read(kept)

    assert read.mission.points_schema == {"flat": {"gc": 5, "breakaway": 8}}
    assert read.mission.bonuses == {"consecutive_5": 5}
    assert read.today.stage is not None
    assert read.today.stage.model_dump() == {"number": 2, "type": "flat", "completed": False}
    assert read.recent_activities[0].intensity_factor == 0.73
    assert (read.progress or {})["total_points"] == 5
    assert read.notes == (
        Note(source="mission", text="Tour of the Valleys"),
        Note(source="ride 2026-07-03", text="Evening: home"),
    )
    assert read.untrusted == tuple(FIRST_SHAPE["untrusted"])
    assert kept == FIRST_SHAPE


def test_what_the_first_releases_did_not_keep_is_not_made_up() -> None:
    read = stored_situations.read(FIRST_SHAPE)

    assert (read.last_runs, read.health.is_checked_in, read.athlete.age) == ((), None, None)
    assert (read.mission.detection, read.metrics.strain, read.mission.goal) == (None, None, None)


@pytest.mark.parametrize("stored", [FIRST_SHAPE, situation().model_dump(mode="json")])
def test_situation_that_was_read_goes_back_as_it_is_kept_now(stored: dict[str, Any]) -> None:
    read = stored_situations.read(stored)

    again = stored_situations.read(json.loads(json.dumps(read.model_dump(mode="json"))))

    assert again == read


def test_every_scenario_is_a_situation() -> None:
    for scenario_id, scenario in BY_ID.items():
        read = Situation.model_validate(
            {"drawn_up_at": "2026-07-04T05:30:00Z", **scenario["context"]}
        )
        told = read.for_model()

        assert read.value_at("metrics.tsb") == scenario["context"]["metrics"]["tsb"], scenario_id
        assert set(told) - {"derived", "last_runs"} <= set(scenario["context"]), scenario_id
        typed = [ride["name"] for ride in scenario["context"]["recent_activities"]]
        assert not any(text in json.dumps(told) for text in typed), scenario_id
