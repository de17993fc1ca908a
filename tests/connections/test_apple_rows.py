from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from connections import apple_rows
from connections.models import DailySample, Night, Ride
from connections.providers.apple_health import HealthDay, HealthExport, HealthWorkout
from connections.sources import Source
from tests.factories import NOW, TODAY

BED = datetime(2026, 7, 3, 21, 0, tzinfo=UTC)
UP = datetime(2026, 7, 4, 5, 0, tzinfo=UTC)


def export(
    *, days: Sequence[HealthDay] = (), workouts: Sequence[HealthWorkout] = ()
) -> HealthExport:
    return HealthExport(
        exported_at=NOW,
        days={day.local_date: day for day in days},
        workouts=workouts,
        problems={},
        home_zone=None,
    )


def slept(**fields: Any) -> HealthDay:
    values: dict[str, Any] = {
        "asleep_min": 455.0,
        "nap_min": 25.5,
        "deep_min": 60.5,
        "rem_min": 90.0,
        "awake_min": 12.0,
        "sleep_start_at": BED,
        "sleep_end_at": UP,
        **fields,
    }
    return HealthDay(local_date=TODAY, **values)


def workout(**fields: Any) -> HealthWorkout:
    values: dict[str, Any] = {
        "key": "Watch|2026-07-03T22:10:00Z|Cycling",
        "activity_type": "Cycling",
        "source_name": "Sam’s Watch",
        "started_at": datetime(2026, 7, 3, 22, 10, tzinfo=UTC),
        "ended_at": datetime(2026, 7, 3, 23, 25, tzinfo=UTC),
        "duration_s": 4200.4,
        "distance_m": 30_000.0,
        "energy_kcal": 500.0,
        "average_hr_bpm": 140.0,
        "max_hr_bpm": 171.0,
        "average_power_w": 182.0,
        "average_cadence_rpm": 88.0,
        "climb_m": 310.0,
        "is_indoor": False,
        **fields,
    }
    return HealthWorkout(**values)


def night_of(user: User, day: HealthDay) -> Night:
    [night] = apple_rows.nights(user, export(days=[day]), NOW)
    return night


def ride_of(user: User, **fields: Any) -> Ride:
    [ride] = apple_rows.rides(user, export(workouts=[workout(**fields)]), NOW)
    return ride


def values_of(row: Night | Ride, *left_out: str) -> dict[str, Any]:
    fields = row._meta.concrete_fields
    return {f.name: getattr(row, f.name) for f in fields if f.name not in {"id", *left_out}}


def test_night_is_the_day_s_sleep_without_its_naps(tester: User) -> None:
    assert values_of(night_of(tester, slept(resting_hr_bpm=51.0))) == {
        "user": tester,
        "source": Source.APPLE,
        "local_date": TODAY,
        "started_at": BED,
        "ended_at": UP,
        "asleep_s": 25_770,
        "deep_s": 3630,
        "rem_s": 5400,
        "awake_s": 720,
        "hrv_ms": None,
        "hrv_kind": "",
        "resting_hr_bpm": 51.0,
        "read_at": NOW,
    }


def test_night_of_a_source_without_stages_has_none(tester: User) -> None:
    night = night_of(tester, slept(deep_min=None, rem_min=None, awake_min=None))

    assert (night.deep_s, night.rem_s, night.awake_s) == (None, None, None)
    assert night.resting_hr_bpm is None


def test_day_without_sleep_has_no_night(tester: User) -> None:
    day = HealthDay(local_date=TODAY, hrv_sdnn_ms=50.0, resting_hr_bpm=51.0, in_bed_min=480.0)

    assert list(apple_rows.nights(tester, export(days=[day]), NOW)) == []


@pytest.mark.parametrize(
    ("rmssd_ms", "sdnn_ms", "kept_ms", "kind"),
    [
        (44.0, 60.0, 44.0, Night.HrvKind.RMSSD),
        (44.0, None, 44.0, Night.HrvKind.RMSSD),
        (None, 60.0, 60.0, Night.HrvKind.SDNN),
        (None, None, None, ""),
    ],
    ids=["both", "only rMSSD", "only SDNN", "neither"],
)
def test_night_says_which_variability_it_keeps(
    tester: User,
    rmssd_ms: float | None,
    sdnn_ms: float | None,
    kept_ms: float | None,
    kind: str,
) -> None:
    night = night_of(tester, slept(overnight_rmssd_ms=rmssd_ms, hrv_sdnn_overnight_ms=sdnn_ms))

    assert (night.hrv_ms, night.hrv_kind) == (kept_ms, kind)


def test_day_becomes_a_sample_for_each_value_with_its_unit_and_instant(tester: User) -> None:
    at = {name: BED + timedelta(minutes=n) for n, name in enumerate(("rest", "hrv", "kg", "vo2"))}
    day = HealthDay(
        local_date=TODAY,
        resting_hr_bpm=51.0,
        resting_hr_measured_at=at["rest"],
        hrv_sdnn_ms=61.5,
        hrv_last_sample_at=at["hrv"],
        weight_kg=70.4,
        weight_measured_at=at["kg"],
        vo2max_ml_kg_min=52.0,
        vo2max_measured_at=at["vo2"],
        respiratory_rate_per_min=14.2,
        sleep_end_at=UP,
        steps=9120.5,
        walking_distance_m=6400.0,
        active_energy_kcal=0.0,
    )

    samples = list(apple_rows.samples(tester, export(days=[day]), NOW))

    kind = DailySample.Kind
    assert [(row.kind, row.value, row.unit, row.measured_at) for row in samples] == [
        (kind.RESTING_HR, 51.0, "bpm", at["rest"]),
        (kind.HRV_SDNN, 61.5, "ms", at["hrv"]),
        (kind.WEIGHT, 70.4, "kg", at["kg"]),
        (kind.VO2MAX, 52.0, "mL/min/kg", at["vo2"]),
        (kind.RESPIRATORY_RATE, 14.2, "1/min", UP),
        (kind.STEPS, 9120.5, "steps", None),
        (kind.WALKING_DISTANCE, 6400.0, "m", None),
        (kind.ACTIVE_ENERGY, 0.0, "kcal", None),
    ]
    assert {(row.user, row.source, row.local_date, row.read_at) for row in samples} == {
        (tester, Source.APPLE, TODAY, NOW)
    }


def test_day_without_values_has_no_samples(tester: User) -> None:
    day = HealthDay(local_date=TODAY, flights_climbed=3.0)

    assert list(apple_rows.samples(tester, export(days=[day]), NOW)) == []


def test_units_fit_into_their_column(tester: User) -> None:
    most = DailySample._meta.get_field("unit").max_length
    units = [unit for _, _, unit, _ in apple_rows._values(HealthDay(local_date=TODAY))]

    assert len(units) == 8
    assert max(len(unit) for unit in units) <= (most or 0)


def test_workout_becomes_a_ride(tester: User) -> None:
    assert values_of(ride_of(tester), "external_id", "is_stream_read") == {
        "user": tester,
        "source": Source.APPLE,
        "started_at": datetime(2026, 7, 3, 22, 10, tzinfo=UTC),
        "local_date": date(2026, 7, 4),
        "name": "Sam’s Watch",
        "sport": "Ride",
        "duration_s": 4200,
        "elapsed_s": 4500,
        "distance_m": 30_000.0,
        "climb_m": 310.0,
        "energy_kj": 2092.0,
        "average_power_w": 182.0,
        "np_w": None,
        "has_power_meter": True,
        "average_hr_bpm": 140.0,
        "max_hr_bpm": 171.0,
        "power_histogram": None,
        "suffer_score": None,
        "read_at": NOW,
    }


def test_ride_without_measurements_has_none(tester: User) -> None:
    ride = ride_of(
        tester,
        distance_m=None,
        energy_kcal=None,
        average_hr_bpm=None,
        max_hr_bpm=None,
        average_power_w=None,
        climb_m=None,
    )

    assert (ride.distance_m, ride.energy_kj, ride.climb_m) == (None, None, None)
    assert (ride.average_hr_bpm, ride.max_hr_bpm, ride.average_power_w) == (None, None, None)
    assert ride.has_power_meter is False


def test_ride_is_known_again_by_its_key_alone(tester: User) -> None:
    first = ride_of(tester)

    assert ride_of(tester, duration_s=1.0, source_name="renamed").external_id == first.external_id
    assert ride_of(tester, key="Watch|2026-07-03T22:11:00Z|Cycling") != first
    assert len(first.external_id) == 40


def test_repeated_recording_is_left_out(tester: User) -> None:
    workouts = [workout(), workout(key="Strava|…", duplicate_of=0)]

    rides = list(apple_rows.rides(tester, export(workouts=workouts), NOW))

    assert [ride.name for ride in rides] == ["Sam’s Watch"]


@pytest.mark.parametrize(
    ("activity_type", "is_indoor", "sport"),
    [
        ("Cycling", False, "Ride"),
        ("Cycling", None, "Ride"),
        ("Cycling", True, "VirtualRide"),
        ("Running", True, "Run"),
        ("TraditionalStrengthTraining", None, "WeightTraining"),
        ("HandCycling", None, "Handcycle"),
        ("Yoga", None, "Yoga"),
        ("X" * 60, None, "X" * 40),
    ],
)
def test_sport_is_named_as_the_service_names_it(
    tester: User, activity_type: str, is_indoor: bool | None, sport: str
) -> None:
    assert ride_of(tester, activity_type=activity_type, is_indoor=is_indoor).sport == sport


def test_overlong_source_is_cut(tester: User) -> None:
    assert ride_of(tester, source_name="n" * 250).name == "n" * 200
