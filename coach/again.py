"""Asking again for a day: the one way in which the run of a local date is opened once more."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction

from accounts import artifacts, privacy
from coach import lateness, queue, record
from coach.daily_run import NoConsent, NotLive
from coach.models import Feedback, MissionRun

# A day has one brief; more than this is a conversation, and each asking is paid for.
MOST_ASKINGS = 4
TIMES = ("finished_at", "reopened_at")


class Why(StrEnum):
    """What made somebody ask again."""

    CHECK_IN = "check_in"
    OPERATOR = "operator"
    MISSED = "missed"


class NotAgain(Exception):
    """Today's brief stays as it is; the message says why, for the tester."""

    words: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.words)


class AskedOften(NotAgain):
    words = (
        f"The coach was asked {MOST_ASKINGS} times for today, which is the most for one day, so "
        "the brief stays as it is. Trust how you feel over the brief."
    )


class AlreadyRidden(NotAgain):
    words = "You have said already how today’s workout went, so the brief stays as it is."


class NotNow(Exception):
    """The storage is away: what was said and decided before could not be kept."""

    def __init__(self) -> None:
        super().__init__("Nothing was changed: our storage is away. Try again in a few minutes.")


@transaction.atomic
def ask_again(run: MissionRun, now: datetime, why: Why) -> MissionRun:
    """The run as it stands then: open once more, with a worker told.

    Whoever works on it meanwhile has lost it; one that nobody has begun begins now. Raises
    NotLive, NoConsent, NotAgain, NotNow, and MissionRun.DoesNotExist when it is gone.
    """
    # The account first, then the row: in this order a deletion locks them too.
    if not privacy.is_allowed_for_now(run.owner.pk):
        raise NoConsent(privacy.NOT_ALLOWED)
    held = _hold(run.pk)
    if not held.mission.is_live:
        raise NotLive("The coach only works on a mission in training or in its event.")
    if held.outcome != MissionRun.Outcome.DUE or held.situation is not None:
        _refuse(held)
        _reopen(held, now, why)
    elif held.start_at > now:
        _begin(held, now)
    queue.hand_over(held, now)
    return held


@transaction.atomic
def make_up_for(run: MissionRun, now: datetime) -> None:
    """A missed run that its tester wants after all.

    It is its first asking still, with nothing said before; only one that broke off with a question
    put counts as asked for again. Of two who press at once one finds it open. Raises NotNow.
    """
    artifacts.hold(run.owner.pk)  # before the row, as above
    held = _hold(run.pk)
    if held.outcome == MissionRun.Outcome.MISSED:
        was_asked, before = held.calls.exists(), (held.asked, held.superseded)
        _reopen(held, now, Why.MISSED)
        if not was_asked:
            held.asked, held.superseded = before
            held.save(update_fields=["asked", "superseded"])
        queue.hand_over(held, now)
    run.refresh_from_db()


def _hold(pk: UUID) -> MissionRun:
    runs = MissionRun.objects.select_for_update(of=("self",)).select_related("mission__owner")
    return runs.get(pk=pk)


def _refuse(run: MissionRun) -> None:
    if run.asked >= MOST_ASKINGS:
        raise AskedOften
    if Feedback.objects.filter(run=run).exists():
        raise AlreadyRidden


def _reopen(run: MissionRun, now: datetime, why: Why) -> None:
    has_texts = run.outcome != MissionRun.Outcome.MISSED or run.calls.exists()
    if run.is_finished and run.artifacts_at is None and has_texts:
        _keep_file(run)
    emptied: dict[str, Any] = {
        "outcome": MissionRun.Outcome.DUE,
        "asked": run.asked + 1,
        "superseded": [*run.superseded, *_line(run, now, why)],
        # Moved on, so that nothing of whoever was at it is written any more.
        "fence": run.fence + 1,
        **dict.fromkeys(("lease_until", "finished_at", "artifacts_at", "file_due_at"), None),
        **dict.fromkeys(("attempts", "published", "setbacks", "file_attempts"), 0),
        **dict.fromkeys(("due_at", "start_at", "publish_at"), now),
        # Somebody waits for it: it waits for nothing, and is not sent at night either.
        "wait_until": None,
        "give_up_at": now + lateness.LATEST,
        **dict.fromkeys(("situation", "decision", "done"), None),
        "flagged": [],
        "summary": "",
    }
    for name, value in emptied.items():
        setattr(run, name, value)
    run.save(update_fields=list(emptied))


def _begin(run: MissionRun, now: datetime) -> None:
    """One that waits for the night waits no longer."""
    run.start_at, run.wait_until = now, None
    run.save(update_fields=["start_at", "wait_until"])


def _keep_file(run: MissionRun) -> None:
    """What was asked and decided before gets its file now: the row is about to forget it."""
    try:
        record.keep_artifacts(run.pk)
    except artifacts.STORAGE_ERRORS as error:
        raise NotNow from error


def _line(run: MissionRun, now: datetime, why: Why) -> list[dict[str, Any]]:
    """What stays of an earlier asking; of one that broke off there is nothing to tell."""
    if run.finished_at is None:
        return []
    return [
        {
            "asked": run.asked,
            "summary": run.summary,
            "finished_at": run.finished_at.isoformat(),
            "reopened_at": now.isoformat(),
            "why": why.value,
        }
    ]


def earlier(run: MissionRun) -> list[dict[str, Any]]:
    """The earlier askings of its day, their times as such again."""
    return [
        {**one, **{name: datetime.fromisoformat(one[name]) for name in TIMES if name in one}}
        for one in run.superseded
    ]
