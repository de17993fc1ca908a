"""Half-open intervals of seconds, and what of one the others leave free."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

Interval = tuple[int, int]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted and disjoint; empty intervals cover nothing."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def length(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in intervals)


def gaps(start: int, end: int, cover: Sequence[Interval]) -> list[Interval]:
    """The parts of the interval that a `union` leaves uncovered."""
    free = []
    for covered_from, covered_to in cover[_first_after(start, cover) :]:
        if covered_from >= end:
            break
        if covered_from > start:
            free.append((start, covered_from))
        start = covered_to
    if start < end:
        free.append((start, end))
    return free


def free_share(start: int, end: int, cover: Sequence[Interval]) -> float:
    """How much of the interval is free, 0 to 1. A moment is free or it is not."""
    nearest = _first_after(start, cover)
    if nearest == len(cover):
        return 1.0
    covered_from, covered_to = cover[nearest]
    if covered_from <= start and end <= covered_to:
        return 0.0
    if end <= covered_from:
        return 1.0
    return length(gaps(start, end, cover)) / (end - start)


def _first_after(instant: int, cover: Sequence[Interval]) -> int:
    """Position of the first interval that ends after the instant."""
    begun = bisect_right(cover, (instant, inf))
    return begun - 1 if begun and cover[begun - 1][1] > instant else begun
