"""The answers of a survey that is still being filled in: which are right, and keeping them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Ftp, User
from coach.builder import mission_builder, survey
from coach.models import MissionDraft
from connections import policy
from missions import availability
from missions.models import Mission

Answers = dict[str, Any]
# Drafts that are no mission yet, of one tester.
MOST_OPEN = 20
TOO_MANY = f"You have {MOST_OPEN} drafts. Discard one, then begin another."


@dataclass(frozen=True, slots=True)
class Change:
    """What one page says anew: answers by name, and the names of those taken back."""

    given: Answers
    withdrawn: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.withdrawn | self.given.keys()

    def applied_to(self, answers: Answers, *, but: Iterable[str] = ()) -> Answers:
        """`but`: names that stay as they were."""
        untouched = {name: answers[name] for name in but if name in answers}
        kept = {name: one for name, one in answers.items() if name not in self.withdrawn}
        given = {name: one for name, one in self.given.items() if name not in set(but)}
        return kept | given | untouched


def known_of(user: User, local_date: date) -> Answers:
    """What a survey begins with: what the account says already, and what most leave as it is."""
    ftp = policy.ftps_for_coach(user).filter(source=Ftp.Source.TESTER).valid_on(local_date)
    return {
        "timezone": user.timezone,
        "send_time": f"{user.send_time:%H:%M}",
        "brief_detail": "full",
        "is_brief_mailed": True,
        "restrictions": "",
        "blackout_dates": [],
        **({"ftp_w": ftp.power_w} if ftp else {}),
    }


def problems_so_far(answers: Mapping[str, Any], *, local_date: date) -> dict[str, str]:
    """What is wrong with the answers there are, by field; one that is missing is not wrong yet."""
    problems: dict[str, str] = {}
    while True:
        right = {name: one for name, one in answers.items() if name not in problems}
        found = survey.read(_completed(right, local_date), local_date=local_date)
        if isinstance(found, survey.Survey) or not found.keys() & right.keys():
            return problems
        problems |= {name: words for name, words in found.items() if name in right}


def _completed(answers: Answers, local_date: date) -> Answers:
    """The answers as a whole survey: what is missing is filled in so that it quarrels with none."""
    return {
        "event_name": "event",
        "event_start": min(str(answers.get("event_end", local_date)), str(local_date)),
        "event_end": answers.get("event_start", local_date),
        "mission_type": "other",
        "weekly_hours_min": 0,
        "weekly_hours_max": survey.LONGEST_WEEK_H,
        "ftp_w": None,
        "weekday_minutes": [availability.SHORTEST_DAY] * len(availability.WEEKDAYS),
        "event_style": "steady",
        "timezone": "UTC",
        "send_time": "06:00",
    } | answers


def begin(user: User, pk: UUID, now: datetime) -> tuple[MissionDraft, bool]:
    """The tester's draft of that number, and whether it is new; a page sent twice makes one.

    Raises MissionDraft.DoesNotExist when the number is somebody else's or a mission's, and
    mission_builder.NotNow when a new one would be too many.
    """
    if not MissionDraft.objects.filter(pk=pk).exists():
        require_room(user, pk)
    draft, is_new = MissionDraft.objects.get_or_create(
        pk=pk,
        defaults={
            "user": user,
            "survey": known_of(user, user.local_date(now)),
            "created_at": now,
            "updated_at": now,
        },
    )
    if draft.user_id != user.pk:
        raise MissionDraft.DoesNotExist
    return draft, is_new


def require_room(user: User, pk: UUID) -> None:
    """Raises what `begin` does of a number that a new draft cannot have, or of one too many."""
    # A draft and the mission made of it have one number, and their files lie together.
    if Mission.objects.filter(pk=pk).exists():
        raise MissionDraft.DoesNotExist
    if MissionDraft.objects.owned_by(user).unconfirmed().count() >= MOST_OPEN:
        raise mission_builder.NotNow(TOO_MANY)


@transaction.atomic
def keep(draft: MissionDraft, change: Change, now: datetime) -> dict[str, str]:
    """Write what is right of a change over what is stored now; returns what is wrong, by field.

    Only what the page changed is written: another window's answers stay. Raises
    mission_builder.NotNow, and MissionDraft.DoesNotExist when it was discarded meanwhile.
    """
    current = MissionDraft.objects.select_for_update(no_key=True).get(pk=draft.pk)
    was = event_name(current.survey)
    changed = change.applied_to(current.survey)
    local_date = survey.local_date_of(changed, draft.user.zone, now)
    problems = problems_so_far(changed, local_date=local_date)
    mission_builder.keep_answers(current, change.applied_to(current.survey, but=problems), now)
    if event_name(current.survey) not in ("", was):
        _rename(current, was)
    draft.survey, draft.outcome = current.survey, current.outcome
    draft.proposal = current.proposal
    return problems


def event_name(answers: Mapping[str, Any]) -> str:
    return " ".join(str(answers.get("event_name") or "").split())


def _rename(draft: MissionDraft, was: str) -> None:
    """A draft is called what its event is called now, unless its tester named it otherwise."""
    proposal, of_the_model = draft.proposal, draft.drafted or {}
    if proposal and proposal["name"] in (of_the_model.get("name"), was):
        draft.proposal = proposal | {"name": event_name(draft.survey)}
        MissionDraft.objects.filter(pk=draft.pk).update(proposal=draft.proposal)
