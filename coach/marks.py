"""What stands for a part of a page as it is shown: while it is the same, there is nothing new."""

from datetime import date, datetime
from hashlib import blake2s

from coach import waiting
from coach.models import CheckIn, Feedback, MissionRun


def of(*facts: object) -> str:
    """A short word for these facts; it tells nothing of them."""
    return blake2s(repr(facts).encode(), digest_size=8).hexdigest()


def of_run(run: MissionRun | None, now: datetime) -> str:
    """Of the brief, or of how far it has got; a run that was asked again is another one."""
    if run is None:
        return of()
    waits = waiting.of(run, now)
    return of(
        run.pk,
        run.asked,
        run.outcome,
        run.situation is not None,
        run.finished_at,
        waits and (waits.what, waits.until),
    )


def of_feedback(feedback: Feedback | None) -> str:
    return of(feedback and feedback.said_at)


def of_check_in(check_in: CheckIn | None, local_date: date) -> str:
    return of(local_date, check_in and check_in.said_at)
