"""What makes a source's nights its usual, and which source counts; for the days and the coach."""

from collections.abc import Callable, Sequence
from typing import TypeVar

# A source has its usual after so many values in the days before.
USUAL_DAYS = 60
LEAST_VALUES = 14
# Beyond these a number is a fault of the source, and no reading.
MOST_HRV_MS = 1000
MOST_HR_BPM = 300
MOST_SLEEP_H = 24

Told = TypeVar("Told")


def place(source: str, order: Sequence[str]) -> int:
    """0 is first; a source that is not named comes after all that are."""
    return order.index(source) if source in order else len(order)


def first_that_counts(
    ranked: Sequence[Told],
    has_value: Callable[[Told], bool],
    has_usual: Callable[[Told], bool],
) -> Told:
    """The first with a value and a usual of its own, else the first with a value.

    Where none has a value the first with a usual, else the first. There is one at least.
    """
    told = [one for one in ranked if has_value(one)] or ranked
    return next((one for one in told if has_usual(one)), told[0])
