"""Readiness, 1 to 100: Oura's own score when fresh, else the transparent `lr_readiness_v1`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from coach.physiology.nights import (
    ENOUGH_SLEEP_H,
    MAX_AGE_H,
    NightFacts,
    NightReading,
    age_hours,
    facts_by_source,
)

Coverage = Literal["full", "no_hrv", "no_rhr"]
Reason = Literal["no_reading", "stale_reading", "no_sleep", "baseline_too_short", "no_hrv_no_rhr"]

CENTRE = 80
USUAL_SLEEP_H = 7
COVERAGES: tuple[Coverage, ...] = ("full", "no_hrv", "no_rhr")


@dataclass(frozen=True, kw_only=True)
class OuraScore:
    """Oura's own readiness, 1 to 100, with its contributors; `measured_at` is aware."""

    local_date: date
    score: int
    measured_at: datetime
    contributors: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """A score with its source and age, or None with the reason.

    `coverage` says what `lr_readiness_v1` had to do without. Its contributors are points above or
    below 80, None where nothing was measured; Oura's are Oura's.
    """

    score: int | None = None
    source: Literal["oura", "lr_readiness_v1"] | None = None
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
    nights: Iterable[NightReading], oura: OuraScore | None, *, local_date: date, now: datetime
) -> Readiness:
    """Oura's score up to 36 h old, else `lr_readiness_v1`, else None with the reason."""
    if oura is None or oura.local_date > local_date or oura.measured_at > now:
        return lr_readiness_v1(nights, local_date=local_date, now=now)
    age_h = age_hours(oura.measured_at, now)
    if age_h > MAX_AGE_H:
        return lr_readiness_v1(nights, local_date=local_date, now=now)
    return Readiness(
        score=oura.score,
        source="oura",
        age_h=age_h,
        coverage="full",
        contributors=oura.contributors,
    )


def lr_readiness_v1(
    nights: Iterable[NightReading], *, local_date: date, now: datetime
) -> Readiness:
    """The house score, fitted to Oura's on one athlete in 2021-23 and never called Oura's.

    None when sleep, or both HRV and resting heart rate, are missing or without a baseline, and
    when the latest night is over 36 h old.
    """
    facts = night_facts(nights, local_date=local_date, now=now)
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
    nights: Iterable[NightReading], *, local_date: date, now: datetime
) -> NightFacts | None:
    """The one source the morning goes by: the best covered, then the freshest."""
    facts = facts_by_source(nights, local_date=local_date, now=now)
    return min(facts, key=_preference, default=None)


def _preference(facts: NightFacts) -> tuple[int, float]:
    coverage = coverage_of(facts)
    rank = len(COVERAGES) if coverage is None else COVERAGES.index(coverage)
    return rank, facts.age_h


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
