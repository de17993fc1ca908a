"""How long each power was ridden: what is kept of a stream, so that minutes per zone follow from
whichever FTP held on the day."""

from collections.abc import Iterator, Sequence

BIN_W = 10
# As of a file: what a meter cannot have measured it has not.
MOST_W = 3000


def power_histogram(watts: Sequence[float | None]) -> list[int] | None:
    """Seconds in each bin of 10 W from 0 W up, of a 1 Hz series; None without a single one.

    Coasting is the first bin. What was not recorded is in none.
    """
    bins = [int(sample // BIN_W) for sample in watts if sample is not None and 0 <= sample < MOST_W]
    if not bins:
        return None
    seconds = [0] * (max(bins) + 1)
    for index in bins:
        seconds[index] += 1
    return seconds


def middles(histogram: Sequence[int]) -> Iterator[tuple[float, int]]:
    """The power in the middle of each bin, and its seconds; a zone is right to within 5 W."""
    return ((index * BIN_W + BIN_W / 2, seconds) for index, seconds in enumerate(histogram))
