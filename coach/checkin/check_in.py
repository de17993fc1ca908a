"""Keeping what a tester says of this morning, and asking the coach again where it matters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from accounts import privacy
from accounts.models import User
from coach import again, budget, derived, waiting
from coach.daily_run import NotLive
from coach.models import CheckIn, MissionRun
from missions import lifecycle
from missions.models import Mission

# The answers there are, and how each looks while it was not given.
NOTHING_SAID: dict[str, Any] = {
    "feel": None,
    "soreness": None,
    "illness": "",
    "injury_place": "",
    "injury_pain": None,
    "red_flags": [],
    "minutes_today": None,
    "note": "",
}


class Outcome(StrEnum):
    """What came of saying something."""

    ASKED = "asked"
    WAITS = "waits"
    UNCHANGED = "unchanged"
    STAYS = "stays"
    NOT_LIVE = "not_live"


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it, in words for the tester, and the run that is asked for anew."""

    outcome: Outcome
    words: str
    run: MissionRun | None = None


WAITS = Told(Outcome.WAITS, "It is kept for this morning’s brief.")
UNCHANGED = Told(Outcome.UNCHANGED, "You have said that already, so nothing was asked again.")
DO_NOT_RIDE = (
    "But with what you said now, do not ride today, whatever the brief says: it was made before."
)
NOT_LIVE = Told(Outcome.NOT_LIVE, "It is kept. No mission of yours is live, so no brief is made.")


def answers_of(check_in: CheckIn | None) -> dict[str, Any]:
    """What was said, by name; what was not said as it looks in `NOTHING_SAID`."""
    return {name: getattr(check_in, name, empty) for name, empty in NOTHING_SAID.items()}


def live_mission(user: User, now: datetime) -> Mission | None:
    """The mission that is coached today, once the calendar had its say."""
    lifecycle.keep_time_of(user, now)
    return Mission.objects.owned_by(user).live().select_related("owner").first()


def day_of(user: User, mission: Mission | None, now: datetime) -> date:
    """The local date a tester speaks of: the mission's, for it is its morning."""
    return mission.local_date(now) if mission else now.astimezone(user.zone).date()


@transaction.atomic
def keep(
    user: User, local_date: date, answers: Mapping[str, Any], source: CheckIn.Source, now: datetime
) -> bool:
    """Keep the answers that are given, and what was said before; False when all was said already.

    With the last of them taken back the check-in is gone. Raises NotAllowed, ValidationError.
    """
    privacy.require_consent_for_now(user.pk)
    check_in = CheckIn.objects.filter(user=user).on(local_date)
    before = answers_of(check_in)
    after = {**before, **answers}
    if after == before:
        return False
    if after == NOTHING_SAID:
        CheckIn.objects.filter(user=user, local_date=local_date).delete()
        return True
    row = check_in or CheckIn(user=user, local_date=local_date)
    for name, value in after.items():
        setattr(row, name, value)
    row.source, row.said_at = source, now
    row.clean_fields(exclude={"user"})
    row.clean()
    row.save()
    return True


def say(
    user: User,
    mission: Mission | None,
    answers: Mapping[str, Any],
    source: CheckIn.Source,
    now: datetime,
) -> Told:
    """Keep the answers for today, and have the coach think again where it did so without them.

    Raises NotAllowed, ValidationError; NotNow, and then nothing is kept.
    """
    local_date = day_of(user, mission, now)
    with transaction.atomic():
        if not keep(user, local_date, answers, source, now):
            return UNCHANGED
        if mission is None or not mission.is_live:
            return NOT_LIVE
        told = _ask_again(mission, local_date, now)
    if told is WAITS:
        # A morning that opened meanwhile may have drawn up its situation without them.
        told = _ask_again(mission, local_date, now)
    return _warned(user, local_date, told)


def _warned(user: User, local_date: date, told: Told) -> Told:
    """A brief that stays knows nothing of an illness or a warning sign said after it."""
    if told.outcome != Outcome.STAYS:
        return told
    said = answers_of(CheckIn.objects.filter(user=user).on(local_date))
    if not said["red_flags"] and said["illness"] not in derived.NO_RIDING:
        return told
    return replace(told, words=f"{told.words} {DO_NOT_RIDE}")


def _ask_again(mission: Mission, local_date: date, now: datetime) -> Told:
    run = mission.runs.filter(local_date=local_date).select_related("mission__owner").first()
    if run is None or waiting.is_for_the_night(run, now):
        return WAITS
    try:
        budget.require_by_hand(mission.owner, now)
        run = again.ask_again(run, now, again.Why.CHECK_IN)
    except again.NotAgain as reason:
        return Told(Outcome.STAYS, f"It is kept. {reason}")
    except budget.UsedUp as reason:
        return Told(Outcome.STAYS, f"It is kept. {reason}")
    except MissionRun.DoesNotExist:
        return WAITS  # withdrawn or deleted in between: the next run uses it
    except NotLive:
        return NOT_LIVE
    return Told(Outcome.ASKED, _on_its_way(run), run)


def _on_its_way(run: MissionRun) -> str:
    if not run.superseded:
        begun = "The coach uses it for the brief that is being made;"
    else:
        begun = "The coach is thinking again;"
    is_mailed = run.mission.is_brief_mailed and run.mission.owner.wants_briefs
    how = "comes by e-mail" if is_mailed else "will be on Home"
    return f"{begun} {'the new brief' if run.superseded else 'it'} {how}."
