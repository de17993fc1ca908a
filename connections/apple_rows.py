"""From an Apple Health export's days and workouts to nights, samples and rides.

Apple's HRV is SDNN; a night keeps rMSSD instead where it could be rebuilt from the beats, and says
which of the two it is. A night that ends a day counts even when nothing but its sleep is known.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from accounts.models import User
from connections.models import DailySample, Night, Ride
from connections.providers.apple_health import HealthDay, HealthExport, HealthWorkout
from connections.sources import Source

KJ_PER_KCAL = 4.184
# Strava's words for a sport are the service's own.
SPORTS = {
    "Running": "Run",
    "Walking": "Walk",
    "Hiking": "Hike",
    "Swimming": "Swim",
    "TraditionalStrengthTraining": "WeightTraining",
    "FunctionalStrengthTraining": "WeightTraining",
    "HandCycling": "Handcycle",
}


def nights(user: User, export: HealthExport, read_at: datetime) -> Iterator[Night]:
    """Naps are no part of a night."""
    for day in export.days.values():
        if day.asleep_min is not None and day.nap_min is not None:
            yield _night(user, day, day.asleep_min - day.nap_min, read_at)


def samples(user: User, export: HealthExport, read_at: datetime) -> Iterator[DailySample]:
    for day in export.days.values():
        for kind, value, unit, measured_at in _values(day):
            if value is not None:
                yield DailySample(
                    user=user,
                    source=Source.APPLE,
                    local_date=day.local_date,
                    kind=kind,
                    value=value,
                    unit=unit,
                    measured_at=measured_at,
                    read_at=read_at,
                )


def rides(user: User, export: HealthExport, read_at: datetime) -> Iterator[Ride]:
    for workout in export.workouts:
        if workout.duplicate_of is None:
            yield _ride(user, workout, read_at)


def _night(user: User, day: HealthDay, asleep_min: float, read_at: datetime) -> Night:
    rmssd, sdnn = day.overnight_rmssd_ms, day.hrv_sdnn_overnight_ms
    kind = Night.HrvKind.RMSSD if rmssd is not None else Night.HrvKind.SDNN
    hrv = sdnn if rmssd is None else rmssd
    return Night(
        user=user,
        source=Source.APPLE,
        local_date=day.local_date,
        started_at=day.sleep_start_at,
        ended_at=day.sleep_end_at,
        asleep_s=_seconds(asleep_min),
        deep_s=_seconds(day.deep_min),
        rem_s=_seconds(day.rem_min),
        awake_s=_seconds(day.awake_min),
        hrv_ms=hrv,
        hrv_kind="" if hrv is None else kind,
        resting_hr_bpm=day.resting_hr_bpm,
        read_at=read_at,
    )


def _values(
    day: HealthDay,
) -> Iterator[tuple[DailySample.Kind, float | None, str, datetime | None]]:
    kind = DailySample.Kind
    yield kind.RESTING_HR, day.resting_hr_bpm, "bpm", day.resting_hr_measured_at
    yield kind.HRV_SDNN, day.hrv_sdnn_ms, "ms", day.hrv_last_sample_at
    yield kind.WEIGHT, day.weight_kg, "kg", day.weight_measured_at
    yield kind.VO2MAX, day.vo2max_ml_kg_min, "mL/min/kg", day.vo2max_measured_at
    yield kind.RESPIRATORY_RATE, day.respiratory_rate_per_min, "1/min", day.sleep_end_at
    yield kind.STEPS, day.steps, "steps", None
    yield kind.WALKING_DISTANCE, day.walking_distance_m, "m", None
    yield kind.ACTIVE_ENERGY, day.active_energy_kcal, "kcal", None


def _ride(user: User, workout: HealthWorkout, read_at: datetime) -> Ride:
    return Ride(
        user=user,
        source=Source.APPLE,
        external_id=hashlib.sha256(workout.key.encode()).hexdigest()[:40],
        started_at=workout.started_at,
        local_date=user.local_date(workout.started_at),
        name=workout.source_name[:200],
        sport=_sport(workout),
        duration_s=round(workout.duration_s),
        elapsed_s=round((workout.ended_at - workout.started_at).total_seconds()),
        distance_m=workout.distance_m,
        climb_m=workout.climb_m,
        energy_kj=None if workout.energy_kcal is None else workout.energy_kcal * KJ_PER_KCAL,
        average_power_w=workout.average_power_w,
        np_w=None,  # Apple gives the average only
        has_power_meter=workout.average_power_w is not None,
        average_hr_bpm=workout.average_hr_bpm,
        max_hr_bpm=workout.max_hr_bpm,
        read_at=read_at,
    )


def _sport(workout: HealthWorkout) -> str:
    if workout.activity_type == "Cycling":
        return "VirtualRide" if workout.is_indoor else "Ride"
    return SPORTS.get(workout.activity_type, workout.activity_type)[:40]


def _seconds(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * 60)
