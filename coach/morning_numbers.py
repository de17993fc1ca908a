"""How the tester stands this morning: what is known, from where, how old, beside its own limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from coach import brief, derived
from coach.figures import shown
from coach.situation import Situation

TOO_OLD = f"more than {derived.FRESH_H} hours old, so it does not count"


@dataclass(frozen=True, slots=True)
class Reading:
    """`beside`: source, age, and what it is to be compared with; or why it is not known."""

    label: str
    value: str
    beside: str = ""

    def __str__(self) -> str:
        return f"{self.label} {self.value}" + (f" ({self.beside})" if self.beside else "")


def of(situation: Situation, passed: timedelta) -> list[Reading]:
    """Those that a morning is judged by; “unknown” where nobody told."""
    return list(_readings(situation, passed))


def _readings(situation: Situation, passed: timedelta) -> Iterator[Reading]:
    metrics, limits = situation.metrics, situation.mission.constraints

    def reading(path: str, compared: str, *, of_all: str = "", why: str = "") -> Reading:
        chip = brief.chip(situation, path, getattr(metrics, path.split(".")[1]), passed)
        is_known = chip.value != brief.UNKNOWN
        told = [", ".join(part for part in (chip.source, chip.age) if part), compared]
        if not is_known:
            told = [why, compared if of_all else ""]
        elif derived.fresh(situation, path) is None:
            told.append(TOO_OLD)
        value = chip.value + (of_all if is_known else "")
        return Reading(chip.label, value, "; ".join(part for part in told if part))

    reason = brief.READINESS_REASONS.get(metrics.readiness_reason or "", "")
    least = f"your minimum is {limits.min_readiness}"
    yield reading("metrics.readiness", least, of_all=" of 100", why=reason)
    yield reading("metrics.tsb", f"your minimum is {shown(limits.min_tsb)}")
    yield reading("metrics.sleep_h", _usual("7-day average", metrics.sleep_7d_h, "h"))
    yield reading("metrics.hrv", _usual("your usual is", metrics.hrv_baseline, "ms"))
    yield reading("metrics.rhr", _usual("your usual is", metrics.rhr_baseline, "bpm"))


def _usual(words: str, value: float | None, unit: str) -> str:
    return "" if value is None else f"{words} {shown(value)} {unit}"
