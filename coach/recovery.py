"""How a night went, out of the readings: HRV, resting heart rate, sleep, and readiness."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from coach.physiology.nights import Morning, NightReading
from coach.physiology.readiness import Readiness, SourceScore, night_facts, readiness_today
from connections.days import known_since
from connections.models import DailySample, Night
from connections.readings import Readings

NIGHT_VALUES = (
    *("hrv", "hrv_kind", "hrv_baseline", "hrv_7d_z", "rhr", "rhr_baseline"),
    *("sleep_h", "sleep_7d_h", "night_source", "night_age_h"),
    *("hrv_source", "hrv_age_h", "rhr_source", "rhr_age_h", "sleep_source", "sleep_age_h"),
)


def of_the_night(readings: Readings, local_date: date, now: datetime) -> dict[str, Any]:
    """The part of the situation's metrics that is about recovery, by their names there."""
    nights = [_night(night) for night in readings.nights]
    morning = night_facts(nights, local_date=local_date, now=now, orders=_orders(readings))
    warmth = _told_today(readings, DailySample.Kind.TEMPERATURE_DEVIATION, local_date)
    return {
        **_of_readiness(readiness_of(readings, local_date, now)),
        **_of_the_morning(morning),
        "temperature_deviation": rounded(warmth, 2),
    }


def readiness_of(readings: Readings, local_date: date, now: datetime) -> Readiness:
    """The readiness that counts on a morning, by the tester's order of sources."""
    order = readings.orders["readiness"]
    return readiness_today(
        map(_night, readings.nights),
        _scores(readings),
        local_date=local_date,
        now=now,
        orders=_orders(readings),
        chosen=order.names if order.is_chosen else (),
    )


def _orders(readings: Readings) -> dict[str, Sequence[str]]:
    return {str(metric): order.names for metric, order in readings.orders.items()}


def is_rest_mode(readings: Readings, local_date: date) -> bool | None:
    """Whether the ring rests with its wearer; None where it has not said so, which it need not."""
    return True if _told_today(readings, DailySample.Kind.REST_MODE, local_date) else None


def slept_by_source(readings: Readings, local_date: date) -> list[float]:
    """The hours slept last night, by each source that told of it."""
    nights = map(_night, readings.nights)
    return [n.sleep_h for n in nights if n.local_date == local_date and n.sleep_h is not None]


def _told_today(readings: Readings, kind: str, local_date: date) -> float | None:
    of_today = (one for one in readings.mornings if one.local_date == local_date)
    return next((one.value for one in of_today if one.kind == kind), None)


def _of_readiness(readiness: Readiness) -> dict[str, Any]:
    return {
        "readiness": readiness.score,
        "readiness_source": readiness.source_label,
        "readiness_age_h": rounded(readiness.age_h),
        "readiness_reason": readiness.reason,
    }


def _of_the_morning(night: Morning | None) -> dict[str, Any]:
    """The latest night's values; those of a night that is too old are None already."""
    if night is None:
        return dict.fromkeys(NIGHT_VALUES)
    has_hrv = night.hrv_ms is not None or night.hrv_baseline_ms is not None
    has_rhr = night.rhr_bpm is not None or night.rhr_baseline_bpm is not None
    has_sleep = night.sleep_h is not None or night.sleep_7d_h is not None
    return {
        "hrv": rounded(night.hrv_ms),
        "hrv_kind": night.hrv_kind if night.hrv_ms is not None else None,
        "hrv_baseline": rounded(night.hrv_baseline_ms),
        "hrv_7d_z": rounded(night.hrv_7d_z, 2),
        "rhr": rounded(night.rhr_bpm),
        "rhr_baseline": rounded(night.rhr_baseline_bpm),
        "sleep_h": rounded(night.sleep_h),
        "sleep_7d_h": rounded(night.sleep_7d_h),
        "night_source": night.source,
        "night_age_h": rounded(night.age_h),
        "hrv_source": night.hrv_source if has_hrv else None,
        "hrv_age_h": rounded(night.hrv_age_h) if has_hrv else None,
        "rhr_source": night.rhr_source if has_rhr else None,
        "rhr_age_h": rounded(night.rhr_age_h) if has_rhr else None,
        "sleep_source": night.sleep_source if has_sleep else None,
        "sleep_age_h": rounded(night.sleep_age_h) if has_sleep else None,
    }


def _scores(readings: Readings) -> Iterator[SourceScore]:
    for sample in readings.scores:
        since = known_since(sample, readings.nights)
        if since is not None:
            yield SourceScore(
                local_date=sample.local_date,
                score=round(sample.value),
                measured_at=since,
                source=sample.source,
                contributors=sample.details,
            )


def _night(night: Night) -> NightReading:
    return NightReading(
        local_date=night.local_date,
        source=night.source,
        measured_at=night.measured_at,
        hrv_ms=night.hrv_ms,
        hrv_kind="sdnn" if night.hrv_kind == Night.HrvKind.SDNN else "rmssd",
        resting_hr_bpm=night.resting_hr_bpm,
        sleep_h=None if night.asleep_s is None else night.asleep_s / 3600,
    )


def rounded(value: float | None, digits: int = 1) -> float | None:
    """Rounded, and never the "-0" that nobody can read."""
    return None if value is None else round(value, digits) + 0.0
