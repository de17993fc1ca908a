"""Oura API v2: the night's long sleep and the day's readiness, with a pasted access token.

Days are the tester's own calendar days, as Oura files them. Average HRV is rMSSD in ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import httpx2
from django.conf import settings

from connections.providers.http import (
    ProviderBusy,
    ProviderUnavailable,
    ReconnectNeeded,
    json_of,
    known_shape,
    send,
)

MOST_PAGES = 100
# Longer ranges have been seen to fail.
SPAN = timedelta(days=30)


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
        return str(json_of("Oura", response)["id"])


def nights_between(token: str, first: date, last: date) -> list[OuraNight]:
    """The long sleep of each day; naps, rests and deleted periods are left out."""
    rows = list(_documents(token, "sleep", first, last))
    with known_shape("Oura"):
        nights = [_night_from(row) for row in rows if row["type"] == "long_sleep"]
    longest = {
        night.local_date: night for night in sorted(nights, key=lambda night: night.asleep_s or 0)
    }
    return [longest[day] for day in sorted(longest)]


def readiness_between(token: str, first: date, last: date) -> list[OuraReadiness]:
    rows = list(_documents(token, "daily_readiness", first, last))
    with known_shape("Oura"):
        return [_readiness_from(row) for row in rows]


def _night_from(row: dict[str, Any]) -> OuraNight:
    return OuraNight(
        local_date=date.fromisoformat(row["day"]),
        started_at=datetime.fromisoformat(row["bedtime_start"]),
        ended_at=datetime.fromisoformat(row["bedtime_end"]),
        asleep_s=row.get("total_sleep_duration"),
        deep_s=row.get("deep_sleep_duration"),
        rem_s=row.get("rem_sleep_duration"),
        awake_s=row.get("awake_time"),
        hrv_ms=row.get("average_hrv"),
        lowest_hr_bpm=row.get("lowest_heart_rate"),
    )


def _readiness_from(row: dict[str, Any]) -> OuraReadiness:
    return OuraReadiness(
        local_date=date.fromisoformat(row["day"]),
        score=row.get("score"),
        temperature_deviation_c=row.get("temperature_deviation"),
        contributors=dict(row.get("contributors") or {}),
        measured_at=datetime.fromisoformat(row["timestamp"]),
    )


def _documents(token: str, route: str, first: date, last: date) -> Iterator[dict[str, Any]]:
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
        raise ReconnectNeeded(
            "Oura does not accept the access token. Make a new one and paste it here."
        )
    # Another token does not help, and once the membership is renewed this one works again.
    if response.status_code == 403:
        raise ProviderUnavailable(
            "Oura refuses to share your data: the membership has ended or the token lacks "
            "permission. Check both in the Oura app."
        )
    if response.status_code == 429:
        raise ProviderBusy("Oura asks us to wait: too many requests.")
