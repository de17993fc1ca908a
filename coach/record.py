"""Writing how a run ended: the row and the mails in one transaction, the files afterwards."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import artifacts
from accounts.models import Artifact
from coach import brief, stored_situations
from coach.claims import Claim
from coach.models import Asked, Incident, MissionDraft, MissionRun, ModelCall, Reflection
from coach.replies import Decision
from coach.rules import Violation
from connections import news
from notifications import mail, outbox
from notifications.models import Notification

KEEP_ARTIFACTS = "coach.keep_artifacts"
BATCH = 500
# How an alert names what failed.
ALERTED: dict[type[Asked], str] = {
    MissionRun: "run",
    MissionDraft: "mission draft",
    Reflection: "reflection",
}

Row = TypeVar("Row", bound=Asked)


def decided(
    claim: Claim[MissionRun], decision: Decision, flagged: Iterable[Violation] = ()
) -> None:
    """The run is done: keep the decision and its marks, and put the brief into the outbox."""
    run = claim.row
    with transaction.atomic():
        claim.write(
            outcome=MissionRun.Outcome.DECIDED,
            finished_at=timezone.now(),
            lease_until=None,
            decision=decision.model_dump(mode="json"),
            flagged=[one.as_json() for one in flagged],
            summary=brief.headline(decision),
        )
        _mark_told(run)
        _mail_tester(run, Notification.Kind.BRIEF, "brief")
        _keep_artifacts_later(run)


def _mark_told(run: MissionRun) -> None:
    """In the transaction that writes the brief: a run that fails has told nobody anything."""
    if run.situation is None:
        return
    situation = stored_situations.read(run.situation)
    for one in situation.sources:
        if one.problem and one.is_news:
            news.mark_told(
                run.mission.owner,
                one.source,
                one.problem,
                as_of=situation.drawn_up_at,
                now=timezone.now(),
            )


def failed(claim: Claim[MissionRun], kind: str, detail: str) -> None:
    """The run has failed in the open: an incident, an alert, a plain word to the tester."""
    run = claim.row
    with transaction.atomic():
        claim.write(
            outcome=MissionRun.Outcome.FAILED,
            finished_at=timezone.now(),
            lease_until=None,
            summary="No guidance today",
        )
        _mail_tester(run, Notification.Kind.NO_BRIEF, "no_brief")
        open_incident(run, kind, detail)
        _keep_artifacts_later(run)


def open_incident(row: Asked, kind: str, detail: str) -> Incident:
    """Put a failure on record and tell the operators, in the transaction that writes it."""
    incident: Incident = row.incidents.create(kind=kind, detail=detail)
    if settings.OPERATOR_EMAILS:
        told = {"incident": incident, "about": row, "about_what": ALERTED[type(row)]}
        outbox.enqueue(
            Notification.Kind.ALERT,
            mail.render("alert", {**told, "attempts": _attempts(row)}),
            dedupe_key=_alert_key(incident),
            recipients=list(settings.OPERATOR_EMAILS),
        )
    return incident


def _attempts(row: Asked) -> list[dict[str, str]]:
    """Of the last asking what an alert may name: hashes and rules, no value of the tester's."""
    first = 2 * getattr(row, "asked", 1) - 1
    return [
        {
            "model": call.model,
            "prompt": call.prompt_sha256[:16],
            "reply": call.reply_sha256[:16] or "none",
            "problem": call.problem_kind or call.outcome,
            "rules": ", ".join(str(one["rule"]) for one in call.violations),
        }
        for call in row.calls.filter(attempt__gte=first).order_by("attempt")
    ]


def _mail_tester(run: MissionRun, kind: Notification.Kind, template: str) -> None:
    """By the tester's own wish there may be none: the page has it all."""
    tester = run.mission.owner
    if not run.mission.is_brief_mailed:
        return
    outbox.enqueue(
        kind,
        mail.render(template, brief.mail_context(run), timezone_name=run.mission.timezone),
        dedupe_key=f"brief:{run.mission_id}:{run.local_date}{_nth(run, ':')}",
        recipients=[tester.email],
        user=tester,
    )


def _nth(run: MissionRun, mark: str) -> str:
    """What sets the mail and the file of a later asking apart: the first have their plain names."""
    return "" if run.asked == 1 else f"{mark}{run.asked}"


def _alert_key(incident: Incident) -> str:
    """One alert for each incident; one an hour where the model fails everybody alike.

    And one a day where the month's tokens are used up: that lasts.
    """
    if incident.kind == Incident.Kind.BUDGET:
        return f"alert:{incident.kind}:{incident.opened_at:%Y-%m-%d}"
    if incident.kind in Incident.OF_THE_MODEL:
        return f"alert:{incident.kind}:{incident.opened_at:%Y-%m-%dT%H}"
    return f"alert:{incident.pk}"


def _keep_artifacts_later(run: MissionRun) -> None:
    transaction.on_commit(
        lambda: current_app.send_task(KEEP_ARTIFACTS, args=[str(run.pk)]), robust=True
    )


@transaction.atomic
def keep_artifacts(run_id: UUID) -> None:
    """Store what was asked, answered and decided as one file, then empty the texts in the rows."""
    run = hold_finished(MissionRun, run_id)
    if run is None or run.artifacts_at is not None:
        return
    name = f"run{_nth(run, '-')}.json"
    key = artifacts.key_for(run.mission.owner, run.mission_id, run.local_date, name)
    facts = {"mission": str(run.mission_id), "local_date": run.local_date.isoformat()}
    keep_texts(run, key, {**facts, "situation": run.situation, "decision": run.decision})
    run.artifacts_at = timezone.now()
    run.save(update_fields=["artifacts_at"])


def hold_finished(kind: type[Row], pk: UUID | int) -> Row | None:
    """Lock a row nobody works on; None when it is gone or under way.

    It stays locked while its file is written: a second delivery must not write the emptied texts.
    """
    row = kind._default_manager.filter(pk=pk).first()
    # The account first, then the row: in this order a deletion locks them too.
    if row is None or not artifacts.hold(row.owner.pk):
        return None
    held = kind._default_manager.select_for_update().filter(pk=pk).first()
    return held if held is not None and held.is_finished else None


def keep_texts(row: Asked, key: str, facts: dict[str, Any]) -> None:
    """Store the texts of the calls that still hold theirs under `key`, and empty them.

    For a row that `hold_finished` gave, within its transaction.
    """
    calls = row.calls.exclude(prompt="")
    told = {
        **facts,
        "outcome": row.outcome,
        "calls": [_call(call) for call in calls],
        "incidents": [
            {"kind": incident.kind, "detail": incident.detail} for incident in row.incidents.all()
        ],
    }
    content = json.dumps(told, ensure_ascii=False, indent=1).encode()
    artifacts.put(row.owner, key, content, Artifact.Retention.REASONING)
    calls.update(prompt="", reply="")


def _call(call: ModelCall) -> dict[str, Any]:
    return {
        "attempt": call.attempt,
        "purpose": call.purpose,
        "model": call.model,
        "asked_at": call.asked_at.isoformat(),
        "prompt_version": call.prompt_version,
        "prompt_sha256": call.prompt_sha256,
        "prompt": call.prompt,
        "reply_sha256": call.reply_sha256,
        "reply": call.reply,
        "refusal": call.refusal,
        "finish_reason": call.finish_reason,
        "outcome": call.outcome,
        "problem_kind": call.problem_kind,
        "problem": call.problem,
        "violations": call.violations,
        "tokens_in": call.tokens_in,
        "tokens_cached": call.tokens_cached,
        "tokens_out": call.tokens_out,
        "latency_ms": call.latency_ms,
        "cost_usd": None if call.cost_usd is None else str(call.cost_usd),
    }


def forget_situations(now: datetime) -> int:
    """Empty the situation of runs whose artifact is gone by its age, and the ride matched to them:
    they tell the same numbers."""
    forgotten = 0
    before = now - artifacts.KEPT_FOR[Artifact.Retention.REASONING]
    old = MissionRun.objects.filter(finished_at__lt=before, situation__isnull=False)
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        forgotten += MissionRun.objects.filter(pk__in=keys).update(situation=None, done=None)
    return forgotten
