"""Writing how a run ended: the row and the mails in one transaction, the files afterwards."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import artifacts
from accounts.models import Artifact
from coach import brief
from coach.claims import Claim
from coach.models import Incident, MissionRun, ModelCall
from coach.replies import Decision
from notifications import mail, outbox
from notifications.models import Notification

KEEP_ARTIFACTS = "coach.keep_artifacts"
BATCH = 500


def decided(claim: Claim, decision: Decision) -> None:
    """The run is done: keep the decision and put the brief into the outbox."""
    run = claim.run
    with transaction.atomic():
        claim.write(
            outcome=MissionRun.Outcome.DECIDED,
            finished_at=timezone.now(),
            lease_until=None,
            decision=decision.model_dump(mode="json"),
            summary=brief.headline(decision),
        )
        _mail_tester(run, Notification.Kind.BRIEF, "brief")
        _keep_artifacts_later(run)


def failed(claim: Claim, kind: str, detail: str) -> None:
    """The run has failed in the open: an incident, an alert, a plain word to the tester."""
    run = claim.run
    with transaction.atomic():
        claim.write(
            outcome=MissionRun.Outcome.FAILED,
            finished_at=timezone.now(),
            lease_until=None,
            summary="No guidance today",
        )
        incident = Incident.objects.create(run=run, kind=kind, detail=detail)
        _mail_tester(run, Notification.Kind.NO_BRIEF, "no_brief")
        _alert_operators(run, incident)
        _keep_artifacts_later(run)


def _mail_tester(run: MissionRun, kind: Notification.Kind, template: str) -> None:
    tester = run.mission.owner
    outbox.enqueue(
        kind,
        mail.render(template, brief.mail_context(run), timezone_name=run.mission.timezone),
        dedupe_key=f"brief:{run.mission_id}:{run.local_date}",
        recipients=[tester.email],
        user=tester,
    )


def _alert_operators(run: MissionRun, incident: Incident) -> None:
    if settings.OPERATOR_EMAILS:
        outbox.enqueue(
            Notification.Kind.ALERT,
            mail.render("alert", {"run": run, "incident": incident}),
            dedupe_key=_alert_key(incident),
            recipients=list(settings.OPERATOR_EMAILS),
        )


def _alert_key(incident: Incident) -> str:
    """One alert for each incident; one an hour where the model fails everybody alike."""
    if incident.kind in Incident.OF_THE_MODEL:
        return f"alert:{incident.kind}:{incident.opened_at:%Y-%m-%dT%H}"
    return f"alert:{incident.pk}"


def _keep_artifacts_later(run: MissionRun) -> None:
    transaction.on_commit(
        lambda: current_app.send_task(KEEP_ARTIFACTS, args=[str(run.pk)]), robust=True
    )


@transaction.atomic
def keep_artifacts(run_id: UUID) -> None:
    """Store what was asked, answered and decided as one file, then empty the texts in the rows.

    The row stays locked meanwhile: a second delivery must not write the emptied texts over it.
    """
    owners = MissionRun.objects.filter(pk=run_id).values_list("mission__owner_id", flat=True)
    owner_id = owners.first()
    # The account first, then the run: in this order a deletion locks them too.
    if owner_id is None or not artifacts.hold(owner_id):
        return
    run = MissionRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None or not run.is_finished or run.artifacts_at is not None:
        return
    mission = run.mission
    key = artifacts.key_for(mission.owner, mission.pk, run.local_date, "run.json")
    content = json.dumps(_told(run), ensure_ascii=False, indent=1).encode()
    artifacts.put(mission.owner, key, content, Artifact.Retention.REASONING)
    run.calls.update(prompt="", reply="")
    run.artifacts_at = timezone.now()
    run.save(update_fields=["artifacts_at"])


def _told(run: MissionRun) -> dict[str, Any]:
    return {
        "mission": str(run.mission_id),
        "local_date": run.local_date.isoformat(),
        "outcome": run.outcome,
        "situation": run.situation,
        "decision": run.decision,
        "calls": [_call(call) for call in run.calls.all()],
        "incidents": [
            {"kind": incident.kind, "detail": incident.detail} for incident in run.incidents.all()
        ],
    }


def _call(call: ModelCall) -> dict[str, Any]:
    return {
        "attempt": call.attempt,
        "model": call.model,
        "prompt_version": call.prompt_version,
        "prompt": call.prompt,
        "reply": call.reply,
        "outcome": call.outcome,
        "problem": call.problem,
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "latency_ms": call.latency_ms,
    }


def forget_situations(now: datetime) -> int:
    """Empty the situation of runs whose artifact is gone by its age: it tells the same numbers."""
    forgotten = 0
    before = now - artifacts.KEPT_FOR[Artifact.Retention.REASONING]
    old = MissionRun.objects.filter(finished_at__lt=before, situation__isnull=False)
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        forgotten += MissionRun.objects.filter(pk__in=keys).update(situation=None)
    return forgotten
