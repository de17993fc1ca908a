"""Sleep periods: the night, and now and then a rest or a period the rider deleted."""

from datetime import date, datetime, timedelta
from math import cos, pi
from typing import Any

from sandbox.oura.heads import local, named
from sandbox.person import rider
from sandbox.person.nights import Night, night_of

KINDS = ("rest", "deleted", "late_nap", "long_sleep", "sleep")
STEP_S = 300
# Oura's digits for the stage of each five minutes.
DEEP, LIGHT, REM, AWAKE = "1234"


def sleep_rows(day: date, readiness: dict[str, Any], *, is_unscored: bool) -> list[dict[str, Any]]:
    """In order of time, so the night is not always the first."""
    dice = rider.luck(day, "other sleep")
    rows = []
    if dice.random() < 0.2:
        evening = rider.at_home(day - timedelta(days=1), 21, dice.randrange(5, 25))
        rows.append(_short(day, evening, dice.randrange(20, 40), "rest"))
    if dice.random() < 0.12:
        sofa = rider.at_home(day - timedelta(days=1), 20, dice.randrange(0, 10))
        rows.append(_short(day, sofa, dice.randrange(40, 60), "deleted"))
    if dice.random() < 0.08:
        # It ends after six, when the next day of sleep has begun.
        nap = rider.at_home(day - timedelta(days=1), 17, dice.randrange(45, 58))
        rows.append(_short(day, nap, dice.randrange(20, 45), "late_nap"))
    rows.append(_night(night_of(day), readiness, is_unscored=is_unscored))
    if dice.random() < 0.07:
        nap = rider.at_home(day, 14, dice.randrange(5, 40))
        rows.append(_short(day, nap, dice.randrange(20, 45), "sleep"))
    return sorted(rows, key=lambda row: str(row["bedtime_start"]))


def _night(night: Night, readiness: dict[str, Any], *, is_unscored: bool) -> dict[str, Any]:
    return {
        **_frame(night.local_date, night.bed_at, night.wake_at, "long_sleep"),
        "period": 0,
        "readiness": readiness,
        "efficiency": night.efficiency_pct,
        "latency": night.latency_s,
        "awake_time": night.awake_s,
        "deep_sleep_duration": night.deep_s,
        "light_sleep_duration": night.light_s,
        "rem_sleep_duration": night.rem_s,
        "total_sleep_duration": night.asleep_s,
        "restless_periods": night.awake_s // 40,
        "average_breath": night.breaths_per_min,
        "average_heart_rate": round(night.lowest_hr_bpm * 1.1, 2),
        "lowest_heart_rate": night.lowest_hr_bpm,
        "average_hrv": None if is_unscored else night.hrv_ms,
        "heart_rate": _samples(night, night.lowest_hr_bpm * 1.1, 0.09),
        "hrv": None if is_unscored else _samples(night, night.hrv_ms, -0.18),
        "sleep_phase_5_min": _phases(night),
    }


def _short(day: date, start: datetime, minutes: int, kind: str) -> dict[str, Any]:
    seconds = 60 * minutes
    asleep_s = 0 if kind == "rest" else round(seconds * 0.8 / 30) * 30
    return {
        **_frame(day, start, start + timedelta(seconds=seconds), kind),
        "period": 1,
        "efficiency": round(100 * asleep_s / seconds),
        "awake_time": seconds - asleep_s,
        "light_sleep_duration": asleep_s,
        "deep_sleep_duration": 0,
        "rem_sleep_duration": 0,
        "total_sleep_duration": asleep_s,
        "average_heart_rate": 61.5,
        "lowest_heart_rate": 57,
        "average_hrv": 38,
    }


def _frame(day: date, start: datetime, end: datetime, kind: str) -> dict[str, Any]:
    return {
        "id": named("sleep", day, kind),
        "day": day.isoformat(),
        "type": kind,
        "bedtime_start": local(start),
        "bedtime_end": local(end),
        "time_in_bed": int((end - start).total_seconds()),
        "low_battery_alert": False,
        "sleep_algorithm_version": "v2",
        "sleep_analysis_reason": "foreground_sleep_analysis",
        "readiness": None,
        "readiness_score_delta": None,
        "sleep_score_delta": None,
        "movement_30_sec": None,
    }


def _samples(night: Night, mean: float, swing: float) -> dict[str, Any]:
    """One value every five minutes around the mean; the first is missing, as it often is."""
    count = night.in_bed_s // STEP_S
    values = [round(mean * (1 + swing * cos(2 * pi * i / count)), 1) for i in range(1, count)]
    return {"interval": float(STEP_S), "items": [None, *values], "timestamp": local(night.bed_at)}


def _phases(night: Night) -> str:
    """Cycles of ninety minutes: deep sleep early, REM late."""
    count = night.in_bed_s // STEP_S
    cycle = LIGHT * 5 + DEEP * 5 + LIGHT * 4 + REM * 4
    return (AWAKE * 2 + cycle * (count // len(cycle) + 1))[: count - 1] + AWAKE
