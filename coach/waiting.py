"""What a run waits for that is not to begin yet, and until when: for the pages and the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from coach.models import MissionRun


@dataclass(frozen=True, slots=True)
class Waiting:
    """`until`: for the night the latest time; for a retry, when that is."""

    what: Literal["night", "retry"]
    until: datetime

    @property
    def look_again_s(self) -> int:
        """After how many seconds a page asks again: a retry may be soon, a night not."""
        return 60 if self.what == "night" else 10


def is_for_the_night(run: MissionRun, now: datetime) -> bool:
    waits = of(run, now)
    return waits is not None and waits.what == "night"


def of(run: MissionRun, now: datetime) -> Waiting | None:
    """None for a run that is finished, that a worker has, or that one may take."""
    if run.outcome != MissionRun.Outcome.DUE or run.start_at <= now:
        return None
    until = run.wait_until
    # One that broke off before its situation was drawn up is tried again, whatever the night does.
    if until is not None and run.attempts == 0 and run.situation is None:
        return Waiting("night", until)
    return Waiting("retry", run.start_at)
