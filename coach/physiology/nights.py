"""Last night against the nights before it, one source and one kind of HRV at a time."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from statistics import fmean, stdev
from typing import Any, Literal

from connections.usual import (
    LEAST_VALUES,
    MOST_HR_BPM,
    MOST_HRV_MS,
    MOST_SLEEP_H,
    USUAL_DAYS,
    first_that_counts,
    place,
)

HrvKind = Literal["rmssd", "sdnn"]

MAX_AGE_H = 36
MIN_HRV_NIGHTS = 3
ENOUGH_SLEEP_H = 8


@dataclass(frozen=True, kw_only=True)
class NightReading:
    """One night of one source, under the local date of waking; `measured_at` is aware."""

    local_date: date
    source: str
    measured_at: datetime
    hrv_ms: float | None = None
    hrv_kind: HrvKind | None = None
    resting_hr_bpm: float | None = None
    sleep_h: float | None = None


@dataclass(frozen=True, kw_only=True)
class NightFacts:
    """What one source says this morning; tonight's values are None when over 36 h old.

    HRV in ms (the baseline a geometric mean), z in SDs of ln HRV, heart rate in bpm, sleep in h.
    The baselines are the 60 days before the night and need 14 values; a 7-day HRV needs 3.
    """

    source: str
    age_h: float
    hrv_kind: HrvKind | None
    hrv_ms: float | None
    hrv_baseline_ms: float | None
    hrv_z: float | None
    hrv_7d_z: float | None
    rhr_bpm: float | None
    rhr_baseline_bpm: float | None
    rhr_z: float | None
    sleep_h: float | None
    sleep_7d_h: float | None
    capped_sleep_7d_h: float | None
    has_usual_sleep: bool

    @property
    def is_fresh(self) -> bool:
        return self.age_h <= MAX_AGE_H


@dataclass(frozen=True, kw_only=True)
class Morning(NightFacts):
    """The facts of several sources, each quantity with its baseline from one of them alone.

    `source` joins those that say something of tonight; `age_h` is that of the oldest.
    """

    hrv_source: str
    hrv_age_h: float
    rhr_source: str
    rhr_age_h: float
    sleep_source: str
    sleep_age_h: float


@dataclass(frozen=True)
class _Window:
    """One quantity by local date, looked at from the night `on`."""

    values: Mapping[date, float]
    on: date
    is_fresh: bool

    @property
    def tonight(self) -> float | None:
        return self.values.get(self.on) if self.is_fresh else None

    def last(self, count: int) -> list[float]:
        """The nights up to and with this one."""
        return self._between(0, count - 1)

    @property
    def baseline(self) -> float | None:
        return fmean(self._before) if len(self._before) >= LEAST_VALUES else None

    def z(self, value: float | None, *, least_sd: float = 0.0) -> float | None:
        """SDs above the baseline; None without one, or when its SD is 0."""
        if value is None or self.baseline is None:
            return None
        sd = max(stdev(self._before), least_sd)
        return (value - self.baseline) / sd if sd else None

    @property
    def _before(self) -> list[float]:
        return self._between(1, USUAL_DAYS)

    def _between(self, newest: int, oldest: int) -> list[float]:
        days_ago = (timedelta(days=n) for n in range(newest, oldest + 1))
        return [self.values[self.on - ago] for ago in days_ago if self.on - ago in self.values]


def age_hours(measured_at: datetime, now: datetime) -> float:
    """Hours between two aware datetimes."""
    return (now - measured_at) / timedelta(hours=1)


def facts_by_source(
    nights: Iterable[NightReading], *, local_date: date, now: datetime
) -> list[NightFacts]:
    """The facts of each source apart, from what was measured by `now`; a new source starts anew."""
    known = [n for n in nights if n.local_date <= local_date and n.measured_at <= now]
    known.sort(key=lambda night: (night.local_date, night.measured_at))
    return [
        _facts([night for night in known if night.source == source], local_date, now)
        for source in sorted({night.source for night in known})
    ]


def joined(facts: Sequence[NightFacts], orders: Mapping[str, Sequence[str]]) -> Morning | None:
    """Of each quantity the first source of its order with a value of tonight and a baseline.

    Without such a one the first with a value counts; a source that no order names comes after
    those that are named, the freshest first.
    """
    if not facts:
        return None

    def picked(metric: str, value: str, has_baseline: Callable[[NightFacts], bool]) -> NightFacts:
        order = orders.get(metric, ())
        ranked = sorted(facts, key=lambda one: (place(one.source, order), one.age_h))
        return first_that_counts(ranked, lambda one: getattr(one, value) is not None, has_baseline)

    hrv = picked("hrv", "hrv_ms", lambda one: one.hrv_baseline_ms is not None)
    rhr = picked("resting_hr", "rhr_bpm", lambda one: one.rhr_baseline_bpm is not None)
    sleep = picked("sleep", "sleep_h", lambda one: one.has_usual_sleep)
    tonight = ((hrv, hrv.hrv_ms), (rhr, rhr.rhr_bpm), (sleep, sleep.sleep_h))
    used = [one for one, value in tonight if value is not None]
    shown = used or [min(facts, key=lambda one: one.age_h)]
    return Morning(
        source="+".join(dict.fromkeys(one.source for one in shown)),
        age_h=max(one.age_h for one in shown),
        **_named(hrv, "hrv_"),
        **_named(rhr, "rhr_"),
        **_named(sleep, "sleep_", "capped_sleep_", "has_usual_sleep"),
    )


def _named(facts: NightFacts, prefix: str, *others: str) -> dict[str, Any]:
    """What the facts say of one quantity, with its source and age."""
    names = (one.name for one in fields(NightFacts) if one.name.startswith((prefix, *others)))
    told = {name: getattr(facts, name) for name in names}
    return told | {f"{prefix}source": facts.source, f"{prefix}age_h": facts.age_h}


def _facts(nights: Sequence[NightReading], local_date: date, now: datetime) -> NightFacts:
    age_h = age_hours(nights[-1].measured_at, now)
    kind = next((n.hrv_kind for n in reversed(nights) if n.hrv_ms is not None), None)

    def window(quantity: Callable[[NightReading], float | None]) -> _Window:
        is_fresh = age_h <= MAX_AGE_H
        on = nights[-1].local_date if is_fresh else local_date
        found = ((night.local_date, quantity(night)) for night in nights)
        return _Window({day: value for day, value in found if value is not None}, on, is_fresh)

    ln_hrv = window(lambda night: _ln_hrv(night) if night.hrv_kind == kind else None)
    rhr = window(lambda night: _within(night.resting_hr_bpm, MOST_HR_BPM) or None)
    sleep = window(lambda night: _within(night.sleep_h, MOST_SLEEP_H))
    hrv_week = ln_hrv.last(7)
    return NightFacts(
        source=nights[-1].source,
        age_h=age_h,
        hrv_kind=kind,
        hrv_ms=_exp(ln_hrv.tonight),
        hrv_baseline_ms=_exp(ln_hrv.baseline),
        hrv_z=ln_hrv.z(ln_hrv.tonight),
        hrv_7d_z=ln_hrv.z(_mean(hrv_week) if len(hrv_week) >= MIN_HRV_NIGHTS else None),
        rhr_bpm=rhr.tonight,
        rhr_baseline_bpm=rhr.baseline,
        rhr_z=rhr.z(rhr.tonight, least_sd=1.0),
        sleep_h=sleep.tonight,
        sleep_7d_h=_mean(sleep.last(7)),
        capped_sleep_7d_h=_mean([min(hours, ENOUGH_SLEEP_H) for hours in sleep.last(7)]),
        has_usual_sleep=sleep.baseline is not None,
    )


def _within(value: float | None, most: float) -> float | None:
    return value if value is not None and 0 <= value <= most else None


def _ln_hrv(night: NightReading) -> float | None:
    hrv_ms = _within(night.hrv_ms, MOST_HRV_MS)
    return math.log(hrv_ms) if hrv_ms else None


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _exp(logarithm: float | None) -> float | None:
    return None if logarithm is None else math.exp(logarithm)
