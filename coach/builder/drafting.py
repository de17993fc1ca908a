"""Making a draft that was asked for: what the model is told, and how it ended."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import artifacts
from accounts.models import User
from accounts.patience import while_the_database_is_away
from coach import claims, conversation, files, prompts, record, retries, stopping
from coach.builder import draft_rules, survey
from coach.builder.survey import Survey
from coach.models import Incident, MissionDraft
from coach.replies import MissionDraft as Proposal
from connections import policy

DRAFT_MISSION = "coach.draft_mission"
Outcome = MissionDraft.Outcome


def publish(draft: MissionDraft) -> None:
    """Tell a worker once the row is committed; a lost message is found by the sweep."""
    pk = str(draft.pk)
    transaction.on_commit(lambda: current_app.send_task(DRAFT_MISSION, args=[pk]), robust=True)


def sweep(now: datetime, *, most: int) -> None:
    """Hurry along drafts no worker holds."""
    for draft in MissionDraft.claimable(now).filter(user__is_active=True)[:most]:
        publish(draft)


def make(draft_id: UUID, now: datetime) -> None:
    """Bring a draft that was asked for to its end, once: whoever comes second finds it held."""
    drafts = MissionDraft.objects.filter(user__is_active=True)
    draft = drafts.filter(pk=draft_id).first()
    claim = claims.take(draft, now) if draft else None
    if claim is None:
        return
    try:
        _draft(claim, now)
    except claims.Lost:
        claims.look_again(claim.row)  # too slow, or discarded meanwhile
    except stopping.Stopping:
        claim.hand_back()
    except Exception:
        at = retries.after_breaking_off(claim.row.attempts, timezone.now(), seed=str(claim.row.pk))
        claims.leave(lambda: claim.break_off(at))
        raise
    except BaseException:  # this process is being ended
        claims.leave(claim.hand_back)
        raise


def _draft(claim: claims.Claim[MissionDraft], now: datetime) -> None:
    if claim.is_hopeless:
        _failed(claim, Incident.Kind.CRASH, "The drafting broke off at every attempt.", now)
        return
    local_date = local_date_of(claim.row, now)
    answers = survey.read(claim.row.survey, local_date=local_date)
    if not isinstance(answers, Survey):
        _back_to_the_survey(claim, now)
        return
    if policy.kept_from_coach(claim.row.user):
        # An answer of an attempt that broke off may rest on an FTP that is kept back by now.
        conversation.forget(claim)
    try:
        proposal = conversation.ask(claim, question_for(claim.row, answers, local_date))
    except conversation.NoReply as reason:
        kind, words = reason.kind, str(reason)
        while_the_database_is_away(lambda: _failed(claim, kind, words, now))
    except conversation.NotAllowed:
        _back_to_the_survey(claim, now)
    else:
        while_the_database_is_away(lambda: _drafted(claim, proposal, now))


def local_date_of(draft: MissionDraft, now: datetime) -> date:
    """Today in the zone of the survey, or of the account while the survey names none."""
    return survey.local_date_of(draft.survey, draft.user.zone, now)


def question_for(
    draft: MissionDraft, answers: Survey, local_date: date
) -> conversation.Question[Proposal]:
    return conversation.Question(
        prompts.for_draft(answers, profile_of(draft.user, answers, local_date)),
        settings.COACH_MODEL_BUILDER,
        Proposal,
        problems_in=lambda proposal: draft_rules.problems_in(proposal, answers, local_date),
        asked=draft.asked,
    )


def profile_of(user: User, answers: Survey, local_date: date) -> dict[str, Any]:
    """What the model must know besides the survey, computed here; what is not known is None."""
    days_left = (answers.event_start - local_date).days
    return {
        "local_date": local_date.isoformat(),
        "timezone": answers.timezone,
        "sex": user.sex or None,
        "hr_max_bpm": user.hr_max_bpm,
        "lthr_bpm": user.lthr_bpm,
        "ftp_history": [
            {"from": ftp.effective_date.isoformat(), "ftp_w": ftp.power_w}
            for ftp in policy.ftps_for_coach(user).filter(effective_date__lte=local_date)[:6]
        ],
        "days_left": days_left,
        "weeks_left": days_left // 7,
        "event_dates": [day.isoformat() for day in draft_rules.event_days(answers)],
        "longest_day_minutes": max(answers.weekday_minutes),
        "most_ctl": draft_rules.most_ctl(answers.weekly_hours_max),
    }


def _drafted(claim: claims.Claim[MissionDraft], proposal: Proposal, now: datetime) -> None:
    told = proposal.model_dump(mode="json")
    with transaction.atomic():
        claim.write(
            outcome=Outcome.DRAFTED,
            lease_until=None,
            drafted=told,
            proposal=told,
            failure="",
            updated_at=now,
            file_due_at=now,
        )
        files.keep_later(claim.row)


def _back_to_the_survey(claim: claims.Claim[MissionDraft], now: datetime) -> None:
    """Nothing was asked: the answers fit no more, or may not be sent any more."""
    claim.write(outcome=_before(claim.row, Outcome.SURVEY), lease_until=None, updated_at=now)


def _before(draft: MissionDraft, else_: MissionDraft.Outcome) -> MissionDraft.Outcome:
    """Whoever has a draft keeps it when no new one comes."""
    return Outcome.DRAFTED if draft.proposal is not None else else_


def _failed(claim: claims.Claim[MissionDraft], kind: str, detail: str, now: datetime) -> None:
    with transaction.atomic():
        outcome = _before(claim.row, Outcome.FAILED)
        claim.write(
            outcome=outcome, lease_until=None, failure=kind, updated_at=now, file_due_at=now
        )
        record.open_incident(claim.row, kind, detail)
        files.keep_later(claim.row)


@transaction.atomic
def keep_texts(draft_id: UUID, now: datetime) -> None:
    """Store what was asked and answered as a file of its own, then empty the texts in the rows."""
    draft = record.hold_finished(MissionDraft, draft_id)
    if draft is None:
        return
    MissionDraft.objects.filter(pk=draft.pk).update(file_due_at=None)
    if not draft.calls.exclude(prompt="").exists():
        return
    day, name = draft.user.local_date(now), f"draft-{draft.asked}.json"
    key = artifacts.key_for(draft.user, draft.pk, day, name)
    facts = {"draft": str(draft.pk), "survey": draft.survey, "drafted": draft.drafted}
    record.keep_texts(draft, key, facts)
