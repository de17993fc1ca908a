"""Workouts: their totals, wherever a version of iOS put them, and the ones recorded twice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from connections.providers.apple_health.errors import Skip
from connections.providers.apple_health.export import HealthWorkout
from connections.providers.apple_health.local_time import at
from connections.providers.apple_health.sources import Kind
from connections.providers.apple_health.units import (
    CADENCE_RPM,
    CLIMB_M,
    DISTANCE_M,
    DURATION_MIN,
    ENERGY_KCAL,
    HEART_RATE_BPM,
    POWER_W,
    Quantity,
)

TYPE_PREFIX = "HKWorkoutActivityType"
QUANTITY_PREFIX = "HKQuantityTypeIdentifier"
WORKOUT_CHILD_DEPTH = 3
LONGEST_S = 7 * 86_400
LONGEST_TYPE_NAME = 80
DUPLICATE_OVERLAP = 0.5

# activity type; length as a power of two; place of the middle in steps of that length
Cell = tuple[str, int, int]

NO_TYPE = "no activity type"
TOO_LONG = "a length over a week"
NO_LENGTH = "no length"

DISTANCES = {
    "DistanceCycling",
    "DistanceWalkingRunning",
    "DistanceSwimming",
    "DistanceWheelchair",
    "DistanceDownhillSnowSports",
    "DistanceCrossCountrySkiing",
    "DistancePaddleSports",
    "DistanceRowing",
    "DistanceSkatingSports",
}
STATISTICS = DISTANCES | {"ActiveEnergyBurned", "HeartRate", "CyclingPower", "CyclingCadence"}
METADATA = {"HKIndoorWorkout", "HKElevationAscended"}
IS_INDOOR = {"0": False, "1": True}


@dataclass(slots=True)
class OpenWorkout:
    """A Workout element while its children arrive."""

    attributes: dict[str, str]
    source_name: str
    start_s: int
    end_s: int
    finished: list[HealthWorkout]
    problems: Counter[str]
    statistics: dict[str, dict[str, str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    def child(self, depth: int, name: str, attributes: dict[str, str]) -> None:
        if depth > WORKOUT_CHILD_DEPTH:  # a route has metadata too
            return
        if name == "WorkoutStatistics":
            kind = attributes.get("type", "").removeprefix(QUANTITY_PREFIX)
            if kind in STATISTICS:
                self.statistics[kind] = attributes
        elif name == "MetadataEntry" and attributes.get("key") in METADATA:
            self.metadata[attributes["key"]] = attributes.get("value", "")

    def close(self) -> None:
        try:
            self.finished.append(self._health_workout())
        except Skip as skip:
            self.problems[f"workouts with {skip}"] += 1

    def _health_workout(self) -> HealthWorkout:
        apple_type = self.attributes.get("workoutActivityType", "")
        activity_type = apple_type.removeprefix(TYPE_PREFIX)[:LONGEST_TYPE_NAME]
        if not activity_type:
            raise Skip(NO_TYPE)
        if self.end_s == self.start_s:
            raise Skip(NO_LENGTH)
        if self.end_s - self.start_s > LONGEST_S:
            raise Skip(TOO_LONG)
        started_at = at(self.start_s)
        return HealthWorkout(
            key=f"{self.source_name}|{started_at:%Y-%m-%dT%H:%M:%SZ}|{activity_type}",
            activity_type=activity_type,
            source_name=self.source_name,
            started_at=started_at,
            ended_at=at(self.end_s),
            duration_s=self._duration_s(),
            distance_m=self._distance_m(),
            energy_kcal=self._sum("ActiveEnergyBurned", "totalEnergyBurned", ENERGY_KCAL),
            average_hr_bpm=self._statistic("HeartRate", "average", HEART_RATE_BPM),
            max_hr_bpm=self._statistic("HeartRate", "maximum", HEART_RATE_BPM),
            average_power_w=self._statistic("CyclingPower", "average", POWER_W),
            average_cadence_rpm=self._statistic("CyclingCadence", "average", CADENCE_RPM),
            climb_m=self._climb_m(),
            is_indoor=IS_INDOOR.get(self.metadata.get("HKIndoorWorkout", "")),
        )

    def _duration_s(self) -> float:
        duration_min = self._total("duration", DURATION_MIN)
        return self.end_s - self.start_s if duration_min is None else duration_min * 60

    def _distance_m(self) -> float | None:
        """A ride may also count the steps to the bicycle: the longest kind is its own."""
        measured = [self._statistic(kind, "sum", DISTANCE_M) for kind in DISTANCES]
        known = [distance_m for distance_m in measured if distance_m is not None]
        return max(known) if known else self._total("totalDistance", DISTANCE_M)

    def _climb_m(self) -> float | None:
        """One string such as "41800 cm"."""
        text, _, unit = self.metadata.get("HKElevationAscended", "").partition(" ")
        return self._quantity(CLIMB_M, text, unit)

    def _sum(self, kind: str, total: str, quantity: Quantity) -> float | None:
        """iOS 16 and later write statistics; before that there were attributes."""
        measured = self._statistic(kind, "sum", quantity)
        return self._total(total, quantity) if measured is None else measured

    def _statistic(self, kind: str, which: str, quantity: Quantity) -> float | None:
        attributes = self.statistics.get(kind, {})
        return self._quantity(quantity, attributes.get(which, ""), attributes.get("unit", ""))

    def _total(self, name: str, quantity: Quantity) -> float | None:
        text, unit = self.attributes.get(name, ""), self.attributes.get(f"{name}Unit", "")
        return self._quantity(quantity, text, unit)

    def _quantity(self, quantity: Quantity, text: str, unit: str) -> float | None:
        """A number that cannot be read costs that number, not the workout."""
        if not text:
            return None
        try:
            return quantity.read(text, unit)
        except Skip as skip:
            self.problems[f"workout totals with {skip}"] += 1
            return None


def with_duplicates(
    workouts: Sequence[HealthWorkout], kind_of: Callable[[str], Kind]
) -> tuple[HealthWorkout, ...]:
    """Point each repeated recording to the most trusted one; `kind_of` a source by its name."""
    originals: defaultdict[Cell, list[int]] = defaultdict(list)
    marked = list(workouts)
    by_trust = sorted(
        range(len(workouts)), key=lambda position: kind_of(workouts[position].source_name)
    )
    for position in by_trust:
        workout = workouts[position]
        nearby = (other for cell in _cells_around(workout) for other in originals.get(cell, ()))
        original = next((other for other in nearby if overlaps(workouts[other], workout)), None)
        if original is None:
            originals[_cell(workout)].append(position)
        else:
            marked[position] = replace(workout, duplicate_of=original)
    return tuple(marked)


def overlaps(a: HealthWorkout, b: HealthWorkout) -> bool:
    """Of the longer one: ten minutes before the Watch died do not stand for the whole ride."""
    overlap = min(a.ended_at, b.ended_at) - max(a.started_at, b.started_at)
    longer = max(a.ended_at - a.started_at, b.ended_at - b.started_at)
    return overlap > DUPLICATE_OVERLAP * longer


def _cell(workout: HealthWorkout) -> Cell:
    size, middle = _size_and_middle(workout)
    return workout.activity_type, size, middle >> size


def _cells_around(workout: HealthWorkout) -> Iterator[Cell]:
    """Where overlapping workouts lie: under twice as long, each middle inside the other one."""
    size, middle = _size_and_middle(workout)
    return (
        (workout.activity_type, near_size, (middle >> near_size) + step)
        for near_size in (size - 1, size, size + 1)
        for step in (-1, 0, 1)
    )


def _size_and_middle(workout: HealthWorkout) -> tuple[int, int]:
    start_s, end_s = int(workout.started_at.timestamp()), int(workout.ended_at.timestamp())
    return (end_s - start_s).bit_length(), (start_s + end_s) // 2
