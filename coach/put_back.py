"""Putting back from its file what the coach did since the backup that was restored.

The file of a run has all that its row needs; no mail goes out for it, as one went out then.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction

from coach import brief, budget, record, rules, stored_situations
from coach.models import Asked, MissionRun, ModelCall, Reflection
from coach.replies import Decision
from missions import schedule
from missions.models import Mission

RUN = re.compile(r"\d+/(?P<mission>[0-9a-f-]{36})/(?P<day>[\d-]{10})/run(-(?P<nth>\d+))?\.json")
WRAP_UP = re.compile(r"\d+/(?P<mission>[0-9a-f-]{36})/[\d-]{10}/wrap-up-(?P<nth>\d+)\.json")
ENDED = (MissionRun.Outcome.DECIDED, MissionRun.Outcome.FAILED)
# They stay in the file.
TEXTS = ("prompt", "reply")


class NotReadable(Exception):
    """A file that is not what it should be; its morning counts as one without a file."""


@dataclass(frozen=True, slots=True)
class Found:
    """The file of one asking of one day."""

    mission_id: UUID
    local_date: date
    asked: int
    key: str
    written_at: datetime


def run_in(key: str, written_at: datetime) -> Found | None:
    """What the key of a run's file says; None of another file's."""
    parts = RUN.fullmatch(key)
    if parts is None:
        return None
    day = date.fromisoformat(parts["day"])
    return Found(UUID(parts["mission"]), day, int(parts["nth"] or 1), key, written_at)


@transaction.atomic
def run_of(mission: Mission, askings: Sequence[Found]) -> bool:
    """Put the run of a day back as its newest file tells it; False where the row is as new.

    `askings`: the files of that day, the oldest first. Raises NotReadable.
    """
    newest = askings[-1]
    slot = schedule.slot_on(mission, newest.local_date)
    row = mission.runs.select_for_update(of=("self",)).filter(local_date=newest.local_date).first()
    if row is not None and row.asked >= newest.asked and row.outcome in ENDED:
        return False
    told = [(one, _read(one.key)) for one in askings]
    try:
        before = _line_of(row) if row is not None and row.asked < newest.asked else []
        lines = [_line(one, each) for one, each in told[:-1]]
        run, _ = MissionRun.objects.update_or_create(
            mission=mission,
            local_date=newest.local_date,
            defaults={
                **_ended(newest, told[-1][1]),
                "superseded": [*(row.superseded if row else []), *before, *lines],
            },
            create_defaults={
                **_ended(newest, told[-1][1]),
                "superseded": lines,
                "trigger": MissionRun.Trigger.SCHEDULE,
                "opened_at": slot,
                "due_at": slot,
                "start_at": slot,
                "publish_at": slot,
            },
        )
        for _one, each in told:
            _put_records_back(run, each, ModelCall.Purpose.DAY)
    except (KeyError, TypeError, ValueError) as error:
        raise NotReadable(newest.key) from error
    return True


@transaction.atomic
def wrap_up_of(mission: Mission, key: str, written_at: datetime) -> bool:
    """The same for the look back on a mission, which is mailed once, too."""
    parts = WRAP_UP.fullmatch(key)
    if parts is None:
        return False
    row = Reflection.objects.select_for_update(of=("self",)).filter(mission=mission).first()
    nth = int(parts["nth"])
    if row is not None and row.is_finished and row.asked >= nth:
        return False
    told = _read(key)
    try:
        reflection, _ = Reflection.objects.update_or_create(
            mission=mission,
            defaults={
                "outcome": Reflection.Outcome(told["outcome"]),
                "facts": told["facts"],
                "reply": told["reply"],
                "asked": nth,
                "finished_at": _finished_at(told, written_at),
                "lease_until": None,
                "file_due_at": None,
                "artifacts_at": written_at,
            },
        )
        _put_records_back(reflection, told, ModelCall.Purpose.WRAP_UP)
    except (KeyError, TypeError, ValueError) as error:
        raise NotReadable(key) from error
    return True


def _read(key: str) -> dict[str, Any]:
    with default_storage.open(key) as stored:
        content = stored.read()
    try:
        told = json.loads(content)
    except ValueError as error:
        raise NotReadable(key) from error
    if not isinstance(told, dict):
        raise NotReadable(key)
    return told


def _ended(found: Found, told: dict[str, Any]) -> dict[str, Any]:
    """The fields of a run that has ended, and whose file is stored."""
    outcome = MissionRun.Outcome(told["outcome"])
    if outcome not in ENDED:
        raise NotReadable(found.key)
    decision = Decision.model_validate(told["decision"]) if told["decision"] else None
    if (outcome == MissionRun.Outcome.DECIDED) != (decision is not None):
        raise NotReadable(found.key)
    return {
        "outcome": outcome,
        "decision": decision.model_dump(mode="json") if decision else None,
        "situation": told["situation"],
        "flagged": _flagged(told["situation"], decision),
        "summary": brief.headline(decision) if decision else record.FAILED,
        "asked": found.asked,
        "finished_at": _finished_at(told, found.written_at),
        "lease_until": None,
        "file_due_at": None,
        "artifacts_at": found.written_at,
    }


def _flagged(situation: dict[str, Any] | None, decision: Decision | None) -> list[dict[str, Any]]:
    if situation is None or decision is None:
        return []
    return [one.as_json() for one in rules.flags(stored_situations.read(situation), decision)]


def _finished_at(told: dict[str, Any], written_at: datetime) -> datetime:
    """When the last answer came: the file itself may have been copied since."""
    ends = [
        datetime.fromisoformat(call["asked_at"]) + timedelta(milliseconds=call["latency_ms"] or 0)
        for call in told["calls"]
    ]
    return max(ends, default=written_at)


def _line(found: Found, told: dict[str, Any]) -> dict[str, Any]:
    """What stays of an earlier asking; why it was asked again is not known any more."""
    ended = _ended(found, told)
    return {
        "asked": found.asked,
        "summary": ended["summary"],
        "finished_at": ended["finished_at"].isoformat(),
    }


def _line_of(row: MissionRun) -> list[dict[str, Any]]:
    if row.finished_at is None:
        return []
    finished_at = row.finished_at.isoformat()
    return [{"asked": row.asked, "summary": row.summary, "finished_at": finished_at}]


def _put_records_back(row: Asked, told: dict[str, Any], purpose: ModelCall.Purpose) -> None:
    """Its calls without their texts, and its incidents; what they used is counted again."""
    there = set(row.calls.values_list("attempt", flat=True))
    for call in told["calls"]:
        if call["attempt"] in there:
            continue
        facts = {name: value for name, value in call.items() if name not in TEXTS}
        asked_at = datetime.fromisoformat(call["asked_at"])
        cost = call["cost_usd"]
        changed = {
            "owner": row.owner,
            "purpose": purpose,
            "asked_at": asked_at,
            "cost_usd": None if cost is None else Decimal(cost),
        }
        stored = row.calls.create(**{**facts, **changed})
        if stored.tokens_in is not None and stored.tokens_out is not None:
            budget.count(row.owner, stored.tokens_in + stored.tokens_out, asked_at)
    known = set(row.incidents.values_list("kind", "detail"))
    for incident in told["incidents"]:
        if (incident["kind"], incident["detail"]) not in known:
            row.incidents.create(kind=incident["kind"], detail=incident["detail"])
