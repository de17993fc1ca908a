"""Samples in 16 bytes each, and the sum of a day when several devices counted the same steps."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from connections.providers.apple_health.errors import UNLIKE_APPLE, NotAnExport
from connections.providers.apple_health.intervals import Interval, free_share, union
from connections.providers.apple_health.local_time import LocalDays

Sample = tuple[int, int, float]  # start, end in UTC seconds; value
INTERVAL, VALUE = itemgetter(0, 1), itemgetter(2)

MOST_A_DAY = 200_000  # of one source and type, which is two a second
AT_ONCE = 100_000


class Samples:
    """What one source wrote of one type. Exports repeat samples, and do not always sort them."""

    def __init__(self) -> None:
        self._starts_s = array("I")
        self._ends_s = array("I")
        self._values = array("d")
        self._is_sorted = True
        self._latest_s = 0

    def add(self, start_s: int, end_s: int, value: float) -> None:
        self._starts_s.append(start_s)
        self._ends_s.append(end_s)
        self._values.append(value)
        if start_s < self._latest_s:
            self._is_sorted = False
        else:
            self._latest_s = start_s

    def add_all(
        self, starts_s: Sequence[int], ends_s: Sequence[int], values: Sequence[float]
    ) -> None:
        self._starts_s.extend(starts_s)
        self._ends_s.extend(ends_s)
        self._values.extend(values)
        if starts_s[0] < self._latest_s or starts_s != sorted(starts_s):
            self._is_sorted = False
        self._latest_s = max(self._latest_s, *starts_s)

    @property
    def latest_s(self) -> int:
        return self._latest_s

    def days(self, days: LocalDays) -> Iterator[tuple[int, slice]]:
        """Where the samples that begin on each local day stand, repeats included."""
        if not self._is_sorted:
            self._sort()
        first = 0
        while first < len(self._starts_s):
            ordinal = days.of(self._starts_s[first])
            last = bisect_left(self._starts_s, days.end_s, first)
            if last - first > MOST_A_DAY:
                raise NotAnExport(UNLIKE_APPLE)
            yield ordinal, slice(first, last)
            first = last

    def __getitem__(self, part: slice) -> list[Sample]:
        return list(zip(self._starts_s[part], self._ends_s[part], self._values[part], strict=True))

    def __len__(self) -> int:
        return len(self._starts_s)

    def __iter__(self) -> Iterator[Sample]:
        return zip(self._starts_s, self._ends_s, self._values, strict=True)

    def _sort(self) -> None:
        """A piece at a time, since a list of numbers takes ten times the room of an array."""
        starts_s, everything = self._starts_s, range(len(self._starts_s))
        pieces = [
            array("I", sorted(everything[first : first + AT_ONCE], key=starts_s.__getitem__))
            for first in everything[::AT_ONCE]
        ]
        order = array("I", merge(*pieces, key=starts_s.__getitem__))
        del pieces
        self._starts_s = array("I", map(self._starts_s.__getitem__, order))
        self._ends_s = array("I", map(self._ends_s.__getitem__, order))
        self._values = array("d", map(self._values.__getitem__, order))
        self._is_sorted = True


@dataclass(frozen=True, slots=True)
class DaySum:
    total: float
    raw: float
    largest_source: float


def sums_by_day(ranked: Sequence[Samples], days: LocalDays) -> dict[int, DaySum]:
    """Apple counts the most trusted source at each instant; `ranked` has it first.

    The sources are walked through side by side, and one day of one of them is unpacked at a time.
    """
    side_by_side = merge(
        *(_ranked_days(rank, samples, days) for rank, samples in enumerate(ranked))
    )
    return {
        ordinal: day_sum([(ranked[rank], part) for _, rank, part in of_day])
        for ordinal, of_day in groupby(side_by_side, key=itemgetter(0))
    }


def _ranked_days(rank: int, samples: Samples, days: LocalDays) -> Iterator[tuple[int, int, slice]]:
    return ((ordinal, rank, part) for ordinal, part in samples.days(days))


def day_sum(by_source: Sequence[tuple[Samples, slice]]) -> DaySum:
    total = raw = largest_source = 0.0
    cover: list[Interval] = []
    for rank, (all_days, part) in enumerate(by_source):
        samples = all_days[part]
        unique = list(dict.fromkeys(samples))
        of_source = sum(map(VALUE, unique))
        raw += sum(map(VALUE, samples))
        largest_source = max(largest_source, of_source)
        if rank == 0:
            total = of_source
        else:
            total += sum(value * free_share(start, end, cover) for start, end, value in unique)
        if rank < len(by_source) - 1:
            cover = union([*cover, *map(INTERVAL, unique)])
    return DaySum(total=total, raw=raw, largest_source=largest_source)
