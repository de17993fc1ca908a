"""The fields of a HealthDay, from what each kind of store knows of one day."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

from connections.providers.apple_health.export import HealthWorkout
from connections.providers.apple_health.local_time import LocalDays, at
from connections.providers.apple_health.samples import DaySum
from connections.providers.apple_health.sleep import Night, Stage
from connections.providers.apple_health.sources import Sources
from connections.providers.apple_health.stores import HrvSample, Reading, Tally

Fields = dict[str, Any]

COUNTED_BY_SEVERAL = {"steps", "walking_distance_m", "active_energy_kcal"}
STAGE_FIELDS = {
    "core_min": Stage.CORE,
    "deep_min": Stage.DEEP,
    "rem_min": Stage.REM,
    "unspecified_min": Stage.UNSPECIFIED,
    "awake_min": Stage.AWAKE,
}


def resting_hr_fields(tally: Tally, sources: Sources) -> Fields:
    return {
        "resting_hr_bpm": tally.mean,
        "resting_hr_measured_at": at(tally.last_s),
        "resting_hr_sources": sources.named(tally.sources),
    }


def heart_rate_fields(tally: Tally, sources: Sources) -> Fields:
    return {
        "heart_rate_mean_bpm": tally.mean,
        "heart_rate_min_bpm": tally.lowest,
        "heart_rate_max_bpm": tally.highest,
        "heart_rate_sample_count": tally.count,
        "heart_rate_last_sample_at": at(tally.last_s),
        "heart_rate_sources": sources.named(tally.sources),
    }


def weight_fields(reading: Reading, sources: Sources) -> Fields:
    return {
        "weight_kg": reading.value,
        "weight_measured_at": at(reading.measured_s),
        "weight_source": sources.names[reading.source],
    }


def vo2max_fields(reading: Reading) -> Fields:
    return {"vo2max_ml_kg_min": reading.value, "vo2max_measured_at": at(reading.measured_s)}


def sum_fields(name: str, of_day: DaySum) -> Fields:
    if name not in COUNTED_BY_SEVERAL:
        return {name: of_day.total}
    return {
        name: of_day.total,
        f"{name}_raw": of_day.raw,
        f"{name}_max_source": of_day.largest_source,
    }


def hrv_fields(samples: Sequence[HrvSample], sources: Sources) -> Fields:
    return {
        "hrv_sdnn_ms": fmean(sample.sdnn_ms for sample in samples),
        "hrv_sample_count": len(samples),
        "hrv_last_sample_at": at(samples[-1].start_s),
        "hrv_sources": sources.named(sample.source for sample in samples),
    }


def overnight_hrv_fields(night: Night, hrv: Sequence[HrvSample], sources: Sources) -> Fields:
    """`hrv` is in order of time; the night's are those that start while it lasts."""
    if night.start_s is None or night.end_s is None:
        return {}
    first, last = (
        bisect_left(hrv, edge_s, key=lambda sample: sample.start_s)
        for edge_s in (night.start_s, night.end_s)
    )
    samples = hrv[first:last]
    if not samples:
        return {}
    rmssd_ms = [sample.rmssd_ms for sample in samples if sample.rmssd_ms is not None]
    return {
        "hrv_sdnn_overnight_ms": fmean(sample.sdnn_ms for sample in samples),
        "hrv_overnight_sample_count": len(samples),
        "hrv_overnight_last_sample_at": at(samples[-1].start_s),
        "hrv_overnight_sources": sources.named(sample.source for sample in samples),
        "overnight_rmssd_ms": median(rmssd_ms) if rmssd_ms else None,
        "overnight_rmssd_sample_count": len(rmssd_ms) or None,
    }


def sleep_fields(night: Night, sources: Sources) -> Fields:
    return {
        "asleep_min": minutes(night.asleep_s),
        "nap_min": minutes(night.nap_s),
        **{name: minutes(night.stage_s.get(stage)) for name, stage in STAGE_FIELDS.items()},
        "in_bed_min": minutes(night.in_bed_s),
        "asleep_union_min": minutes(night.asleep_union_s),
        "sleep_start_at": None if night.start_s is None else at(night.start_s),
        "sleep_end_at": None if night.end_s is None else at(night.end_s),
        "sleep_sources": sources.named(night.sources),
    }


def minutes(seconds: int | None) -> float | None:
    return None if seconds is None else seconds / 60


def workout_fields(
    workouts: Iterable[HealthWorkout], days: LocalDays
) -> Iterable[tuple[int, Fields]]:
    by_day: defaultdict[int, list[HealthWorkout]] = defaultdict(list)
    for workout in workouts:
        if workout.duplicate_of is None:
            by_day[days.of(int(workout.started_at.timestamp()))].append(workout)
    for day, of_day in by_day.items():
        yield day, {"workout_count": len(of_day), **cycling_fields(of_day)}


def cycling_fields(workouts: Iterable[HealthWorkout]) -> Fields:
    rides = [workout for workout in workouts if workout.activity_type == "Cycling"]
    return {
        "cycling_workouts_min": total(ride.duration_s / 60 for ride in rides),
        "cycling_workouts_distance_m": total(ride.distance_m for ride in rides),
        "cycling_workouts_energy_kcal": total(ride.energy_kcal for ride in rides),
    }


def total(values: Iterable[float | None]) -> float | None:
    """Of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
