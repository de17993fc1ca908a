"""Normalized power of a recording; the coach knows the same formula for its own checks."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

WINDOW_S = 30


def normalized_power(watts: Sequence[float | None]) -> float | None:
    """In W, of a 1 Hz series: the fourth root of the mean fourth power of 30 s means (Coggan).

    0 W is coasting and counts; None is a dropout: up to 30 s are bridged, a longer one starts the
    window afresh. None when no window of 30 recorded seconds fills.
    """
    fourth_powers = [
        ((end - start) / WINDOW_S) ** 4
        for stretch in _stretches(watts)
        for start, end in _window_sums(stretch)
    ]
    if not fourth_powers:
        return None
    return math.sqrt(math.sqrt(sum(fourth_powers) / len(fourth_powers)))


def _stretches(watts: Sequence[float | None]) -> Iterator[list[float]]:
    stretch: list[float] = []
    gap_s = 0
    for sample in watts:
        if sample is None:
            gap_s += 1
            continue
        if gap_s > WINDOW_S:
            yield stretch
            stretch = []
        gap_s = 0
        stretch.append(sample)
    yield stretch


def _window_sums(stretch: Sequence[float]) -> Iterator[tuple[float, float]]:
    sums = list(accumulate(stretch, initial=0.0))
    return zip(sums, sums[WINDOW_S:], strict=False)
