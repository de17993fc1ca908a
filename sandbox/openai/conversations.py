"""What the stand-in model can be asked for, by the name of the schema of its reply."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import coach
from sandbox.coach import draft, reflection
from sandbox.coach.blocks import Messages


@dataclass(frozen=True, slots=True)
class Conversation:
    """`absurd` turns a good reply into one that fits the schema and is wrong otherwise."""

    name: str
    answer: Callable[[Messages], dict[str, Any]]
    absurd: Callable[[dict[str, Any]], dict[str, Any]]


DECISION = Conversation("coach_output", coach.answer, coach.absurd)
KNOWN = {
    one.name: one
    for one in (
        DECISION,
        Conversation("mission_draft", draft.answer, draft.absurd),
        Conversation("reflection", reflection.answer, reflection.absurd),
    )
}


def conversation_of(body: dict[str, Any]) -> Conversation:
    """By the name of the schema; a request that names none asks for the day's decision."""
    schema = (body.get("response_format") or {}).get("json_schema") or {}
    return KNOWN.get(str(schema.get("name")), DECISION)
