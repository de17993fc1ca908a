"""The API of intervals.icu: a key's owner, their activities, their wellness days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings

from connections.providers.http import (
    ProviderBusy,
    ProviderRefuses,
    TokenRefused,
    json_of,
    known_shape,
    send,
)

NAME = "intervals.icu"


@dataclass(frozen=True, slots=True)
class Effort:
    external_id: str
    started_at: datetime
    name: str
    sport: str
    moving_s: int
    elapsed_s: int
    np_w: float | None


@dataclass(frozen=True, slots=True)
class Day:
    local_date: date
    asleep_s: int | None
    hrv_ms: float | None
    resting_hr_bpm: float | None


def athlete_id(key: str) -> str:
    """The cheapest call that proves a key works."""
    with known_shape(NAME):
        return str(_get(key, "athlete/0")["id"])


def efforts_between(key: str, first: date, last: date) -> Iterator[Effort]:
    rows = _get(key, "athlete/0/activities", first, last)
    with known_shape(NAME):
        yield from [_effort(row) for row in rows]


def days_between(key: str, first: date, last: date) -> Iterator[Day]:
    rows = _get(key, "athlete/0/wellness", first, last)
    with known_shape(NAME):
        yield from [_day(row) for row in rows]


def _effort(row: dict[str, Any]) -> Effort:
    return Effort(
        external_id=str(row["id"]),
        started_at=datetime.fromisoformat(row["start_date"]),
        name=row.get("name") or "",
        sport=row["type"],
        moving_s=row["moving_time"],
        elapsed_s=row["elapsed_time"],
        np_w=row.get("icu_weighted_avg_watts"),
    )


def _day(row: dict[str, Any]) -> Day:
    return Day(
        local_date=date.fromisoformat(row["id"]),
        asleep_s=row.get("sleepSecs"),
        hrv_ms=row.get("hrv"),
        resting_hr_bpm=row.get("restingHR"),
    )


def _get(key: str, path: str, first: date | None = None, last: date | None = None) -> Any:
    days = {"oldest": str(first), "newest": str(last)} if first and last else None
    url = f"{settings.SOURCES['intervals']['API_URL']}/api/v1/{path}"
    response = send(NAME, "GET", url, params=days, basic_auth=("API_KEY", key))
    if response.status_code == 401:
        raise TokenRefused(f"{NAME} does not accept the key. Copy it again from its settings.")
    if response.status_code == 403:
        raise ProviderRefuses(f"{NAME} does not share your data. Look into its settings.")
    if response.status_code == 429:
        raise ProviderBusy(f"{NAME} asks us to wait: too many requests.")
    return json_of(NAME, response)
