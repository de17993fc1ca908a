"""The generator's answers beside the rows that an import kept, value by value.

Tolerances are those of the rounding: answers have 4 decimals, 3 for minutes of sleep, and a
night and a ride keep whole seconds. An rMSSD has no answer; its being there has.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from connections.apple_rows import KJ_PER_KCAL, SPORTS
from connections.models import DailySample, Night
from connections.sources import Source

Rows = Mapping[str, Mapping[str, Any]]

SAMPLES = {
    "resting_hr": (DailySample.Kind.RESTING_HR, "bpm"),
    "hrv_sdnn_ms": (DailySample.Kind.HRV_SDNN, "ms"),
    "weight_kg": (DailySample.Kind.WEIGHT, "kg"),
    "vo2max": (DailySample.Kind.VO2MAX, "mL/min/kg"),
    "respiratory_rate": (DailySample.Kind.RESPIRATORY_RATE, "1/min"),
    "steps": (DailySample.Kind.STEPS, "steps"),
    "distance_walking_km": (DailySample.Kind.WALKING_DISTANCE, "m"),
    "active_energy_kcal": (DailySample.Kind.ACTIVE_ENERGY, "kcal"),
}
SECONDS = {"asleep_s", "deep_s", "rem_s", "awake_s", "duration_s", "elapsed_s"}
ROUNDED_S = 0.6
ROUNDED = 6e-5
# The answers say 0 where nobody looked, a night None.
ZERO_WHEN_UNKNOWN = {"deep_s", "rem_s", "awake_s"}


def differences(user: User, answers: Mapping[str, Any]) -> list[str]:
    days, workouts = answers["days"], answers["workouts"]
    return [
        *compared("night", kept_nights(user.nights.all()), night_answers(days)),
        *compared("samples", kept_samples(user.samples.all()), sample_answers(days)),
        *compared("ride", kept_rides(user), ride_answers(workouts)),
    ]


def value_count(answers: Mapping[str, Any]) -> int:
    tables = (
        night_answers(answers["days"]),
        sample_answers(answers["days"]),
        ride_answers(answers["workouts"]),
    )
    return sum(len(row) for table in tables for row in table.values())


def compared(table: str, kept: Rows, answers: Rows) -> Iterator[str]:
    for key in sorted(kept.keys() | answers.keys()):
        row, answer = kept.get(key, {}), answers.get(key, {})
        for name in sorted(row.keys() | answer.keys()):
            if not is_same(name, row.get(name), answer.get(name)):
                yield f"{table} {key} {name}: {row.get(name)!r}, expected {answer.get(name)!r}"


def is_same(name: str, value: Any, answer: Any) -> bool:
    if value is None and answer == 0 and name in ZERO_WHEN_UNKNOWN:
        return True
    if isinstance(value, float | int) and isinstance(answer, float | int):
        return abs(value - answer) <= (ROUNDED_S if name in SECONDS else ROUNDED)
    return bool(value == answer)


def kept_nights(nights: QuerySet[Night]) -> Rows:
    return {
        f"{night.local_date}": {
            "source": night.source,
            "start": iso(night.started_at),
            "end": iso(night.ended_at),
            "asleep_s": night.asleep_s,
            "deep_s": night.deep_s,
            "rem_s": night.rem_s,
            "awake_s": night.awake_s,
            "resting_hr": night.resting_hr_bpm,
            "has_hrv": night.hrv_ms is not None,
            "hrv_sdnn_ms": night.hrv_ms if night.hrv_kind == Night.HrvKind.SDNN else "rmssd",
        }
        for night in nights
    }


def night_answers(days: Mapping[str, Any]) -> Rows:
    return {
        day: night_answer(answer)
        for day, answer in days.items()
        if answer.get("sleep", {}).get("asleep_min")
    }


def night_answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    sleep = answer["sleep"]
    return {
        "source": Source.APPLE,
        "start": sleep["start"],
        "end": sleep["end"],
        "asleep_s": 60 * (sleep["asleep_min"] - sleep["nap_min"]),
        "deep_s": 60 * sleep["deep_min"],
        "rem_s": 60 * sleep["rem_min"],
        "awake_s": 60 * sleep["awake_min"],
        "resting_hr": answer.get("resting_hr"),
        "has_hrv": "hrv_overnight_sdnn_ms" in answer,
        # The generator writes the beats beneath every sample.
        "hrv_sdnn_ms": "rmssd",
    }


def kept_samples(samples: QuerySet[DailySample]) -> Rows:
    by_day: dict[str, dict[str, Any]] = {}
    for sample in samples:
        row = by_day.setdefault(f"{sample.local_date}", {})
        value = km(sample.value) if sample.unit == "m" else sample.value
        row[f"{sample.kind} ({sample.unit}, {sample.source})"] = value
    return by_day


def sample_answers(days: Mapping[str, Any]) -> Rows:
    return {day: told for day, answer in days.items() if (told := sample_answer(answer))}


def sample_answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{kind} ({unit}, {Source.APPLE})": answer[name]
        for name, (kind, unit) in SAMPLES.items()
        if name in answer
    }


def kept_rides(user: User) -> Rows:
    return {
        f"{iso(ride.started_at)} {ride.name}": {
            "source": ride.source,
            "local_date": f"{ride.local_date}",
            "elapsed": iso(ride.ended_at),
            "sport": ride.sport,
            "duration_s": ride.duration_s,
            "distance_km": km(ride.distance_m),
            "climb_m": ride.climb_m,
            "energy_kcal": None if ride.energy_kj is None else ride.energy_kj / KJ_PER_KCAL,
            "average_power_w": ride.average_power_w,
            "has_power_meter": ride.has_power_meter,
            "np_w": ride.np_w,
            "average_hr_bpm": ride.average_hr_bpm,
            "max_hr_bpm": ride.max_hr_bpm,
        }
        for ride in user.rides.all()
    }


def ride_answers(workouts: list[dict[str, Any]]) -> Rows:
    return {
        f"{workout['start']} {workout['source']}": ride_answer(workout)
        for workout in workouts
        if workout["duplicate_of"] is None
    }


def ride_answer(workout: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": Source.APPLE,
        "local_date": workout["day"],
        "elapsed": workout["end"],
        "sport": sport(workout),
        "duration_s": workout["duration_s"],
        "distance_km": workout["distance_km"],
        "climb_m": workout["climb_m"],
        "energy_kcal": workout["energy_kcal"],
        "average_power_w": workout["avg_power_w"],
        "has_power_meter": workout["avg_power_w"] is not None,
        "np_w": None,
        "average_hr_bpm": workout["avg_hr"],
        "max_hr_bpm": workout["max_hr"],
    }


def sport(workout: Mapping[str, Any]) -> str:
    if workout["type"] == "Cycling":
        return "VirtualRide" if workout["indoor"] else "Ride"
    kind: str = workout["type"]
    return SPORTS.get(kind, kind)


def km(metres: float | None) -> float | None:
    return None if metres is None else metres / 1000


def iso(moment: Any) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
