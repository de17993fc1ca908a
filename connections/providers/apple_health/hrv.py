"""Heart rate variability: Apple's SDNN, and the RMSSD hidden in the beats beneath it.

The two are different quantities and never share a baseline.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import nan, sqrt

# Only the part inside the hour: hours come as 1-12 or 0-23, with AM, PM or another language.
BEAT_TIME = re.compile(r"(\d\d)[:.](\d\d)[.,](\d{1,3})(?![\d.,:])")
HOUR_MS = 3_600_000

SHORTEST_RR_MS, LONGEST_RR_MS = 300, 2000
LARGEST_STEP = 0.2  # of the interval before; more is an ectopic or a missed beat
FEWEST_STEPS = 20  # of about 46 beats in a sample; fewer say little


def rmssd_ms(beats_ms: Sequence[float]) -> float | None:
    """Root mean square of successive differences of the intervals between beats.

    Apple gives the times to 10 ms, which adds 1 to 2 ms to the result at rest.
    """
    intervals_ms = [_interval_ms(a, b) for a, b in pairwise(beats_ms)]
    steps_ms = [b - a for a, b in pairwise(intervals_ms) if abs(b - a) <= LARGEST_STEP * a]
    if len(steps_ms) < FEWEST_STEPS:
        return None
    return sqrt(sum(step * step for step in steps_ms) / len(steps_ms))


def into_hour_ms(time: str) -> float:
    """The time of a beat, in milliseconds since the full hour; NaN if it cannot be read."""
    found = BEAT_TIME.search(time)
    if not found:
        return nan
    minutes, seconds, fraction = found.groups()
    return (int(minutes) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _interval_ms(beat_ms: float, next_beat_ms: float) -> float:
    """NaN for a gap, so that it drops out of every comparison that follows."""
    interval_ms = (next_beat_ms - beat_ms) % HOUR_MS
    return interval_ms if SHORTEST_RR_MS <= interval_ms <= LONGEST_RR_MS else nan
