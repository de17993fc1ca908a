"""Where samples wait for their day, each kind of quantity as small as it can be kept."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
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
DayOf = Callable[[int, int], int]  # start and end of a sample to the ordinal of its day


class Store(Protocol):
    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None: ...


class Tally:
    """Running statistics of one day."""

    __slots__ = ("count", "highest", "last_s", "lowest", "sources", "total")

    def __init__(self, value: float) -> None:
        self.count = 0
        self.total = 0.0
        self.lowest = self.highest = value
        self.last_s = 0
        self.sources: set[int] = set()

    @property
    def mean(self) -> float:
        return self.total / self.count


class DayStatistics:
    def __init__(self, quantity: Quantity, day_of: DayOf) -> None:
        self.by_day: dict[int, Tally] = {}
        self._quantity = quantity
        self._day_of = day_of

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self._quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        day = self._day_of(start_s, end_s)
        tally = self.by_day.get(day)
        if tally is None:
            tally = self.by_day[day] = Tally(value)
        tally.count += 1
        tally.total += value
        if value < tally.lowest:
            tally.lowest = value
        elif value > tally.highest:
            tally.highest = value
        tally.last_s = max(tally.last_s, end_s)
        tally.sources.add(source)


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
        self._quantity = quantity
        self._by_source: defaultdict[int, Samples] = defaultdict(Samples)

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = self._quantity.read(attributes.get("value", ""), attributes.get("unit", ""))
        self._by_source[source].add(start_s, end_s, value)

    def by_day(self, days: LocalDays, sources: Sources) -> dict[int, DaySum]:
        ranked = ranked_sources(self._by_source, sources)
        return sums_by_day([self._by_source[source] for source in ranked], days)


class SleepSamples:
    def __init__(self) -> None:
        self._by_source: defaultdict[int, Samples] = defaultdict(Samples)

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        stage = STAGES.get(attributes.get("value", ""))
        if stage is None:
            raise Skip(UNKNOWN_STAGE)
        if end_s - start_s > DAY_S:
            raise Skip(IMPOSSIBLE_VALUE)
        self._by_source[source].add(start_s, end_s, stage)

    def by_night(self, days: LocalDays, sources: Sources) -> Iterator[tuple[int, BySource]]:
        """For each day of waking up, the samples of each source, the most trusted one first."""
        nights: defaultdict[int, defaultdict[int, list[StageSample]]]
        nights = defaultdict(lambda: defaultdict(list))
        for source in ranked_sources(self._by_source, sources):
            for start_s, end_s, stage in self._by_source[source]:
                night = nights[days.of_night(start_s, end_s)]
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
    def __init__(self) -> None:
        self._starts_s = array("I")
        self._sdnn_ms = array("d")
        self._rmssd_ms = array("d")
        self._sources = array("H")

    def add(self, source: int, start_s: int, end_s: int, attributes: Attributes) -> None:
        value = SDNN_MS.read(attributes.get("value", ""), attributes.get("unit", ""))
        self._starts_s.append(start_s)
        self._sdnn_ms.append(value)
        self._rmssd_ms.append(nan)
        self._sources.append(source)

    def add_beats(self, beats_ms: Sequence[float]) -> None:
        """To the sample added last."""
        measured = rmssd_ms(beats_ms)
        if measured is not None:
            self._rmssd_ms[-1] = measured

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
        self._beats_ms = array("d")

    def child(self, _depth: int, name: str, attributes: Attributes) -> None:
        if name == "InstantaneousBeatsPerMinute" and len(self._beats_ms) < MAX_BEATS:
            self._beats_ms.append(into_hour_ms(attributes.get("time", "")))

    def close(self) -> None:
        self._samples.add_beats(self._beats_ms)
