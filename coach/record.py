"""Writing how a run ended: the row and the mails in one transaction, the files afterwards."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import artifacts, database
from accounts.formats import NOBODY
from accounts.models import Artifact
from coach import alerts, brief, brief_mail, files, lateness, stored_situations
from coach.claims import Claim
from coach.models import (
    Asked,
    Incident,
    MissionDraft,
    MissionRun,
    MissionRunQuerySet,
    ModelCall,
    Reflection,
)
from coach.replies import Decision
from coach.rules import Violation
from connections import news
from notifications import mail, outbox
from notifications.models import Notification

BATCH = 500
# The summary of a run that failed.
FAILED = "No guidance today"
MISSED_ALERT = """\
Runs found at {now:%Y-%m-%d %H:%M} UTC that nobody had begun in time: {told}, and maybe more since.
They are recorded as missed.
Their testers get no brief for those days; today’s can still be asked for on Home.

Look whether the scheduler and the workers run: {site}/healthz
The incidents, one for each run: {site}/admin/coach/incident/?kind__exact=missed

This mail comes once an hour at most, however many more there are.
"""
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
            file_due_at=timezone.now(),
            decision=decision.model_dump(mode="json"),
            flagged=[one.as_json() for one in flagged],
            summary=brief.headline(decision),
        )
        _mark_told(run)
        _mail_tester(run, Notification.Kind.BRIEF, brief_mail.of)
        files.keep_later(run)


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
            file_due_at=timezone.now(),
            summary=FAILED,
        )
        _mail_tester(run, Notification.Kind.NO_BRIEF, brief_mail.of_none)
        open_incident(run, kind, detail)
        files.keep_later(run)


@transaction.atomic
def missed(late: MissionRunQuerySet, now: datetime, *, most: int) -> int:
    """Runs that nobody began in time are over: no brief at night, an incident each; how many.

    Whoever still works on one of them, its lease long over, cannot write any more.
    """
    runs = list(database.held(late.only("due_at"))[:most])
    rows = MissionRun.objects.filter(pk__in=[run.pk for run in runs])
    # Of one that was begun there can be texts, which go into its file.
    rows.filter(calls__isnull=False).update(file_due_at=now)
    rows.update(
        outcome=MissionRun.Outcome.MISSED,
        fence=F("fence") + 1,
        lease_until=None,
        finished_at=now,
        summary=lateness.MISSED,
    )
    _tell_of_missed(runs, now)
    return len(runs)


def went_by(rows: Sequence[MissionRun], now: datetime) -> None:
    """Store the rows of `lateness.missed_runs`, where none is there, and tell of them."""
    MissionRun.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
    _tell_of_missed(rows, now)


def _tell_of_missed(runs: Sequence[MissionRun], now: datetime) -> None:
    """An incident for each that is stored, and one alert an hour for all of them.

    The tester finds it on Home: a mail about a morning that is over helps nobody.
    """
    told = 0
    for first in range(0, len(runs), BATCH):
        part = {run.pk: run for run in runs[first : first + BATCH]}
        # Where there was a run already, ours was not stored.
        stored = MissionRun.objects.filter(pk__in=part).values_list("pk", flat=True)
        told += len(Incident.objects.bulk_create(_of_missed(part[pk], now) for pk in stored))
    if told:
        alerts.send(
            subject="mornings went by without a run",
            text=MISSED_ALERT.format(told=told, now=now, site=settings.SITE_URL),
            dedupe_key=f"alert:{Incident.Kind.MISSED}:{now:%Y-%m-%dT%H}",
        )


def _of_missed(run: MissionRun, now: datetime) -> Incident:
    detail = f"It was due at {run.due_at:%Y-%m-%d %H:%M} UTC."
    return Incident(run=run, kind=Incident.Kind.MISSED, detail=detail, opened_at=now)


def open_incident(row: Asked, kind: str, detail: str) -> Incident:
    """Put a failure on record and tell the operators, in the transaction that writes it."""
    incident: Incident = row.incidents.create(kind=kind, detail=detail)
    if settings.OPERATOR_EMAILS:
        told = {"incident": incident, "about": row, "about_what": ALERTED[type(row)]}
        outbox.enqueue(
            Notification.Kind.ALERT,
            mail.render("alert", {**told, "attempts": _attempts(row)}, reader=NOBODY),
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


def _mail_tester(
    run: MissionRun, kind: Notification.Kind, written: Callable[[MissionRun], mail.Mail]
) -> None:
    """By the tester's own wish there may be none: the page has it all."""
    tester = run.mission.owner
    if not (run.mission.is_brief_mailed and tester.wants_briefs):
        return
    outbox.enqueue(
        kind,
        written(run),
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
    if incident.kind in Incident.OF_ALL_ALIKE:
        return f"alert:{incident.kind}:{incident.opened_at:%Y-%m-%dT%H}"
    return f"alert:{incident.pk}"


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
    run.artifacts_at, run.file_due_at = timezone.now(), None
    run.save(update_fields=["artifacts_at", "file_due_at"])


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
