"""The questions behind an incident, for operators: what the model said and what was objected to.

Replies name health values: whoever shows them leaves a line in the audit trail first.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import artifacts
from accounts.models import Artifact
from coach.models import Asked, Incident, MissionDraft, MissionRun, ModelCall
from coach.rules import RULES

NO_ANSWER = "The model gave no answer."
NO_FILE = "It is kept no longer."
AWAY = "The storage that holds it is away. Try again in a few minutes."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question. `reply`: what the model said; where it is empty, `why_not` says why."""

    attempt: int
    model: str
    asked_at: datetime
    outcome: str
    objection: str
    violations: list[dict[str, Any]]
    reply: str
    why_not: str


def behind(incident: Incident) -> list[Attempt]:
    """The one or two questions of the asking that the incident came of, oldest first.

    The row may have been asked for again since; those questions are not of this incident.
    """
    row = incident.about
    if isinstance(row, str):
        return []
    before = list(row.calls.filter(asked_at__lte=incident.opened_at).order_by("attempt"))
    if not before:
        return []
    asking = (before[-1].attempt + 1) // 2
    calls = [call for call in before if (call.attempt + 1) // 2 == asking]
    stored, why_not = _stored(row, asking) if any(_is_stored(call) for call in calls) else ({}, "")
    return [_attempt(call, stored.get(call.attempt, ""), why_not) for call in calls]


def _is_stored(call: ModelCall) -> bool:
    """Its texts have left for the file."""
    return not call.prompt and bool(call.reply_sha256)


def _attempt(call: ModelCall, stored: str, why_not: str) -> Attempt:
    reply = call.reply or stored
    return Attempt(
        attempt=call.attempt,
        model=call.model,
        asked_at=call.asked_at,
        outcome=call.get_outcome_display(),
        objection=call.problem or call.refusal,
        violations=[_with_its_words(one) for one in call.violations],
        reply=_readable(reply),
        why_not="" if reply else (why_not or NO_FILE) if _is_stored(call) else NO_ANSWER,
    )


def _with_its_words(broken: dict[str, Any]) -> dict[str, Any]:
    """With what the rule asks for, where it is one of the rubric."""
    rule = RULES.get(broken["rule"])
    return {**broken, "asks": rule.predicate if rule else ""}


def _stored(row: Asked, asking: int) -> tuple[dict[int, str], str]:
    """The replies in the file of one asking, by attempt; else why there are none."""
    folder, name = _place_of(row, asking)
    kept = Artifact.objects.filter(key__startswith=folder, key__endswith=f"/{name}").first()
    if kept is None:
        return {}, NO_FILE
    try:
        told = json.loads(artifacts.read(kept))
    except artifacts.STORAGE_ERRORS:
        return {}, AWAY
    return {call["attempt"]: call["reply"] for call in told["calls"]}, ""


def _place_of(row: Asked, asking: int) -> tuple[str, str]:
    """Where its file lies: what its key begins with, and its name."""
    if isinstance(row, MissionRun):
        folder = f"{row.owner.pk}/{row.mission_id}/{row.local_date.isoformat()}/"
        return folder, "run.json" if asking == 1 else f"run-{asking}.json"
    if isinstance(row, MissionDraft):
        return f"{row.owner.pk}/{row.pk}/", f"draft-{asking}.json"
    return f"{row.owner.pk}/{getattr(row, 'mission_id', '')}/", f"wrap-up-{asking}.json"


def _readable(reply: str) -> str:
    """Laid out, where it is JSON that can be shown; else as it came."""
    try:
        laid_out = json.dumps(json.loads(reply), ensure_ascii=False, indent=2)
        laid_out.encode()  # half of a pair of characters is no text
    except (ValueError, RecursionError):
        return reply
    return laid_out
