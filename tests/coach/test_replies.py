import json
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema
import pytest
from django.db.models import Choices
from pydantic import ValidationError

from coach import replies
from coach.replies import Decision
from missions import limits
from missions.models import Mission, RideMode, StageType
from tests.coach.samples import IN_THE_BUNCH, Changes, decision, reply

# What the strict mode of structured outputs refuses.
FORBIDDEN = {"default", "oneOf", "allOf", "not", "if", "then", "else", "patternProperties"}
STEP = {"kind": "free", "seconds": 60, "target": None, "cadence": None, "cue": ""}


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema, itself first; the name of a property is no keyword."""
    yield schema
    for keyword, value in schema.items():
        is_named = keyword in {"properties", "$defs"}
        inner = value.values() if is_named else value if isinstance(value, list) else [value]
        for part in inner:
            if isinstance(part, dict):
                yield from parts(part)


@pytest.mark.parametrize("name", replies.NAMES)
def test_schema_in_the_repository_is_the_one_the_types_make(name: str) -> None:
    assert replies.schema_file(name).read_text(encoding="utf-8") == replies.schema_text(name)


@pytest.mark.parametrize(
    ("name", "count"), [("coach_output", 8), ("mission_draft", 7), ("reflection", 2)]
)
def test_schema_is_what_strict_outputs_accept(name: str, count: int) -> None:
    schemas = list(parts(replies.NAMES[name].model_json_schema()))
    objects = [schema for schema in schemas if schema.get("type") == "object"]

    assert len(objects) == count
    assert [schema["additionalProperties"] for schema in objects] == [False] * count
    assert [sorted(schema["required"]) for schema in objects] == [
        sorted(schema["properties"]) for schema in objects
    ]
    assert [schema for schema in schemas if FORBIDDEN & set(schema)] == []
    assert [schema for schema in schemas if "$ref" in schema and len(schema) > 1] == []


def test_schema_is_filled_in_from_the_action_down_to_the_details() -> None:
    told = json.loads(replies.schema_text("coach_output"))

    assert list(told["properties"]) == list(Decision.model_fields)
    assert list(told["properties"])[:3] == ["action", "intensity_recommendation", "reason"]


@pytest.mark.parametrize("changes", [{}, {"workout_plan": None}, IN_THE_BUNCH])
def test_reply_that_fits_the_schema_is_a_decision(changes: Changes) -> None:
    told = reply(changes)

    jsonschema.validate(told, replies.Decision.model_json_schema())
    assert Decision.model_validate_json(json.dumps(told)).model_dump(mode="json") == told


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"action": "rest"}, ("action", "literal_error")),
        ({"action": "PUSH"}, ("action", "literal_error")),
        ({"action": None}, ("action", "literal_error")),
        ({"reason": ""}, ("reason", "string_too_short")),
        ({"reason": "x" * 1501}, ("reason", "string_too_long")),
        ({"confidence": 1.01}, ("confidence", "less_than_equal")),
        ({"confidence": "0.8"}, ("confidence", "float_type")),
        ({"confidence": float("nan")}, ("confidence", "finite_number")),
        ({"confidence": True}, ("confidence", "float_type")),
        ({"needs_medical_referral": "no"}, ("needs_medical_referral", "bool_type")),
        ({"plan": {}}, ("plan", "extra_forbidden")),
        ({"evidence": [{"metric": "metrics.tsb"}]}, ("evidence.0.value", "missing")),
        (
            {"evidence": [{"metric": "metrics.tsb", "value": float("inf")}]},
            ("evidence.0.value", "finite_number"),
        ),
        ({"expected_points": 5.5}, ("expected_points", "int_type")),
        ({"expected_points": -1}, ("expected_points", "greater_than_equal")),
        ({"recommended_ride_mode": "GC"}, ("recommended_ride_mode", "literal_error")),
        ({"flags": "tired"}, ("flags", "list_type")),
        ({"workout_plan": []}, ("workout_plan", "model_type")),
        (
            {"workout_plan.duration_minutes": 721},
            ("workout_plan.duration_minutes", "less_than_equal"),
        ),
        (
            {"workout_plan.duration_minutes": -10},
            ("workout_plan.duration_minutes", "greater_than_equal"),
        ),
        ({"workout_plan.zones.Z8": 5}, ("workout_plan.zones.Z8", "extra_forbidden")),
        ({"workout_plan.zones.Z1": "20"}, ("workout_plan.zones.Z1", "int_type")),
        (
            {"workout_plan.estimated_load": 1e308},
            ("workout_plan.estimated_load", "less_than_equal"),
        ),
        (
            {"workout_plan.steps": [{**STEP, "seconds": 0}]},
            ("workout_plan.steps.0.Step.seconds", "greater_than_equal"),
        ),
        (
            {"workout_plan.steps": [{"kind": "repeat", "count": 1, "steps": [STEP]}]},
            ("workout_plan.steps.0.Repeat.count", "greater_than_equal"),
        ),
        (
            {"workout_plan.steps": [{"kind": "repeat", "count": 2, "steps": []}]},
            ("workout_plan.steps.0.Repeat.steps", "too_short"),
        ),
    ],
)
def test_malformed_reply_is_refused_where_it_is_wrong(
    changes: Changes, problem: tuple[str, str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        Decision.model_validate_json(json.dumps(reply(changes)))

    found = [(".".join(map(str, one["loc"])), one["type"]) for one in refused.value.errors()]
    assert problem in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"ease"',
        "{}",
        "not json",
        "```json\n{}\n```",
        json.dumps(reply())[:-1],
        json.dumps(reply()) + " Have a good ride!",
        json.dumps(reply())[:-1] + ",}",
        "[" * 100_000,
    ],
)
def test_text_that_is_no_whole_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Decision.model_validate_json(text)


@pytest.mark.parametrize("name", Decision.model_fields)
def test_reply_with_a_field_missing_never_gets_a_default(name: str) -> None:
    told = reply()
    del told[name]

    with pytest.raises(ValidationError) as refused:
        Decision.model_validate_json(json.dumps(told))

    assert [(one["loc"], one["type"]) for one in refused.value.errors()] == [((name,), "missing")]


def test_refusal_does_not_repeat_what_the_reply_said() -> None:
    with pytest.raises(ValidationError) as refused:
        Decision.model_validate_json(json.dumps(reply({"confidence": "HRV 53 ms"})))

    assert "53" not in str(refused.value)


def test_zone_minutes_know_their_sum_and_their_hard_part() -> None:
    zones = {f"Z{zone}": zone for zone in range(1, 8)}

    plan = decision({"workout_plan.zones": zones}).workout_plan

    assert plan is not None
    assert (plan.zones.total(), plan.zones.hard()) == (28, 22)


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (replies.MissionType, Mission.Type),
        (replies.StageType, StageType),
        (replies.RideMode, RideMode),
    ],
)
def test_words_of_a_reply_are_those_of_the_models(words: Any, choices: type[Choices]) -> None:
    assert list(get_args(words)) == choices.values


def test_limits_and_targets_of_a_draft_are_those_of_a_mission() -> None:
    assert tuple(replies.DraftLimits.model_fields) == Mission.LIMITS
    assert replies.Targets.model_fields.keys() == limits.TARGETS.keys()
