import json

from coach.told import briefly
from tests.coach.samples import KEY_INPUTS, situation


def test_null_is_left_out_unless_that_it_is_missing_matters() -> None:
    numbers = {
        "metrics": {"tsb": None, "hrv": None, "ctl": 48.0, "conflict": False, "load_7d": 0.0},
        "today": {"stage": None},
        "recent_activities": [{"minutes": 60, "load": None}],
        "last_runs": [],
        "progress": None,
    }

    assert briefly(numbers, kept_nulls=["metrics.tsb"]) == {
        "metrics": {"tsb": None, "ctl": 48, "conflict": False, "load_7d": 0},
        "today": {},
        "recent_activities": [{"minutes": 60}],
    }


def test_settled_stages_are_left_to_their_sums() -> None:
    assert briefly({"progress": {"stages": [{"number": 1}], "total_points": 8}}, kept_nulls=()) == {
        "progress": {"total_points": 8}
    }


def test_source_of_a_reading_is_told_where_it_is_not_that_of_the_night() -> None:
    metrics = {
        "night_source": "oura",
        "night_age_h": 1.0,
        "hrv_source": "oura",
        "hrv_age_h": 1.0,
        "rhr_source": "apple",
        "rhr_age_h": 2.5,
    }

    assert briefly({"metrics": metrics}, kept_nulls=())["metrics"] == {
        "night_source": "oura",
        "night_age_h": 1,
        "rhr_source": "apple",
        "rhr_age_h": 2.5,
    }


def test_every_key_input_is_told_also_when_it_is_null() -> None:
    nothing = situation(dict.fromkeys(KEY_INPUTS))

    told = json.loads(json.dumps(nothing.for_model()))

    rooms = {path: path.split(".") for path in KEY_INPUTS}
    assert {path: told[room][name] for path, (room, name) in rooms.items()} == dict.fromkeys(
        KEY_INPUTS
    )
    assert told["derived"]["missing"] == list(KEY_INPUTS)


def test_value_that_is_not_sent_can_still_be_looked_up() -> None:
    assert situation().value_at("metrics.readiness_reason") is None
    assert situation().value_at("metrics.hrv_source") == "oura"
