"""Asking Strava's API for something: each request is counted, and each answer tells the count."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2
from django.conf import settings
from django.utils import timezone

from connections import budget
from connections.budget import Usage, Window
from connections.providers.base import Visit
from connections.providers.http import Params, json_of, send
from connections.providers.strava.answers import raise_for
from connections.sources import Source

# Strava counts all requests, and those that only read once more; ours only read.
KINDS = ("x-ratelimit", "x-readratelimit")


@dataclass(frozen=True, slots=True)
class Access:
    """By whose token Strava is asked, and how much of what it grants the service may be used."""

    token: str = field(repr=False)
    share: float = 1.0

    @classmethod
    def of(cls, visit: Visit) -> "Access":
        share = 1.0 if visit.is_urgent else settings.STRAVA_BACKGROUND_SHARE
        return cls(visit.access_token, share)


def get(access: Access, path: str, params: Params | None = None) -> Any:
    """The body of a good answer; raises ProviderError."""
    return json_of("Strava", _response(access, path, params))


def find(access: Access, path: str, params: Params | None = None) -> Any | None:
    """The same, and None for what is not there."""
    response = _response(access, path, params)
    return None if response.status_code == 404 else json_of("Strava", response)


def usage_in(headers: Mapping[str, str]) -> Usage | None:
    """Of each window the tighter count; None where the headers are missing or odd."""
    try:
        told = [
            (_pair(headers[f"{kind}-limit"]), _pair(headers[f"{kind}-usage"]))
            for kind in KINDS
            if f"{kind}-limit" in headers
        ]
    except (KeyError, ValueError):
        return None
    if not told:
        return None
    quarter, day = (
        min(
            (Window(limit[at], used[at]) for limit, used in told),
            key=lambda window: window.limit - window.used,
        )
        for at in (0, 1)
    )
    return Usage(quarter, day)


def note(headers: Mapping[str, str], now: datetime) -> None:
    """Of an answer to a request made at `now`: what it says is used up."""
    told = usage_in(headers)
    if told is not None:
        budget.learn(Source.STRAVA, told, now)


def _response(access: Access, path: str, params: Params | None) -> httpx2.Response:
    now = timezone.now()
    budget.take(Source.STRAVA, now, share=access.share)
    response = send(
        "Strava", "GET", f"{settings.STRAVA_API_URL}{path}", token=access.token, params=params
    )
    note(response.headers, now)
    if response.status_code == 429:
        raise budget.used_up(Source.STRAVA, now)
    raise_for(response)
    return response


def _pair(header: str) -> tuple[int, int]:
    quarter, day = header.split(",")
    return int(quarter), int(day)
