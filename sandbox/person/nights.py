"""The nights: how the rider slept, and what a ring would make of it in the morning."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import exp, log

from sandbox.person.rider import RESTING_HR_BPM, RMSSD_MS, at_home, luck
from sandbox.person.rides import load_on

USUAL_LOAD = 50.0


@dataclass(frozen=True, slots=True)
class Night:
    """The night that ends on local_date; durations in seconds."""

    local_date: date
    bed_at: datetime
    wake_at: datetime
    latency_s: int
    awake_s: int
    deep_s: int
    rem_s: int
    light_s: int
    hrv_ms: int
    lowest_hr_bpm: int
    temperature_deviation_c: float
    breaths_per_min: float
    is_unscored: bool

    @property
    def asleep_s(self) -> int:
        return self.deep_s + self.rem_s + self.light_s

    @property
    def in_bed_s(self) -> int:
        return self.asleep_s + self.awake_s

    @property
    def efficiency_pct(self) -> int:
        return round(100 * self.asleep_s / self.in_bed_s)


@lru_cache(maxsize=4096)
def night_of(local_date: date) -> Night:
    dice = luck(local_date, "night")
    is_bad = dice.random() < 0.13
    is_feverish = is_bad and dice.random() < 0.25
    strain = strain_before(local_date)
    bed_at = at_home(local_date - timedelta(days=1), 22, 15) + timedelta(
        minutes=dice.randrange(110, 150) if is_bad else dice.randrange(-10, 35)
    )
    wake_at = at_home(local_date, 6, 5) + timedelta(minutes=dice.randrange(-20, 35))
    in_bed_s = int((wake_at - bed_at).total_seconds())
    awake_s = round(in_bed_s * (dice.uniform(0.13, 0.18) if is_bad else dice.uniform(0.04, 0.09)))
    deep_s = _half_minutes((in_bed_s - awake_s) * dice.uniform(0.15, 0.21))
    rem_s = _half_minutes((in_bed_s - awake_s) * dice.uniform(0.19, 0.25))
    return Night(
        local_date=local_date,
        bed_at=bed_at,
        wake_at=wake_at,
        latency_s=30 * dice.randrange(12, 40),
        awake_s=awake_s,
        deep_s=deep_s,
        rem_s=rem_s,
        light_s=in_bed_s - awake_s - deep_s - rem_s,
        hrv_ms=round(RMSSD_MS * exp(dice.gauss(0.02, 0.08) - 0.0025 * strain - 0.2 * is_bad)),
        lowest_hr_bpm=round(RESTING_HR_BPM + dice.gauss(-0.5, 1) + 0.05 * strain + 4 * is_bad),
        temperature_deviation_c=round(dice.gauss(0, 0.13) + 0.8 * is_feverish, 2),
        breaths_per_min=round(14.2 + dice.gauss(0, 0.3) + 0.8 * is_feverish, 1),
        is_unscored=dice.random() < 0.035,
    )


def strain_before(local_date: date) -> float:
    """How much more than usual the last three days cost; negative after rest."""
    loads = [load_on(local_date - timedelta(days=n)) for n in (1, 2, 3)]
    return 0.55 * loads[0] + 0.3 * loads[1] + 0.15 * loads[2] - USUAL_LOAD


def readiness_contributors(local_date: date) -> dict[str, int]:
    """The nine, each 1 to 100, named as the ring's service names them."""
    night = night_of(local_date)
    week = [night_of(local_date - timedelta(days=n)) for n in range(7)]
    hrv_7d = sum(log(one.hrv_ms) for one in week) / 7
    load_7d = sum(load_on(local_date - timedelta(days=n)) for n in range(1, 8))
    asleep_7d_h = sum(one.asleep_s for one in week) / 7 / 3600
    return {
        "activity_balance": _score(96 - abs(load_7d - 7 * USUAL_LOAD) * 0.08),
        "body_temperature": _score(98 - 55 * abs(night.temperature_deviation_c)),
        "hrv_balance": _score(84 + 110 * (hrv_7d - log(RMSSD_MS))),
        "previous_day_activity": _score(94 - 0.22 * load_on(local_date - timedelta(days=1))),
        "previous_night": sleep_score(local_date),
        "recovery_index": _score(88 - 0.25 * strain_before(local_date)),
        "resting_heart_rate": _score(94 - 8 * (night.lowest_hr_bpm - RESTING_HR_BPM)),
        "sleep_balance": _score(84 + 16 * (asleep_7d_h - 7.0)),
        "sleep_regularity": _score(91 - 0.3 * abs(_minutes_late(night))),
    }


WEIGHTS = {
    "activity_balance": 0.05,
    "body_temperature": 0.10,
    "hrv_balance": 0.14,
    "previous_day_activity": 0.06,
    "previous_night": 0.25,
    "recovery_index": 0.10,
    "resting_heart_rate": 0.20,
    "sleep_balance": 0.06,
    "sleep_regularity": 0.04,
}


def readiness_score(local_date: date) -> int:
    scores = readiness_contributors(local_date)
    mean = sum(weight * scores[name] for name, weight in WEIGHTS.items())
    # Averaging nine numbers flattens the bad mornings; the ring's own score spreads like this.
    return _score(1.35 * mean - 36)


def sleep_contributors(local_date: date) -> dict[str, int]:
    night = night_of(local_date)
    return {
        "deep_sleep": _score(night.deep_s / 60 * 1.05),
        "efficiency": _score(100 - 2.2 * (96 - night.efficiency_pct)),
        "latency": _score(100 - abs(night.latency_s / 60 - 12) * 1.5),
        "rem_sleep": _score(night.rem_s / 60 * 0.9),
        "restfulness": _score(92 - night.awake_s / 60 * 0.5),
        "timing": _score(95 - 0.35 * abs(_minutes_late(night))),
        "total_sleep": _score(100 - 17 * (8.0 - night.asleep_s / 3600)),
    }


def sleep_score(local_date: date) -> int:
    scores = sleep_contributors(local_date)
    others = [score for name, score in scores.items() if name != "total_sleep"]
    return _score(0.45 * scores["total_sleep"] + 0.55 * sum(others) / len(others))


def _minutes_late(night: Night) -> float:
    usual = at_home(night.local_date - timedelta(days=1), 22, 25)
    return (night.bed_at - usual).total_seconds() / 60


def _half_minutes(seconds: float) -> int:
    return round(seconds / 30) * 30


def _score(value: float) -> int:
    return max(1, min(100, round(value)))
