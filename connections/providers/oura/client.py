"""Oura API v2: its documents by route and days, the night's long sleep and the day's readiness.

Days are the tester's own calendar days, as Oura files them. Average HRV is rMSSD in ms.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import httpx2
from django.conf import settings
from django.utils import timezone

from connections.providers.http import (
    NotShared,
    ProviderBusy,
    ProviderUnavailable,
    TokenRefused,
    json_of,
    known_shape,
    send,
)

MOST_PAGES = 100
# Longer ranges have been seen to fail.
SPAN = timedelta(days=30)
# Its window is five minutes: whoever is told to wait longer asks in an hour what holds then.
LONGEST_WAIT = timedelta(hours=1)
WHO_SCOPE = "personal"
DAYS_SCOPE = "daily"


@dataclass(frozen=True, slots=True)
class OuraNight:
    local_date: date
    started_at: datetime
    ended_at: datetime
    asleep_s: int | None
    deep_s: int | None
    rem_s: int | None
    awake_s: int | None
    hrv_ms: float | None
    lowest_hr_bpm: float | None
    breaths_per_min: float | None = None


@dataclass(frozen=True, slots=True)
class OuraReadiness:
    local_date: date
    score: int | None
    temperature_deviation_c: float | None
    contributors: dict[str, int | None]
    measured_at: datetime


def account_id(token: str) -> str:
    """Oura's id of the token's owner: the cheapest call that proves a token works."""
    response = send("Oura", "GET", _url("personal_info"), token=token)
    _raise_for(response)
    with known_shape("Oura"):
        return text_in(json_of("Oura", response), "id")


def nights_between(token: str, first: date, last: date) -> list[OuraNight]:
    """The long sleep of each day; naps, rests and deleted periods are left out."""
    rows = list(documents(token, "sleep", first, last))
    with known_shape("Oura"):
        nights = [_night_from(row) for row in rows if row["type"] == "long_sleep"]
    longest = {
        night.local_date: night for night in sorted(nights, key=lambda night: night.asleep_s or 0)
    }
    return [longest[day] for day in sorted(longest)]


def readiness_between(token: str, first: date, last: date) -> list[OuraReadiness]:
    rows = list(documents(token, "daily_readiness", first, last))
    with known_shape("Oura"):
        return [_readiness_from(row) for row in rows]


def _night_from(row: dict[str, Any]) -> OuraNight:
    return OuraNight(
        local_date=date.fromisoformat(row["day"]),
        started_at=instant_in(row, "bedtime_start"),
        ended_at=instant_in(row, "bedtime_end"),
        asleep_s=number_in(row, "total_sleep_duration"),
        deep_s=number_in(row, "deep_sleep_duration"),
        rem_s=number_in(row, "rem_sleep_duration"),
        awake_s=number_in(row, "awake_time"),
        hrv_ms=number_in(row, "average_hrv"),
        lowest_hr_bpm=number_in(row, "lowest_heart_rate"),
        breaths_per_min=number_in(row, "average_breath"),
    )


def _readiness_from(row: dict[str, Any]) -> OuraReadiness:
    return OuraReadiness(
        local_date=date.fromisoformat(row["day"]),
        score=number_in(row, "score"),
        temperature_deviation_c=number_in(row, "temperature_deviation", least=-math.inf),
        contributors=dict(row.get("contributors") or {}),
        measured_at=instant_in(row, "timestamp"),
    )


def text_in(row: Mapping[str, Any], name: str) -> str:
    """Raises ValueError for what is none, or empty."""
    told = row[name]
    if not isinstance(told, str) or not told:
        raise ValueError(name)
    return told


def instant_in(row: dict[str, Any], name: str) -> datetime:
    """Raises ValueError for a time that could be anywhere."""
    told = datetime.fromisoformat(row[name])
    if told.tzinfo is None:
        raise ValueError(name)
    return told


def number_in(row: dict[str, Any], name: str, *, least: float = 0) -> Any:
    """The number as it was told, or None; raises ValueError for one that cannot be."""
    value = row.get(name)
    if value is not None and not (math.isfinite(value) and value >= least):
        raise ValueError(name)
    return value


def documents(token: str, route: str, first: date, last: date) -> Iterator[dict[str, Any]]:
    """Everything of these days, some of it twice.

    Whether Oura counts the end of a range in is not documented, so each span begins where the
    one before ended, and the last one reaches a day further.
    """
    end = last + timedelta(days=1)
    while first < end:
        span_end = min(first + SPAN, end)
        yield from _pages(token, route, first, span_end)
        first = span_end


def _pages(token: str, route: str, first: date, last: date) -> Iterator[dict[str, Any]]:
    params: dict[str, str | int] = {
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
    }
    for _ in range(MOST_PAGES):
        response = send("Oura", "GET", _url(route), token=token, params=params)
        _raise_for(response)
        page = json_of("Oura", response)
        with known_shape("Oura"):
            rows, next_token = list(page["data"]), page.get("next_token")
        yield from rows
        if not next_token:
            return
        params["next_token"] = next_token
    raise ProviderUnavailable("Oura kept sending pages without an end.")


def _url(route: str) -> str:
    return f"{settings.OURA_API_URL}/v2/usercollection/{route}"


def _raise_for(response: httpx2.Response) -> None:
    if response.status_code == 401:
        raise TokenRefused(f"Oura does not accept our access. Connect Oura again{_or_paste()}.")
    # Another token does not help, and once the membership is renewed this one works again.
    if response.status_code == 403:
        raise NotShared(
            "Oura refuses to share your data: the membership has ended or the token lacks "
            "permission. Check both in the Oura app."
        )
    if response.status_code == 429:
        raise ProviderBusy(
            "Oura asks us to wait: too many requests.", retry_at=_retry_at(response, timezone.now())
        )


def _or_paste() -> str:
    return ", or paste a new token" if settings.OURA_TAKES_PASTED_TOKENS else ""


def _retry_at(response: httpx2.Response, now: datetime) -> datetime | None:
    """By Retry-After in seconds, else by the instant the window ends; None without either."""
    wait_s, ends_at = (
        response.headers.get(name, "") for name in ("Retry-After", "X-RateLimit-Reset")
    )
    if wait_s.isdecimal():
        left_s = int(wait_s)
    elif ends_at.isdecimal():
        left_s = max(0, int(ends_at) - int(now.timestamp()))
    else:
        return None
    return now + timedelta(seconds=min(left_s, LONGEST_WAIT.total_seconds()))
