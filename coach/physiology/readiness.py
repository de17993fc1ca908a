"""Readiness, 1 to 100: a source's own score when fresh, else the transparent `lr_readiness_v1`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from coach.physiology.nights import (
    ENOUGH_SLEEP_H,
    MAX_AGE_H,
    Morning,
    NightFacts,
    NightReading,
    age_hours,
    facts_by_source,
    joined,
)

Coverage = Literal["full", "no_hrv", "no_rhr"]
Reason = Literal["no_reading", "stale_reading", "no_sleep", "baseline_too_short", "no_hrv_no_rhr"]

CENTRE = 80
USUAL_SLEEP_H = 7
NO_ORDERS: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True, kw_only=True)
class SourceScore:
    """A source's own readiness, 1 to 100, with its contributors; `measured_at` is aware."""

    local_date: date
    score: int
    measured_at: datetime
    source: str
    contributors: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """A score with its source and age, or None with the reason.

    `source` is one with a score of its own, or `lr_readiness_v1`, and `coverage` what that had to
    do without. Its contributors are points above or below 80, None where nothing was measured; a
    source's are its own.
    """

    score: int | None = None
    source: str | None = None
    age_h: float | None = None
    coverage: Coverage | None = None
    contributors: Mapping[str, float | None] = field(default_factory=dict)
    reason: Reason | None = None

    @property
    def source_label(self) -> str | None:
        """The source as it is shown: `lr_readiness_v1:no_hrv` when it lacks HRV."""
        if self.coverage in {None, "full"}:
            return self.source
        return f"{self.source}:{self.coverage}"


def readiness_today(
    nights: Iterable[NightReading],
    scores: Iterable[SourceScore],
    *,
    local_date: date,
    now: datetime,
    orders: Mapping[str, Sequence[str]] = NO_ORDERS,
    chosen: Sequence[str] = (),
) -> Readiness:
    """A source's own score up to 36 h old, else `lr_readiness_v1`, else None with the reason.

    `orders` names the sources by metric, as they count. Where the tester has `chosen` an order for
    readiness, each source has its turn: with its own score, else with the score of its nights.
    """
    nights = list(nights)
    own = {
        one.source: _own(one, now)
        for one in scores
        if _is_told(one, local_date=local_date, now=now)
    }
    for source in chosen:
        if source in own:
            return own[source]
        of_source = [night for night in nights if night.source == source]
        of_nights = lr_readiness_v1(of_source, local_date=local_date, now=now)
        if of_nights.score is not None:
            return of_nights
    for source in (*orders.get("readiness", ()), *own):
        if source in own:
            return own[source]
    return lr_readiness_v1(nights, local_date=local_date, now=now, orders=orders)


def _is_told(one: SourceScore, *, local_date: date, now: datetime) -> bool:
    is_known = one.local_date <= local_date and one.measured_at <= now
    return is_known and age_hours(one.measured_at, now) <= MAX_AGE_H


def _own(one: SourceScore, now: datetime) -> Readiness:
    return Readiness(
        score=one.score,
        source=one.source,
        age_h=age_hours(one.measured_at, now),
        coverage="full",
        contributors=one.contributors,
    )


def lr_readiness_v1(
    nights: Iterable[NightReading],
    *,
    local_date: date,
    now: datetime,
    orders: Mapping[str, Sequence[str]] = NO_ORDERS,
) -> Readiness:
    """The house score, fitted to Oura's on one athlete in 2021-23 and never called Oura's.

    None when sleep, or both HRV and resting heart rate, are missing or without a baseline, and
    when the latest night is over 36 h old.
    """
    facts = night_facts(nights, local_date=local_date, now=now, orders=orders)
    if facts is None:
        return Readiness(reason="no_reading")
    coverage = coverage_of(facts)
    if coverage is None:
        return Readiness(age_h=facts.age_h, reason=_reason(facts))
    contributors = _contributors(facts, coverage)
    points = sum(part for part in contributors.values() if part is not None)
    return Readiness(
        score=round(_clip(CENTRE + points, 1, 100)),
        source="lr_readiness_v1",
        age_h=facts.age_h,
        coverage=coverage,
        contributors=contributors,
    )


def night_facts(
    nights: Iterable[NightReading],
    *,
    local_date: date,
    now: datetime,
    orders: Mapping[str, Sequence[str]] = NO_ORDERS,
) -> Morning | None:
    """What the morning goes by: HRV, resting heart rate and sleep each of one source."""
    return joined(facts_by_source(nights, local_date=local_date, now=now), orders)


def coverage_of(facts: NightFacts) -> Coverage | None:
    """What a score from these facts would rest on; None when they do not carry one."""
    if not facts.is_fresh or facts.sleep_h is None:
        return None
    has_hrv = facts.hrv_z is not None and facts.hrv_7d_z is not None
    has_rhr = facts.rhr_z is not None
    if has_hrv:
        return "full" if has_rhr else "no_rhr"
    return "no_hrv" if has_rhr else None


def _reason(facts: NightFacts) -> Reason:
    if not facts.is_fresh:
        return "stale_reading"
    if facts.sleep_h is None:
        return "no_sleep"
    if facts.hrv_ms is None and facts.rhr_bpm is None:
        return "no_hrv_no_rhr"
    return "baseline_too_short"


def _contributors(facts: NightFacts, coverage: Coverage) -> dict[str, float | None]:
    """Points above or below 80; what is missing is None and adds none."""
    has_hrv = coverage != "no_hrv"
    return {
        "hrv_7d": _points(4, facts.hrv_7d_z if has_hrv else None),
        "hrv": _points(1, facts.hrv_z if has_hrv else None),
        "resting_hr": _points(-4, facts.rhr_z),
        "sleep": _points(6, _over_usual_sleep(facts.sleep_h), most=4),
        "sleep_7d": _points(1, _over_usual_sleep(facts.capped_sleep_7d_h)),
    }


def _points(weight: float, value: float | None, *, most: float = 3) -> float | None:
    return None if value is None else weight * _clip(value, -most, most)


def _over_usual_sleep(hours: float | None) -> float | None:
    return None if hours is None else min(hours, ENOUGH_SLEEP_H) - USUAL_SLEEP_H


def _clip(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
