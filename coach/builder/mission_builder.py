"""From survey to drafted mission: ask for a draft, make it, change it, confirm it.

The survey is the tester's and stays as they gave it, whatever the model makes of it.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from pydantic import ValidationError

from accounts import artifacts, privacy
from accounts.models import Ftp, User
from coach import budget, conversation
from coach.builder import draft_rules, drafting, survey
from coach.builder.survey import Survey
from coach.models import MissionDraft, MissionDraftQuerySet
from coach.replies import MissionDraft as Proposal
from connections import policy
from missions import editing
from missions.changes import Day
from missions.models import Mission

BATCH = 500
Outcome = MissionDraft.Outcome


class SurveyIncomplete(Exception):
    """`problems` says what is wrong with the answers, one sentence by field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("The survey is not complete.")
        self.problems = problems


class Invalid(Exception):
    """A proposal no mission can be made of; `problems` has one sentence by path."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("The draft is not right.")
        self.problems = problems


class NotNow(Exception):
    """The draft is in no state for this; the message says which it is in, and what to do."""


class AlreadyMade(NotNow):
    """A mission was made of it already."""

    def __init__(self, mission_id: UUID) -> None:
        super().__init__("A mission was made of this draft already. Open the mission instead.")
        self.mission_id = mission_id


class Stale(Exception):
    """Somebody wrote the draft after it was read for this change."""

    def __init__(self, current: MissionDraft) -> None:
        super().__init__("The draft was changed meanwhile.")
        self.current = current


def survey_of(draft: MissionDraft, now: datetime) -> Survey:
    """The answers as one checked value; raises SurveyIncomplete."""
    answers = survey.read(draft.survey, local_date=drafting.local_date_of(draft, now))
    if not isinstance(answers, Survey):
        raise SurveyIncomplete(answers)
    return answers


def require_complete(draft: MissionDraft, now: datetime) -> Survey:
    """The survey, or what is in the way: SurveyIncomplete, conversation.NotAllowed, UsedUp."""
    answers = survey_of(draft, now)
    if not privacy.may_be_read(draft.user_id):
        raise conversation.NotAllowed(privacy.NOT_ALLOWED)
    budget.require_by_hand(draft.user, now)
    return answers


def keep_answers(draft: MissionDraft, answers: dict[str, Any], now: datetime) -> None:
    """Store the answers; raises AlreadyMade, or NotNow while it is being drafted."""
    if answers != draft.survey:
        _write(draft, now, survey=answers)


def ask_for(draft: MissionDraft, now: datetime) -> None:
    """Have a worker draft the mission; asking again while one is at it changes nothing.

    Raises SurveyIncomplete, AlreadyMade, conversation.NotAllowed without consent, or
    budget.UsedUp when what is left of the month's tokens is for the mornings.
    """
    with transaction.atomic():
        if _ask(draft, now):
            drafting.publish(draft)


def draft_now(draft: MissionDraft, now: datetime) -> MissionDraft:
    """The same, made before it returns, unless a worker is at it; a killed one is swept up."""
    if _ask(draft, now):
        drafting.make(draft.pk, now)
    draft.refresh_from_db()
    return draft


def _ask(draft: MissionDraft, now: datetime) -> bool:
    require_complete(draft, now)
    try:
        _write(
            draft,
            now,
            outcome=Outcome.DUE,
            asked=F("asked") + 1,
            attempts=0,
            file_due_at=None,
            file_attempts=0,
            lease_until=None,
            failure="",
        )
    except AlreadyMade:
        raise
    except NotNow:
        return False
    return True


def _write(draft: MissionDraft, now: datetime, **values: Any) -> None:
    """Write a draft nobody works on and no mission was made of; raises NotNow."""
    its = MissionDraft.objects.unconfirmed().filter(pk=draft.pk)
    is_written = its.exclude(outcome__in=MissionDraft.OPEN).update(**values, updated_at=now)
    draft.refresh_from_db()
    if not is_written:
        refuse_made(draft)
        raise NotNow("Your mission is being drafted. Wait a moment, then go on.")


def refuse_made(draft: MissionDraft) -> None:
    if draft.mission_id is not None:
        raise AlreadyMade(draft.mission_id)


def change(
    draft: MissionDraft, proposal: dict[str, Any], now: datetime, expected: datetime | None
) -> None:
    """What the tester makes of the draft, held to the same rules as the model's reply.

    `proposal` is a whole one; `expected` is the `updated_at` it was made from, None writes over
    whatever is there. Raises Invalid, Stale, AlreadyMade, NotNow.
    """
    current = MissionDraft.objects.select_related("user").get(pk=draft.pk)
    _require_drafted(current)
    told = _checked(current, proposal, now).model_dump(mode="json")
    of_then = MissionDraft.objects.unconfirmed().filter(pk=draft.pk, outcome=Outcome.DRAFTED)
    if expected is not None:
        of_then = of_then.filter(updated_at=expected)
    is_written = of_then.update(proposal=told, failure="", updated_at=now)
    draft.refresh_from_db()
    if not is_written:
        _require_drafted(draft)
        raise Stale(draft)


def _require_drafted(draft: MissionDraft) -> None:
    refuse_made(draft)
    if draft.outcome in MissionDraft.OPEN:
        raise NotNow("Your mission is being drafted. Wait a moment, then go on.")
    if draft.outcome != Outcome.DRAFTED:
        raise NotNow("There is no draft of these answers yet. Ask for one first.")


def _checked(draft: MissionDraft, proposal: Mapping[str, Any], now: datetime) -> Proposal:
    try:
        answers = survey_of(draft, now)
        read = Proposal.model_validate_json(json.dumps(dict(proposal)))
    except SurveyIncomplete as error:
        told = {f"survey.{field}": words for field, words in error.problems.items()}
        raise Invalid(told) from error
    except ValidationError as error:
        raise Invalid(_by_path(error)) from error
    # A tester takes their time: what was right on the day the draft was begun still is.
    begun = drafting.local_date_of(draft, min(draft.created_at, now))
    problems: dict[str, str] = {}
    for problem in draft_rules.problems_in(read, answers, begun):
        problems.setdefault(problem.field, problem.words)
    if problems:
        raise Invalid(problems)
    return read


def _by_path(error: ValidationError) -> dict[str, str]:
    problems: dict[str, str] = {}
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        problems.setdefault(".".join(str(part) for part in one["loc"]), f"{one['msg']}.")
    return problems


@transaction.atomic
def confirm(draft: MissionDraft, now: datetime) -> Mission:
    """Make the mission of a draft, in preparation, with its stages; of two at once one makes it.

    Raises AlreadyMade, NotNow or Invalid.
    """
    held = MissionDraft.objects.select_related("user").select_for_update(of=("self",))
    current = held.get(pk=draft.pk)
    _require_drafted(current)
    proposal = _checked(current, current.proposal or {}, now)
    answers = survey_of(current, now)
    mission = draft_rules.mission_from(proposal, answers)
    # Under one number, so that the files of the draft lie with those of its mission.
    mission.pk, mission.owner = current.pk, current.user
    mission.full_clean()
    plan = [Day(one.date, one.stage_type, one.is_rest_day) for one in proposal.stages]
    editing.keep(mission, now, by=current.user, stages=plan)
    _note_ftp(current.user, answers, current.created_at, now)
    MissionDraft.objects.filter(pk=current.pk).update(mission=mission, updated_at=now)
    draft.refresh_from_db()
    return mission


def _note_ftp(user: User, answers: Survey, answered_at: datetime, now: datetime) -> None:
    """The FTP of the survey holds from today, unless it does already or a newer one was set."""
    local_date = user.local_date(now)
    known = policy.ftps_for_coach(user).valid_on(local_date)
    if answers.ftp_w is None or (known is not None and known.power_w == answers.ftp_w):
        return
    if known is not None and _is_newer(known, answers.ftp_w, user.local_date(answered_at)):
        return
    Ftp.objects.update_or_create(
        user=user,
        effective_date=local_date,
        defaults={"power_w": answers.ftp_w, "source": Ftp.Source.TESTER},
    )


def _is_newer(known: Ftp, answered_w: int, begun: date) -> bool:
    """Whether a tester set an FTP since the survey was begun, which may show the one before."""
    if known.source != Ftp.Source.TESTER:
        return False
    older = known.user.ftps.filter(effective_date__lt=known.effective_date)
    is_left = older.filter(power_w=answered_w).exists()
    return known.effective_date > begun or (known.effective_date == begun and is_left)


def discard(draft: MissionDraft, now: datetime) -> None:
    """Delete a draft, its files with the next purge; one that became a mission is AlreadyMade."""
    if not _erase(draft, MissionDraft.objects.unconfirmed(), now):
        draft.refresh_from_db()
        refuse_made(draft)


def purge(now: datetime) -> int:
    """Delete what nobody touched for 30 days and no mission was made of; how many there were."""
    purged = 0
    while forgotten := list(MissionDraft.objects.forgotten(now).select_related("user")[:BATCH]):
        purged += sum(
            _erase(draft, MissionDraft.objects.forgotten(now), now) for draft in forgotten
        )
    return purged


def _erase(draft: MissionDraft, drafts: MissionDraftQuerySet, now: datetime) -> bool:
    """Delete a draft that is still one of these, or see that it is gone."""
    with transaction.atomic():
        # The account, then the draft: in this order its texts are stored, too.
        artifacts.hold(draft.user_id)
        held = MissionDraft.objects.select_for_update().filter(pk=draft.pk)
        if held.exists() and not drafts.filter(pk=draft.pk).delete()[0]:
            return False
        artifacts.expire(draft.user, draft.pk, now)
    return True
