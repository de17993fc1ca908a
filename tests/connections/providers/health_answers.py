"""The generator's answers beside what was read, value by value.

Tolerances are those of the rounding in the answers: 4 decimals, 3 for minutes of sleep; the
sums over workouts are rounded again at every workout.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connections.providers.apple_health import HealthDay, HealthExport, HealthWorkout

ROUNDED_4, ROUNDED_3, ROUNDED_TWICE = 6e-5, 6e-4, 2e-4

SLEEP_MIN = {
    *("asleep_min", "nap_min", "core_min", "deep_min", "rem_min", "unspecified_min", "awake_min"),
    *("in_bed_min", "asleep_union_min"),
}
WORKOUT_SUMS = {"cycling_min", "cycling_km", "cycling_kcal"}

# The answers say 0 where nobody looked, the reader None.
ZERO_WHEN_UNKNOWN = SLEEP_MIN | WORKOUT_SUMS


def differences(export: HealthExport, answers: dict[str, Any]) -> list[str]:
    found = [*day_differences(export, answers["days"])]
    read = [workout_answer(workout) for workout in export.workouts]
    found += compared("workouts", "count", len(read), len(answers["workouts"]))
    for number, (mine, answer) in enumerate(zip(read, answers["workouts"], strict=False)):
        for name, value in mine.items():
            found += compared(f"workout {number}", name, value, answer[name])
    exported_at = iso(export.exported_at)
    found += compared("export", "exported_at", exported_at, answers["meta"]["exported_at"])
    return found


def value_count(answers: dict[str, Any]) -> int:
    return sum(len(flat(day)) for day in answers["days"].values()) + sum(
        len(workout) for workout in answers["workouts"]
    )


def day_differences(export: HealthExport, answers: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    read = {day.isoformat(): day_answer(values) for day, values in export.days.items()}
    for day in sorted(read.keys() | answers.keys()):
        mine, answer = read.get(day, {}), flat(answers.get(day, {}))
        for name in sorted(mine.keys() | answer.keys()):
            yield from compared(day, name, mine.get(name), answer.get(name))


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in answer.items() if name not in {"sleep", "rings"}}
    rings = {f"ring_{name}": value for name, value in answer.get("rings", {}).items()}
    return {**plain, **answer.get("sleep", {}), **rings}


def compared(where: str, name: str, mine: Any, answer: Any) -> Iterator[str]:
    if mine is None and answer == 0 and name in ZERO_WHEN_UNKNOWN:
        return
    if isinstance(mine, float | int) and isinstance(answer, float | int):
        if abs(mine - answer) <= tolerance(name):
            return
    elif mine == answer:
        return
    yield f"{where} {name}: read {mine!r}, expected {answer!r}"


def tolerance(name: str) -> float:
    if name in SLEEP_MIN:
        return ROUNDED_3
    return ROUNDED_TWICE if name in WORKOUT_SUMS else ROUNDED_4


def day_answer(day: HealthDay) -> dict[str, Any]:
    values = {
        "asleep_min": day.asleep_min,
        "nap_min": day.nap_min,
        "core_min": day.core_min,
        "deep_min": day.deep_min,
        "rem_min": day.rem_min,
        "unspecified_min": day.unspecified_min,
        "awake_min": day.awake_min,
        "in_bed_min": day.in_bed_min,
        "asleep_union_min": day.asleep_union_min,
        "start": iso(day.sleep_start_at),
        "end": iso(day.sleep_end_at),
        "hrv_sdnn_ms": day.hrv_sdnn_ms,
        "hrv_n": day.hrv_sample_count,
        "hrv_overnight_sdnn_ms": day.hrv_sdnn_overnight_ms,
        "hrv_overnight_n": day.hrv_overnight_sample_count,
        "heart_rate": day.heart_rate_mean_bpm,
        "heart_rate_n": day.heart_rate_sample_count,
        "heart_rate_min": day.heart_rate_min_bpm,
        "heart_rate_max": day.heart_rate_max_bpm,
        "resting_hr": day.resting_hr_bpm,
        "walking_hr": day.walking_hr_bpm,
        "respiratory_rate": day.respiratory_rate_per_min,
        "wrist_temperature_c": day.wrist_temperature_c,
        "weight_kg": day.weight_kg,
        "vo2max": day.vo2max_ml_kg_min,
        "steps": day.steps,
        "steps_raw": day.steps_raw,
        "steps_max_source": day.steps_max_source,
        "distance_walking_km": km(day.walking_distance_m),
        "distance_walking_km_raw": km(day.walking_distance_m_raw),
        "distance_walking_km_max_source": km(day.walking_distance_m_max_source),
        "active_energy_kcal": day.active_energy_kcal,
        "active_energy_kcal_raw": day.active_energy_kcal_raw,
        "active_energy_kcal_max_source": day.active_energy_kcal_max_source,
        "basal_energy_kcal": day.basal_energy_kcal,
        "distance_cycling_km": km(day.cycling_distance_m),
        "flights": day.flights_climbed,
        "exercise_min": day.exercise_min,
        "ring_active_energy_kcal": day.ring_active_energy_kcal,
        "ring_exercise_min": day.ring_exercise_min,
        "ring_stand_hours": day.ring_stand_hours,
        "workouts_n": day.workout_count,
        "cycling_min": day.cycling_workouts_min,
        "cycling_km": km(day.cycling_workouts_distance_m),
        "cycling_kcal": day.cycling_workouts_energy_kcal,
    }
    return {name: value for name, value in values.items() if value is not None}


def workout_answer(workout: HealthWorkout) -> dict[str, Any]:
    return {
        "type": workout.activity_type,
        "source": workout.source_name,
        "start": iso(workout.started_at),
        "end": iso(workout.ended_at),
        "duration_s": workout.duration_s,
        "indoor": workout.is_indoor,
        "duplicate_of": workout.duplicate_of,
        "energy_kcal": workout.energy_kcal,
        "distance_km": km(workout.distance_m),
        "avg_hr": workout.average_hr_bpm,
        "max_hr": workout.max_hr_bpm,
        "avg_power_w": workout.average_power_w,
        "avg_cadence_rpm": workout.average_cadence_rpm,
        "climb_m": workout.climb_m,
    }


def km(metres: float | None) -> float | None:
    return None if metres is None else metres / 1000


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
