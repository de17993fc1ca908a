"""Whether the readings of a morning contradict each other. Pure.

No trial says how far apart two readings must be; these are conventions. When they disagree the
careful one decides, and the coach may be less sure of itself.
"""

from collections.abc import Sequence

TIRED_FEEL = 2
CLEARLY_READY = 10
SLEEP_APART_H = 2.0


def readings_disagree(
    *,
    readiness: int | None,
    min_readiness: int,
    rhr_rise: float | None,
    rhr_rise_bpm: int,
    feel: int | None,
    slept_h: Sequence[float],
) -> bool:
    """`rhr_rise`: beats a minute above its baseline; `slept_h`: of last night, by each source."""
    is_ready = readiness is not None and readiness >= min_readiness
    is_clearly_ready = readiness is not None and readiness >= min_readiness + CLEARLY_READY
    heart_says_no = rhr_rise is not None and rhr_rise >= rhr_rise_bpm
    rider_says_no = feel is not None and feel <= TIRED_FEEL
    nights_differ = len(slept_h) > 1 and max(slept_h) - min(slept_h) >= SLEEP_APART_H
    return (is_ready and heart_says_no) or (is_clearly_ready and rider_says_no) or nights_differ
