"""Workouts: totals, and recordings of one effort."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connections.providers.apple_health import HealthWorkout, NotAnExport
from tests.connections.providers.health_xml import (
    WATCH,
    element,
    metadata,
    read,
    statistic,
    workout,
)

START, END = "2024-01-10 08:00:00", "2024-01-10 10:00:00"


def only_workout(tmp_path: Path, *elements: str) -> HealthWorkout:
    (read_workout,) = read(tmp_path, *elements).workouts
    return read_workout


def test_workout_is_read_from_its_statistics(tmp_path: Path) -> None:
    ride = workout(
        START,
        END,
        statistic("ActiveEnergyBurned", sum="600", unit="Cal"),
        statistic("BasalEnergyBurned", sum="150", unit="Cal"),
        statistic("DistanceCycling", sum="31.0685596", unit="mi"),
        statistic("DistanceWalkingRunning", sum="120", unit="m"),
        statistic("HeartRate", average="140.5", minimum="90", maximum="172", unit="count/min"),
        statistic("CyclingPower", average="205", maximum="640", unit="W"),
        statistic("CyclingCadence", average="88.5", unit="count/min"),
        metadata("HKIndoorWorkout", "0"),
        metadata("HKElevationAscended", "41800 cm"),
        duration="110",
        durationUnit="min",
        totalDistance="1",
        totalDistanceUnit="km",
        totalEnergyBurned="1",
        totalEnergyBurnedUnit="kcal",
    )

    assert only_workout(tmp_path, ride) == HealthWorkout(
        key=f"{WATCH}|2024-01-10T16:00:00Z|Cycling",
        activity_type="Cycling",
        source_name=WATCH,
        started_at=datetime(2024, 1, 10, 16, 0, tzinfo=UTC),
        ended_at=datetime(2024, 1, 10, 18, 0, tzinfo=UTC),
        duration_s=6600,
        distance_m=31.0685596 * 1609.344,
        energy_kcal=600,
        average_hr_bpm=140.5,
        max_hr_bpm=172,
        average_power_w=205,
        average_cadence_rpm=88.5,
        climb_m=418,
        is_indoor=False,
        duplicate_of=None,
    )


def test_workout_of_old_exports_is_read_from_its_attributes(tmp_path: Path) -> None:
    run = workout(
        START,
        END,
        kind="Running",
        duration="1.5",
        durationUnit="hr",
        totalDistance="5",
        totalDistanceUnit="mi",
        totalEnergyBurned="4184",
        totalEnergyBurnedUnit="kJ",
    )

    read_run = only_workout(tmp_path, run)

    assert (read_run.duration_s, read_run.distance_m) == (5400, 5 * 1609.344)
    assert read_run.energy_kcal == pytest.approx(1000)


def test_workout_of_which_little_is_known_says_so(tmp_path: Path) -> None:
    assert only_workout(tmp_path, workout(START, END, source="Strava")) == HealthWorkout(
        key="Strava|2024-01-10T16:00:00Z|Cycling",
        activity_type="Cycling",
        source_name="Strava",
        started_at=datetime(2024, 1, 10, 16, 0, tzinfo=UTC),
        ended_at=datetime(2024, 1, 10, 18, 0, tzinfo=UTC),
        duration_s=7200,
        distance_m=None,
        energy_kcal=None,
        average_hr_bpm=None,
        max_hr_bpm=None,
        average_power_w=None,
        average_cadence_rpm=None,
        climb_m=None,
        is_indoor=None,
        duplicate_of=None,
    )


def test_children_of_a_route_are_not_the_workouts(tmp_path: Path) -> None:
    route = element(
        "WorkoutRoute",
        [
            metadata("HKIndoorWorkout", "1"),
            statistic("CyclingPower", average="999", unit="W"),
            element("FileReference", path="../../etc/passwd"),
        ],
    )

    read_ride = only_workout(tmp_path, workout(START, END, metadata("HKIndoorWorkout", "0"), route))

    assert (read_ride.is_indoor, read_ride.average_power_w) == (False, None)


def test_total_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        workout(
            START,
            END,
            statistic("ActiveEnergyBurned", sum="600", unit="BTU"),
            statistic("DistanceCycling", sum="NaN", unit="km"),
            statistic("HeartRate", average="140", maximum="1720", unit="count/min"),
            metadata("HKElevationAscended", "418"),
            metadata("HKIndoorWorkout", "perhaps"),
            duration="-5",
            durationUnit="min",
        ),
    )

    (ride,) = export.workouts
    assert (ride.energy_kcal, ride.distance_m, ride.climb_m, ride.is_indoor) == (None,) * 4
    assert (ride.average_hr_bpm, ride.max_hr_bpm, ride.duration_s) == (140, None, 7200)
    assert export.problems == {
        "workout totals with an unknown unit": 1,
        "workout totals with an impossible value": 3,
        "workout totals with no unit": 1,
    }


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (workout(START, END, source=None), "no source name"),
        (workout("", END), "an unreadable date"),
        (workout(END, START), "an end before the start"),
        (workout(START, START), "no length"),
        (workout(START, "2024-01-18 08:00:00"), "a length over a week"),
        (workout(START, END, kind=""), "no activity type"),
    ],
)
def test_workout_that_cannot_be_read_is_left_out(broken: str, reason: str, tmp_path: Path) -> None:
    export = read(tmp_path, broken)

    assert (export.days, export.workouts) == ({}, ())
    assert export.problems == {f"workouts with {reason}": 1}


@pytest.mark.parametrize(
    ("recordings", "duplicates"),
    [
        # The copy comes first in the file; the watch is believed.
        ([workout(START, END, source="Strava"), workout(START, END)], [1, None]),
        ([workout(START, END), workout(START, END, source="Strava")], [None, 0]),
        # as restored phones do
        ([workout(START, END), workout(START, END)], [None, 0]),
        # started and stopped by hand, on two devices
        (
            [workout(START, END), workout("2024-01-10 08:20:00", END, source="Garmin")],
            [None, 0],
        ),
        # two rides in a row
        ([workout(START, END), workout(END, "2024-01-10 12:00:00", source="Strava")], [None, None]),
        # exactly half of the longer one
        (
            [workout(START, END), workout("2024-01-10 09:00:00", END, source="Strava")],
            [None, None],
        ),
        # the watch's battery died after ten minutes
        (
            [
                workout(START, "2024-01-10 08:10:00"),
                workout(START, END, source="Strava"),
                workout("2024-01-10 08:01:00", END, source="Zwift"),
            ],
            [None, None, 1],
        ),
        # something else at the same time
        (
            [workout(START, END), workout(START, END, kind="Walking", source="Strava")],
            [None, None],
        ),
        # three times
        (
            [
                workout(START, END, source="Sam's iPhone"),
                workout(START, END, source="Strava"),
                workout(START, END),
            ],
            [2, 2, None],
        ),
    ],
)
def test_second_recording_of_an_effort_is_marked(
    recordings: Sequence[str], duplicates: Sequence[int | None], tmp_path: Path
) -> None:
    export = read(tmp_path, *recordings)

    assert [workout.duplicate_of for workout in export.workouts] == duplicates


@pytest.mark.parametrize("seed", range(5))
def test_every_overlap_is_found_whatever_the_lengths(seed: int, tmp_path: Path) -> None:
    """Against comparing all with all."""
    chance = random.Random(seed)
    starts_min = [chance.randrange(600) for _ in range(80)]
    spans = [(start, start + chance.choice((3, 8, 20, 64, 120, 240))) for start in starts_min]

    export = read(
        tmp_path,
        *(workout(clock(a), clock(b), source=f"App {n}") for n, (a, b) in enumerate(spans)),
    )

    originals: list[int] = []
    for position, ride in enumerate(export.workouts):
        same = {other for other in originals if overlap_share(export.workouts[other], ride) > 0.5}
        assert (ride.duplicate_of in same) if same else (ride.duplicate_of is None)
        if not same:
            originals.append(position)
    assert 20 < len(originals) < 70


def clock(minutes: int) -> str:
    return f"2024-01-10 {minutes // 60:02}:{minutes % 60:02}:00"


def overlap_share(a: HealthWorkout, b: HealthWorkout) -> float:
    longer = max(a.ended_at - a.started_at, b.ended_at - b.started_at)
    return (min(a.ended_at, b.ended_at) - max(a.started_at, b.started_at)) / longer


def test_days_add_up_rides_without_their_copies(tmp_path: Path) -> None:
    distance = statistic("DistanceCycling", sum="30", unit="km")
    energy = statistic("ActiveEnergyBurned", sum="500", unit="kcal")

    export = read(
        tmp_path,
        workout(START, END, distance, energy),
        workout(START, END, distance, source="Strava"),
        workout("2024-01-10 17:00:00", "2024-01-10 17:30:00", distance),
        workout("2024-01-10 19:00:00", "2024-01-10 19:30:00", kind="Yoga"),
        workout("2024-01-11 17:00:00", "2024-01-11 17:30:00", source="Strava"),
    )

    first, second = export.days[date(2024, 1, 10)], export.days[date(2024, 1, 11)]
    assert (first.workout_count, first.cycling_workouts_min) == (3, 150)
    assert first.cycling_workouts_distance_m == 60_000
    assert first.cycling_workouts_energy_kcal == 500
    assert (second.workout_count, second.cycling_workouts_min) == (1, 30)
    assert (second.cycling_workouts_distance_m, second.cycling_workouts_energy_kcal) == (None, None)


def test_workouts_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connections.providers.apple_health.collector.MAX_WORKOUTS", 2)

    assert len(read(tmp_path, *[workout(START, END)] * 2).workouts) == 2
    with pytest.raises(NotAnExport, match="no Apple Health export is"):
        read(tmp_path, *[workout(START, END)] * 3)


def test_names_without_end_are_cut_off(tmp_path: Path) -> None:
    read_workout = only_workout(tmp_path, workout(START, END, kind="x" * 999, source="y" * 999))

    assert (read_workout.activity_type, read_workout.source_name) == ("x" * 80, "y" * 200)


def test_key_is_the_same_in_the_next_export(tmp_path: Path) -> None:
    ride = workout(START, END)
    as_exported_in_summer = workout("2024-01-10 09:00:00 -0700", "2024-01-10 11:00:00 -0700")

    assert only_workout(tmp_path, ride).key == only_workout(tmp_path, as_exported_in_summer).key
