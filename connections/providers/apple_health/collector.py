"""Takes the elements of an export one by one, and counts what has to be left out."""

from collections import Counter
from datetime import date, datetime
from operator import le
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connections.providers.apple_health.daily import HRV_TYPE, Daily
from connections.providers.apple_health.errors import UNLIKE_APPLE, NotAnExport, Skip
from connections.providers.apple_health.export import HealthExport, HealthWorkout
from connections.providers.apple_health.local_time import (
    EARLIEST_S,
    IMPOSSIBLE_DATE,
    LATEST_S,
    UNREADABLE_DATE,
    Instants,
    LocalDays,
    at,
)
from connections.providers.apple_health.runs import END, START, VALUE, Run, are_moments
from connections.providers.apple_health.sources import Sources
from connections.providers.apple_health.stores import Attributes, Beats
from connections.providers.apple_health.units import (
    ENERGY_KCAL,
    EXERCISE_MIN,
    STAND_HOURS,
    Quantity,
)
from connections.providers.apple_health.workouts import OpenWorkout, with_duplicates

SHORTEST_RUN_BYTES = 2000  # below, expat is as fast
MAX_WORKOUTS = 50_000
MAX_ZONES = 1000
LONGEST_ZONE_NAME = 64

EARLIEST_DATE, LATEST_DATE = at(EARLIEST_S).date(), at(LATEST_S).date()
ENDS_EARLY = "an end before the start"


class OpenElement(Protocol):
    """An element of which the children matter too."""

    def child(self, depth: int, name: str, attributes: Attributes) -> None: ...

    def close(self) -> None: ...


class Collector:
    def __init__(self, zone: ZoneInfo) -> None:
        self._exported_at: datetime | None = None
        self._instants = Instants()
        self._sources = Sources()
        self._daily = Daily(LocalDays(zone))
        self._stores = self._daily.stores()
        self._stores_of_many = self._daily.stores_of_many()
        self._workouts: list[HealthWorkout] = []
        self._zones = Counter[str]()
        self._problems = Counter[str]()

    def export_date(self, attributes: Attributes) -> None:
        try:
            exported_s = self._instants.read(attributes.get("value", ""))
        except Skip:
            return
        self._exported_at = at(exported_s)
        self._instants.not_after(exported_s)

    def record(self, attributes: Attributes) -> OpenElement | None:
        kind = attributes.get("type", "")
        store = self._stores.get(kind)
        if store is None:
            return None
        try:
            source = self._sources.number_of(attributes)
            start_s, end_s = self._span(attributes)
            store.add(source, start_s, end_s, attributes)
        except Skip as skip:
            self._problems[f"records with {skip}"] += 1
            return None
        return Beats(self._daily.hrv) if kind == HRV_TYPE else None

    def take(self, run: Run) -> bool:
        """All the Records of a run; False, and nothing is taken, if one needs a closer look."""
        store = self._stores_of_many.get(run.kind)
        if store is None:
            return run.kind not in self._stores
        if not run.has_values or run.length < SHORTEST_RUN_BYTES:
            return False
        try:
            samples = self._samples_of(run, store.quantity)
        except (Skip, KeyError, ValueError):
            return False
        store.add_all(*samples)
        if run.kind == HRV_TYPE:
            self._daily.hrv.add_beats(run.beat_times())
        return True

    def workout(self, attributes: Attributes) -> OpenElement | None:
        if len(self._workouts) >= MAX_WORKOUTS:
            raise NotAnExport(UNLIKE_APPLE)
        try:
            source = self._sources.number_of(attributes)
            start_s, end_s = self._span(attributes)
        except Skip as skip:
            self._problems[f"workouts with {skip}"] += 1
            return None
        return OpenWorkout(
            attributes=attributes,
            source_name=self._sources.names[source],
            start_s=start_s,
            end_s=end_s,
            finished=self._workouts,
            problems=self._problems,
        )

    def activity_summary(self, attributes: Attributes) -> None:
        try:
            local_date = date.fromisoformat(attributes.get("dateComponents", ""))
        except ValueError:
            self._problems[f"activity rings with {UNREADABLE_DATE}"] += 1
            return
        if not EARLIEST_DATE <= local_date <= LATEST_DATE:
            self._problems[f"activity rings with {IMPOSSIBLE_DATE}"] += 1
            return
        unit = attributes.get("activeEnergyBurnedUnit", "")
        self._daily.rings[local_date.toordinal()] = {
            "ring_active_energy_kcal": self._ring(
                ENERGY_KCAL, attributes.get("activeEnergyBurned", ""), unit
            ),
            "ring_exercise_min": self._ring(
                EXERCISE_MIN, attributes.get("appleExerciseTime", ""), "min"
            ),
            "ring_stand_hours": self._ring(
                STAND_HOURS, attributes.get("appleStandHours", ""), "count"
            ),
        }

    def time_zone(self, name: str) -> None:
        if len(name) > LONGEST_ZONE_NAME:
            return
        if name in self._zones or len(self._zones) < MAX_ZONES:
            self._zones[name] += 1

    def is_overfull(self) -> bool:
        """Whether more waits for its day than the largest of real exports holds."""
        return self._daily.is_overfull()

    def result(self) -> HealthExport:
        workouts = with_duplicates(self._workouts, self._sources.kind_of)
        return HealthExport(
            exported_at=self._exported_at,
            days=self._daily.health_days(self._sources, workouts),
            workouts=workouts,
            problems=dict(self._problems),
            home_zone=self._home_zone(),
        )

    def _samples_of(
        self, run: Run, quantity: Quantity
    ) -> tuple[int, list[int], list[int], list[float]]:
        """Source, starts, ends and values; raises what `take` catches if one cannot be read."""
        attributes, rows = run.attributes(), run.rows()
        source = self._sources.number_of(attributes)
        starts_s = ends_s = self._instants.read_all(rows, START, run.offset)
        if not are_moments(rows):
            ends_s = self._instants.read_all(rows, END, run.offset)
        if not all(map(le, starts_s, ends_s)):
            raise Skip(ENDS_EARLY)
        values = quantity.read_all([row[VALUE:] for row in rows], attributes.get("unit", ""))
        return source, starts_s, ends_s, values

    def _span(self, attributes: Attributes) -> tuple[int, int]:
        start, end = attributes.get("startDate", ""), attributes.get("endDate", "")
        start_s = self._instants.read(start)
        end_s = start_s if end == start else self._instants.read(end)
        if end_s < start_s:
            raise Skip(ENDS_EARLY)
        return start_s, end_s

    def _ring(self, quantity: Quantity, text: str, unit: str) -> float | None:
        if not text:
            return None
        try:
            return quantity.read(text, unit)
        except Skip as skip:
            self._problems[f"activity rings with {skip}"] += 1
            return None

    def _home_zone(self) -> str | None:
        for name, _ in self._zones.most_common():
            try:
                return ZoneInfo(name).key
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
        return None
