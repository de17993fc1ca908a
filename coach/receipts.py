"""The receipt of a run: what went in, what was asked of which model, and what came out.

Prompts and replies are told by their hashes; their texts are in the run's file for 180 days.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from coach import stored_situations
from coach.models import Incident, MissionRun, ModelCall

VERSION: Literal[1] = 1


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CallPart(Part):
    """One question to the model; what its server did not tell is null."""

    attempt: int
    model: str
    asked_at: datetime
    prompt_version: str = Field(description="The name of the static text, and its hash.")
    prompt_sha256: str = Field(description="Of all that was asked.")
    reply_sha256: str | None
    finish_reason: str | None
    outcome: str
    problem_kind: str | None
    problem: str | None
    violations: list[dict[str, Any]] = Field(description="Each a rule, observed, allowed.")
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    latency_ms: int | None
    cost_usd: Decimal | None = Field(description="By the prices of that day, as a string.")


class IncidentPart(Part):
    kind: str
    detail: str
    opened_at: datetime
    resolved_at: datetime | None


class Receipt(Part):
    receipt: Literal[1] = Field(description="The version of this format.")
    run: UUID
    mission: UUID
    local_date: date
    trigger: str
    outcome: str
    summary: str
    opened_at: datetime
    finished_at: datetime | None
    asked: int = Field(description="How often this day was asked for.")
    superseded: list[dict[str, Any]] = Field(description="Earlier askings, oldest first.")
    situation: dict[str, Any] | None = Field(
        description="The numbers the model was given; null before, and after 180 days."
    )
    decision: dict[str, Any] | None
    flagged: list[dict[str, Any]] = Field(description="Rules that only flag, as in violations.")
    calls: list[CallPart]
    incidents: list[IncidentPart]


def of(run: MissionRun) -> Receipt:
    situation = stored_situations.read(run.situation) if run.situation else None
    return Receipt(
        receipt=VERSION,
        run=run.pk,
        mission=run.mission_id,
        local_date=run.local_date,
        trigger=run.trigger,
        outcome=run.outcome,
        summary=run.summary,
        opened_at=run.opened_at,
        finished_at=run.finished_at,
        asked=run.asked,
        superseded=run.superseded,
        situation=situation.for_model() if situation else None,
        decision=run.decision,
        flagged=run.flagged,
        calls=[_call(call) for call in run.calls.defer("prompt", "reply")],
        incidents=[_incident(incident) for incident in run.incidents.all()],
    )


def _call(call: ModelCall) -> CallPart:
    return CallPart(
        attempt=call.attempt,
        model=call.model,
        asked_at=call.asked_at,
        prompt_version=call.prompt_version,
        prompt_sha256=call.prompt_sha256,
        reply_sha256=call.reply_sha256 or None,
        finish_reason=call.finish_reason or None,
        outcome=call.outcome,
        problem_kind=call.problem_kind or None,
        problem=call.problem or None,
        violations=call.violations,
        tokens_in=call.tokens_in,
        tokens_cached=call.tokens_cached,
        tokens_out=call.tokens_out,
        latency_ms=call.latency_ms,
        cost_usd=call.cost_usd,
    )


def _incident(incident: Incident) -> IncidentPart:
    return IncidentPart(
        kind=incident.kind,
        detail=incident.detail,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
    )
