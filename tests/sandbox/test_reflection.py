import json
from typing import Any

import httpx2
import openai
import pytest

from coach.replies import Reflection, schema_file
from coach.wrap_up.facts import Facts
from coach.wrap_up.rules import problems_in
from sandbox.coach import reflection
from tests.coach.test_wrap_up_rules import FACTS, STAGE
from tests.sandbox.questions import ask, set_mode

FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "reflection",
        "strict": True,
        "schema": json.loads(schema_file("reflection").read_text(encoding="utf-8")),
    },
}
MISSED = {**STAGE, "outcome": "missed", "ride_mode": None, "points": 0, "number": 2}
RIDDEN = {**STAGE, "number": 1}


def facts(**changes: Any) -> dict[str, Any]:
    """Two stages, one of them ridden, and everything known."""
    stages = [{**stage, "date": "2026-08-03"} for stage in (RIDDEN, MISSED)]
    short = {
        "event_end": "2026-08-04",
        "event_days": 2,
        "points_total": 10,
        "points_of_stages": 5,
        "stages_planned": 2,
        "stages_completed": 1,
        "stages_missed": 1,
        "stages_open": 0,
        "mode_counts": {"gc": 1, "breakaway": 0, "steady": 0},
        "stages": stages,
    }
    return {**FACTS.model_dump(mode="json"), **short, **changes}


def question(told: dict[str, Any]) -> str:
    return (
        f"<facts>\n{json.dumps(told)}\n</facts>\n"
        "<untrusted>\nmission: Tour\n</untrusted>\nLook back."
    )


def looked_back(told: dict[str, Any]) -> dict[str, Any]:
    return reflection.answer([{"role": "user", "content": question(told)}])


NOTHING = {
    "points_total": 0,
    "points_of_stages": 0,
    "points_of_bonuses": 0,
    "stages_completed": 0,
    "stages_missed": 0,
    "stages_open": 2,
    "mode_counts": {"gc": 0, "breakaway": 0, "steady": 0},
    "stages": [],
    "bonuses": [],
    "event_minutes": None,
    "event_time": None,
    "event_load": None,
    "unknown": ["how every stage went"],
}


def test_reflection_tells_the_facts_and_no_more() -> None:
    assert looked_back(facts()) == {
        "headline": "10 points from 1 stage",
        "points_total": 10,
        "stages_completed": 1,
        "stages_missed": 1,
        "story": "You rode 1 of 2 stages from 3 August 2026 to 4 August 2026, and that earned you "
        "10 points. Of these, 5 came from bonuses. You rode 1 with the bunch. You did not ride 1 "
        "stage.\n\nThe same plan with the bunch all the way was worth 185, and 264 in the "
        "breakaway every day, bonuses included. You were on the bike for 62 h 5 min. That is "
        "behind you now, and the rest that follows belongs to it as much as the riding did: take "
        "it before you choose what comes next.",
        "turning_points": [
            {
                "stage_number": 1,
                "what": "The flat stage brought you 5 points, your most on one day.",
            },
            {"stage_number": 2, "what": "You did not ride this flat stage, and it earned nothing."},
        ],
        "learnt": [
            "A day off costs the points of its stage; plan it where the stage earns least.",
            "You earned a bonus for what you did over many days: 5 stages in a row.",
            "Asking each morning what the day allows is a habit that carries over.",
        ],
        "next_time": "Choose your next event only after you have rested, and tell the survey what "
        "this one taught you about your days and your limits.",
    }


@pytest.mark.parametrize("changes", [{}, NOTHING])
def test_reflection_keeps_every_rule(changes: dict[str, Any]) -> None:
    told = facts(**changes)

    reply = Reflection.model_validate_json(json.dumps(looked_back(told)))

    assert problems_in(Facts.model_validate(told), "Tour", reply) == []


def test_server_looks_back_for_a_request_that_names_the_schema(model: openai.OpenAI) -> None:
    completion = ask(model, question(facts()), response_format=FORMAT)

    assert json.loads(completion.choices[0].message.content or "") == looked_back(facts())


def test_request_without_facts_is_refused(model: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"No facts in the messages\."):
        ask(model, "Look back.", response_format=FORMAT)


def test_absurd_reflection_fits_the_schema_and_nothing_else(
    model: openai.OpenAI, http: httpx2.Client
) -> None:
    set_mode(http, "absurd")

    completion = ask(model, question(facts()), response_format=FORMAT)

    reply = Reflection.model_validate_json(completion.choices[0].message.content or "")
    assert len(problems_in(Facts.model_validate(facts()), "Tour", reply)) == 8
