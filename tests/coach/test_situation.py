import copy
import json

import pytest
from pydantic import ValidationError

from coach import stored_situations
from coach.situation import Situation
from tests.coach.samples import KEY_INPUTS, SITUATION, situation


def test_situation_survives_its_way_through_the_database() -> None:
    drawn_up = situation()

    stored = json.loads(json.dumps(drawn_up.model_dump(mode="json")))

    assert stored_situations.read(stored) == drawn_up
    assert {name: stored["metrics"][name] for name in SITUATION["metrics"]} == SITUATION["metrics"]
    assert stored["recent_activities"][0]["if"] == 0.73


def test_situation_of_an_older_release_is_read() -> None:
    stored = copy.deepcopy(SITUATION)
    for name in ("event_style", "targets"):
        del stored["mission"][name]
    for name in ("max_rhr", "max_zone"):
        del stored["mission"]["constraints"][name]

    mission = Situation.model_validate(stored).mission

    assert (mission.event_style, mission.targets) == (None, {})
    assert (mission.constraints.max_rhr, mission.constraints.max_zone) == (None, None)


def test_model_is_given_neither_typed_text_nor_our_own_notes() -> None:
    assert list(situation().for_model()) == [
        "mission",
        "athlete",
        "today",
        "metrics",
        "week",
        "health",
        "recent_activities",
        "derived",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metrics.readiness", 82),
        ("metrics.readiness_reason", None),
        ("mission.constraints.min_tsb", -15),
        ("today.date", "2026-07-04"),
        ("mission.points_schema.flat.gc", 5),
    ],
)
def test_value_at_a_path_is_what_the_model_was_given(path: str, value: object) -> None:
    assert situation().value_at(path) == value


@pytest.mark.parametrize(
    "path", ["", "metrics.vo2max", "metrics.hrv.ms", "recent_activities.0", "untrusted", "sources"]
)
def test_value_at_a_path_that_leads_nowhere_is_a_key_error(path: str) -> None:
    with pytest.raises(KeyError):
        situation().value_at(path)


def test_missing_names_the_key_inputs_that_are_unknown() -> None:
    nothing = situation(dict.fromkeys((*KEY_INPUTS, "metrics.hrv_baseline")))

    assert situation().missing() == ()
    assert nothing.missing() == KEY_INPUTS
    assert situation({"metrics.rhr": None}).missing() == ("metrics.rhr",)


def test_situation_of_another_shape_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValidationError) as refused:
        situation({"metrics.hrv": "53 ms"})

    assert "metrics.hrv" in str(refused.value)
    assert "53" not in str(refused.value)
