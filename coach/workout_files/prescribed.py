"""A workout as every format takes it: its steps, and the thresholds of the morning it is of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from coach.replies import Repeat, Step, WorkoutPlan
from coach.workouts import ends, target_words

# All that XML 1.0 forbids, lone surrogates among them; no other format has a use for it either.
NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NoWorkout(Exception):
    """There is nothing to ride in a run; the words say why."""


class NotInThisFormat(Exception):
    """A format cannot hold the workout; the words say why, and which one can."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which workout a file holds."""

    file_name: str
    serial_number: int
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class Prescribed:
    plan: WorkoutPlan
    ftp_w: int | None
    lthr_bpm: int | None

    def steps(self) -> Iterator[Step]:
        """Each step once, however often it is ridden."""
        for item in self.plan.steps:
            yield from item.steps if isinstance(item, Repeat) else [item]

    def power_pct(self, step: Step) -> tuple[float, float] | None:
        """Start and end in percent of FTP; None where no power is asked for."""
        target = step.target
        if self.ftp_w is None or step.kind == "free" or target is None:
            return None
        return ends(step, target.low, target.high) if target.unit == "pct_ftp" else None


def told(step: Step, *, has_target: bool) -> str:
    """What the rider reads: the cue, and before it the target if the format cannot hold that."""
    target = "" if has_target else target_words(step)
    return ". ".join(part for part in (target, plain(step.cue)) if part)


def plain(text: str) -> str:
    """A text on one line, without characters that are none."""
    return " ".join(NO_TEXT.sub(" ", text).split())
