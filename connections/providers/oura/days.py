"""What Oura tells of a day besides its night: each part on a route of its own, none of them needed.

Stress and recovery are the minutes in Oura's highest zones; rest mode is a 1 on each of its days.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import httpx2

from connections.models import DailySample
from connections.providers.http import (
    ProviderBusy,
    ProviderError,
    ProviderRefuses,
    TokenRefused,
    known_shape,
)
from connections.providers.oura import client

Kind = DailySample.Kind
Document = dict[str, Any]
# A period of rest is filed under the day it began on, and may go on for weeks. With the week and
# a day of a usual reading it fits into two spans.
LONGEST_REST = timedelta(days=50)


@dataclass(frozen=True, slots=True)
class OuraValue:
    local_date: date
    kind: DailySample.Kind
    value: float
    unit: str
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """words: as a tester would call it; scope: without it Oura answers 401 for ever."""

    words: str
    scope: str
    read: Callable[[str, date, date], list[OuraValue]]


@dataclass(frozen=True, slots=True)
class Days:
    """parts: those that were read; left_out: the others and why, in words."""

    values: Sequence[OuraValue]
    parts: Sequence[Part]
    left_out: str


def read(parts: Iterable[Part], token: str, first: date, last: date) -> Days:
    """Each part for itself: one that fails takes nothing from the others."""
    values: list[OuraValue] = []
    done, missing = list[Part](), list[Part]()
    error: ProviderError | None = None
    for part in parts:
        if error is not None and _holds_for_all(error):
            missing.append(part)
            continue
        try:
            values += part.read(token, first, last)
            done.append(part)
        except ProviderError as failure:
            error = failure
            missing.append(part)
    return Days(values, done, _left_out(missing, error))


def _holds_for_all(error: ProviderError) -> bool:
    """Whoever is asked to wait, or gets no answer at all, does not go on asking."""
    return isinstance(error, ProviderBusy) or isinstance(error.__cause__, httpx2.RequestError)


def _left_out(missing: Sequence[Part], error: ProviderError | None) -> str:
    if error is None:
        return ""
    # The nights came with the same token: it is alive, and lacks a permission.
    is_forbidden = isinstance(error, TokenRefused | ProviderRefuses)
    why = "Oura does not permit it." if is_forbidden else str(error)
    return f"Read without {', '.join(part.words for part in missing)}: {why}"


def _sleep_scores(token: str, first: date, last: date) -> list[OuraValue]:
    return _values(token, "daily_sleep", first, last, _sleep_score)


def _activities(token: str, first: date, last: date) -> list[OuraValue]:
    return _values(token, "daily_activity", first, last, _activity)


def _stresses(token: str, first: date, last: date) -> list[OuraValue]:
    return _values(token, "daily_stress", first, last, _stress)


def _capacities(token: str, first: date, last: date) -> list[OuraValue]:
    return _values(token, "vO2_max", first, last, _capacity)


def _rests(token: str, first: date, last: date) -> list[OuraValue]:
    rows = list(client.documents(token, "rest_mode_period", first - LONGEST_REST, last))
    with known_shape("Oura"):
        days = {day for row in rows for day in _days_of_rest(row, first, last)}
    return [OuraValue(day, Kind.REST_MODE, 1, "day") for day in sorted(days)]


def _values(
    token: str,
    route: str,
    first: date,
    last: date,
    values_of: Callable[[Document], Iterator[OuraValue | None]],
) -> list[OuraValue]:
    """What a day has no number for is left out."""
    rows = list(client.documents(token, route, first, last))
    with known_shape("Oura"):
        return [value for row in rows for value in values_of(row) if value is not None]


def _sleep_score(row: Document) -> Iterator[OuraValue | None]:
    yield _value(row, "score", Kind.SLEEP_SCORE, "score")


def _activity(row: Document) -> Iterator[OuraValue | None]:
    yield _value(row, "score", Kind.ACTIVITY_SCORE, "score")
    yield _value(row, "active_calories", Kind.ACTIVE_ENERGY, "kcal")
    yield _value(row, "steps", Kind.STEPS, "steps")


def _stress(row: Document) -> Iterator[OuraValue | None]:
    """Oura tells seconds, and no instant."""
    yield _value(row, "stress_high", Kind.STRESS, "min", per_unit=60)
    yield _value(row, "recovery_high", Kind.RECOVERY, "min", per_unit=60)


def _capacity(row: Document) -> Iterator[OuraValue | None]:
    yield _value(row, "vo2_max", Kind.VO2MAX, "mL/min/kg")


def _value(
    row: Document, name: str, kind: DailySample.Kind, unit: str, per_unit: float = 1
) -> OuraValue | None:
    told = client.number_in(row, name)
    if told is None:
        return None
    measured_at = client.instant_in(row, "timestamp") if "timestamp" in row else None
    return OuraValue(date.fromisoformat(row["day"]), kind, told / per_unit, unit, measured_at)


def _days_of_rest(row: Document, first: date, last: date) -> Iterator[date]:
    """Its days within the range; one without an end has lasted until the last of them."""
    ended = row.get("end_day")
    day = max(date.fromisoformat(row["start_day"]), first)
    until = min(date.fromisoformat(ended), last) if ended else last
    while day <= until:
        yield day
        day += timedelta(days=1)


REST_MODE = Part("rest mode", client.DAYS_SCOPE, _rests)
PARTS = (
    Part("sleep score", client.DAYS_SCOPE, _sleep_scores),
    Part("activity", client.DAYS_SCOPE, _activities),
    REST_MODE,
    Part("stress and recovery", "stress", _stresses),
    Part("VO2max", "heart_health", _capacities),
)
