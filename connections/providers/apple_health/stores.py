"""Where samples wait for their day, each kind of quantity as small as it can be kept."""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import isnan, nan
from operator import add
from typing import Protocol

from connections.providers.apple_health.errors import Skip
from connections.providers.apple_health.hrv import into_hour_ms, rmssd_ms
from connections.providers.apple_health.local_time import DAY_S, LocalDays
from connections.providers.apple_health.samples import DaySum, Samples, sums_by_day
from connections.providers.apple_health.sleep import STAGES, BySource, Stage, StageSample
from connections.providers.apple_health.sources import Sources
from connections.providers.apple_health.units import IMPOSSIBLE_VALUE, SDNN_MS, Quantity

MAX_BEATS = 1000  # real samples have about 46

UNKNOWN_STAGE = "an unknown sleep stage"

Attributes = dict[str, str]


class Store(Protocol):
    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None: ...


class StoreOfMany(Protocol):
    """Takes many samples of one source at once, with the same result as one by one."""

    quantity: Quantity

    def add_all(
        self,
        source: int,
        starts_s: Sequence[int],
        ends_s: Sequence[int],
        values: Sequence[float],
    ) -> None: ...


class Tally:
    """Running statistics of one day."""

    __slots__ = ("_sources", "count", "highest", "last_s", "lowest", "total")

    def __init__(self, value: float) -> None:
        self.count = 0
        self.total = 0.0
        self.lowest = self.highest = value
        self.last_s = 0
        self._sources = 0  # a bit for each: a set of them would take fifty bytes for each

    def add(self, source: int, end_s: int, value: float) -> None:
        self.count += 1
        self.total += value
        if value < self.lowest:
            self.lowest = value
        elif value > self.highest:
            self.highest = value
        self.last_s = max(self.last_s, end_s)
        self._sources |= 1 << source

    def add_all(self, source: int, ends_s: Sequence[int], values: Sequence[float]) -> None:
        self.count += len(values)
        # In this order and without the corrections of sum(): to the last bit as one by one.
        self.total = reduce(add, values, self.total)
        self.lowest = min(self.lowest, *values)
        self.highest = max(self.highest, *values)
        self.last_s = max(self.last_s, *ends_s)
        self._sources |= 1 << source

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def sources(self) -> Iterator[int]:
        return (
            source for source in range(self._sources.bit_length()) if self._sources >> source & 1
        )


class Statistics:
    """Of what is measured now and then, by day."""

    def __init__(self, quantity: Quantity, days: LocalDays) -> None:
        self.by_day: dict[int, Tally] = {}
        self.quantity = quantity
        self._days = days

    def _tally_of(self, day: int, value: float) -> Tally:
        tally = self.by_day.get(day)
        if tally is None:
            tally = self.by_day[day] = Tally(value)
        return tally


class DayStatistics(Statistics):
    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self.quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        self._tally_of(self._days.of(start_s), value).add(source, end_s, value)

    def add_all(
        self,
        source: int,
        starts_s: Sequence[int],
        ends_s: Sequence[int],
        values: Sequence[float],
    ) -> None:
        """A day at a time as long as they are in order, and one at a time if they are not."""
        in_order = starts_s == sorted(starts_s)
        first = 0
        while first < len(starts_s):
            day = self._days.of(starts_s[first])
            after = bisect_left(starts_s, self._days.end_s, first) if in_order else first + 1
            part = slice(first, after)
            self._tally_of(day, values[first]).add_all(source, ends_s[part], values[part])
            first = after


class NightStatistics(Statistics):
    """Of what is measured asleep."""

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self.quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        self.add_all(source, [start_s], [end_s], [value])

    def add_all(
        self,
        source: int,
        starts_s: Sequence[int],
        ends_s: Sequence[int],
        values: Sequence[float],
    ) -> None:
        for end_s, value in zip(ends_s, values, strict=True):
            self._tally_of(self._days.of_night(end_s), value).add(source, end_s, value)


@dataclass(frozen=True, slots=True)
class Reading:
    measured_s: int
    value: float
    source: int


class DayLatest:
    def __init__(self, quantity: Quantity, days: LocalDays) -> None:
        self.by_day: dict[int, Reading] = {}
        self._quantity = quantity
        self._days = days

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self._quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        day = self._days.of(start_s)
        known = self.by_day.get(day)
        if known is None or start_s >= known.measured_s:
            self.by_day[day] = Reading(start_s, value, source)


class Cumulative:
    def __init__(self, quantity: Quantity) -> None:
        self.quantity = quantity
        self.count = 0
        self._by_source: defaultdict[int, Samples] = defaultdict(Samples)

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self.quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        self._by_source[source].add(start_s, end_s, value)
        self.count += 1

    def add_all(
        self,
        source: int,
        starts_s: Sequence[int],
        ends_s: Sequence[int],
        values: Sequence[float],
    ) -> None:
        self._by_source[source].add_all(starts_s, ends_s, values)
        self.count += len(starts_s)

    def by_day(self, days: LocalDays, sources: Sources) -> dict[int, DaySum]:
        ranked = ranked_sources(self._by_source, sources)
        return sums_by_day([self._by_source[source] for source in ranked], days)


class SleepSamples:
    def __init__(self) -> None:
        self.count = 0
        self._by_source: defaultdict[int, Samples] = defaultdict(Samples)

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        stage = STAGES.get(attributes.get("value", ""))
        if stage is None:
            raise Skip(UNKNOWN_STAGE)
        if end_s - start_s > DAY_S:
            raise Skip(IMPOSSIBLE_VALUE)
        self._by_source[source].add(start_s, end_s, stage)
        self.count += 1

    def by_night(self, days: LocalDays, sources: Sources) -> Iterator[tuple[int, BySource]]:
        """For each day of waking up, the samples of each source, the most trusted one first."""
        nights: defaultdict[int, defaultdict[int, list[StageSample]]]
        nights = defaultdict(lambda: defaultdict(list))
        for source in ranked_sources(self._by_source, sources):
            for start_s, end_s, stage in self._by_source[source]:
                night = nights[days.of_night(end_s)]
                night[source].append((start_s, end_s, Stage(int(stage))))
        return ((day, list(by_source.items())) for day, by_source in nights.items())


def ranked_sources(by_source: dict[int, Samples], sources: Sources) -> list[int]:
    """Most trusted kind first; of two watches, the one worn last."""
    return sorted(
        by_source,
        key=lambda source: (
            sources.kinds[source],
            -by_source[source].latest_s,
            sources.names[source],
        ),
    )


@dataclass(frozen=True, slots=True, order=True)
class HrvSample:
    start_s: int
    sdnn_ms: float
    source: int
    rmssd_ms: float | None = field(compare=False)


class HrvSamples:
    quantity = SDNN_MS

    def __init__(self) -> None:
        self._starts_s = array("I")
        self._sdnn_ms = array("d")
        self._rmssd_ms = array("d")
        self._sources = array("H")

    @property
    def count(self) -> int:
        return len(self._starts_s)

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self.quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        self.add_all(source, [start_s], [end_s], [value])

    def add_all(
        self,
        source: int,
        starts_s: Sequence[int],
        ends_s: Sequence[int],
        values: Sequence[float],
    ) -> None:
        self._starts_s.extend(starts_s)
        self._sdnn_ms.extend(values)
        self._rmssd_ms.extend([nan] * len(values))
        self._sources.extend([source] * len(values))

    def add_beats(self, times_of_each: Sequence[Sequence[str]]) -> None:
        """To the samples added last."""
        first = len(self._rmssd_ms) - len(times_of_each)
        for position, times in enumerate(times_of_each, first):
            measured = rmssd_ms([into_hour_ms(time) for time in times[:MAX_BEATS]])
            if measured is not None:
                self._rmssd_ms[position] = measured

    def in_order(self) -> list[HrvSample]:
        """By time, repeats left out."""
        rows = zip(self._starts_s, self._sdnn_ms, self._sources, self._rmssd_ms, strict=True)
        return sorted(
            {
                HrvSample(start_s, sdnn_ms, source, None if isnan(rmssd) else rmssd)
                for start_s, sdnn_ms, source, rmssd in rows
            }
        )


class Beats:
    """The beats beneath one HRV record, while they arrive."""

    def __init__(self, samples: HrvSamples) -> None:
        self._samples = samples
        self._times: list[str] = []

    def child(self, _depth: int, name: str, attributes: Attributes) -> None:
        if name == "InstantaneousBeatsPerMinute" and len(self._times) < MAX_BEATS:
            self._times.append(attributes.get("time", ""))

    def close(self) -> None:
        self._samples.add_beats([self._times])
