"""Normalized power of a recording, from whichever source it comes."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

WINDOW_S = 30
FIT_INVALID_W = 65535
# Devices that save memory leave out seconds in which little changes; they go on for no longer.
HELD_S = 10


def per_second(samples: Iterable[tuple[float, float | None]]) -> list[float | None]:
    """One value a second, of samples (second, value) in the order of their time.

    As long as their span, which is for the caller to bound. A value holds for up to 10 s that were
    left out after it; of a longer gap, and of what was not recorded, each second is None. Of two
    samples of one second the later counts.
    """
    series: list[float | None] = []
    first: int | None = None
    for at, value in samples:
        first = int(at) if first is None else first
        missing = int(at) - first - len(series)
        if missing < 0:  # a second sample of the same second
            series[-1] = series[-1] if value is None else value
            continue
        held = series[-1] if series and missing < HELD_S else None
        series.extend([held] * missing)
        series.append(value)
    return series


def normalized_power(watts: Sequence[float | None]) -> float | None:
    """In W, of a 1 Hz series: the fourth root of the mean fourth power of 30 s means.

    As Allen and Coggan define it. 0 W is coasting and counts; None, and what no meter can tell, is
    a dropout: up to 30 s are bridged, a longer one, as a pause is, starts the window afresh. None
    when no window of 30 recorded seconds fills.
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
        if sample is None or not 0 <= sample < FIT_INVALID_W:
            gap_s += 1
            continue
        if gap_s > WINDOW_S:
            yield stretch
            stretch = []
        gap_s = 0
        stretch.append(sample)
    yield stretch


def _window_sums(stretch: list[float]) -> Iterator[tuple[float, float]]:
    sums = list(accumulate(stretch, initial=0.0))
    return zip(sums, sums[WINDOW_S:], strict=False)
