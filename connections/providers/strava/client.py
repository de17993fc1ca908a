"""Strava's API: a fresh pair of tokens, rides and their power, and giving the access back.

API v3; base URLs are settings because Strava moves them in 2027. Rides come as SummaryActivity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from operator import itemgetter
from typing import Any

from django.conf import settings

from connections.providers.base import Tokens
from connections.providers.http import (
    ProviderUnavailable,
    ReconnectNeeded,
    json_of,
    known_shape,
    send,
    trouble,
)
from connections.providers.strava import asking
from connections.providers.strava.answers import raise_for
from connections.providers.strava.asking import Access

PAGE_SIZE = 200
MOST_PAGES = 50
# While a token is refreshed or revoked its row is locked, and with SQLite the whole database.
TOKEN_TIMEOUT_S = 8.0
# What a damaged recording claims beyond it would only fill the memory.
LONGEST_RIDE_S = 48 * 3600


@dataclass(frozen=True, slots=True)
class StravaRide:
    """One activity, in SI units; None where Strava says nothing."""

    external_id: str
    started_at: datetime
    name: str
    sport: str
    moving_s: int
    elapsed_s: int
    distance_m: float | None
    climb_m: float | None
    energy_kj: float | None
    average_power_w: float | None
    np_w: float | None
    has_power_meter: bool
    average_hr_bpm: float | None
    max_hr_bpm: float | None
    suffer_score: float | None


def refresh(refresh_token: str) -> Tokens:
    """A new pair of tokens; the old refresh token is dead once this returns."""
    response = send(
        "Strava",
        "POST",
        f"{settings.STRAVA_OAUTH_URL}/token",
        form={
            "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
            "client_secret": settings.SOCIAL_AUTH_STRAVA_SECRET,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        },
        timeout_s=TOKEN_TIMEOUT_S,
    )
    raise_for(response)
    return tokens_from(json_of("Strava", response))


def tokens_from(payload: dict[str, Any], granted: str = "") -> Tokens:
    """Raises ProviderUnavailable when the answer lacks one of them."""
    with known_shape("Strava"):
        return Tokens(
            access_token=payload["access_token"],
            refresh_token=payload["refresh_token"],
            expires_at=datetime.fromtimestamp(payload["expires_at"], UTC),
            scopes=granted,
        )


def rides_since(access: Access, since: datetime) -> Iterator[StravaRide]:
    """Every activity that started after `since`, page by page until an empty one."""
    for page in range(1, MOST_PAGES + 1):
        rows = asking.get(
            access,
            "/athlete/activities",
            {"after": int(since.timestamp()), "page": page, "per_page": PAGE_SIZE},
        )
        if not rows:
            return
        with known_shape("Strava"):
            rides = [ride_from(row) for row in rows]
        yield from rides
    raise ProviderUnavailable("Strava kept sending pages of rides without an end.")


def ride_of(access: Access, account: str, activity_id: str) -> StravaRide | None:
    """One activity as it is now; None when it is gone, or not the account's own."""
    row = asking.find(access, f"/activities/{activity_id}", {"include_all_efforts": "false"})
    if row is None:
        return None
    with known_shape("Strava"):
        return ride_from(row) if str(row["athlete"]["id"]) == account else None


def power_of(access: Access, activity_id: str) -> list[tuple[float, float | None]]:
    """Its (seconds since the start, W), in the order of time; empty where none was recorded."""
    streams = asking.find(
        access, f"/activities/{activity_id}/streams", {"keys": "time,watts", "key_by_type": "true"}
    )
    times, watts = (_stream(streams, name) for name in ("time", "watts"))
    samples = sorted(
        (
            (float(at), float(power) if _is_number(power) else None)
            for at, power in zip(times, watts, strict=False)
            if _is_number(at) and at >= 0
        ),
        key=itemgetter(0),
    )
    return samples if samples and samples[-1][0] - samples[0][0] <= LONGEST_RIDE_S else []


def check(access: Access) -> None:
    """Raises ReconnectNeeded when Strava no longer lets us see even who the athlete is."""
    asking.get(access, "/athlete")


def revoke(refresh_token: str) -> None:
    """Give our access back; raises ProviderError when Strava did not take it.

    By the refresh token: an access token is unknown to Strava six hours after it was made.
    """
    response = send(
        "Strava",
        "POST",
        f"{settings.STRAVA_OAUTH_URL}/revoke",
        form={"token": refresh_token},
        basic_auth=(settings.SOCIAL_AUTH_STRAVA_KEY, settings.SOCIAL_AUTH_STRAVA_SECRET),
        timeout_s=TOKEN_TIMEOUT_S,
    )
    if response.is_success:
        return
    try:
        raise_for(response)
    except ReconnectNeeded:
        return  # a token that is dead already is as good as revoked
    raise ProviderUnavailable(trouble("Strava", response))


def ride_from(row: dict[str, Any]) -> StravaRide:
    # `start_date_local` carries a false "Z"; only `start_date` is an instant.
    has_power_meter = bool(row.get("device_watts"))
    return StravaRide(
        external_id=str(row["id"]),
        started_at=_instant(row["start_date"]),
        name=str(row.get("name") or "").replace("\0", ""),
        sport=str(row.get("sport_type") or row.get("type") or "Workout"),
        moving_s=_seconds(row["moving_time"]),
        elapsed_s=_seconds(row["elapsed_time"]),
        distance_m=row.get("distance"),
        climb_m=row.get("total_elevation_gain"),
        energy_kj=row.get("kilojoules"),
        average_power_w=row.get("average_watts"),
        np_w=row.get("weighted_average_watts") if has_power_meter else None,
        has_power_meter=has_power_meter,
        average_hr_bpm=row.get("average_heartrate"),
        max_hr_bpm=row.get("max_heartrate"),
        suffer_score=row.get("suffer_score"),
    )


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("A time without its zone is no instant.")
    return at


def _seconds(value: Any) -> int:
    if not _is_number(value) or not 0 <= value < 2**31:
        raise ValueError("No length of a ride.")
    return int(value)


def _stream(streams: Any, name: str) -> list[Any]:
    """Empty when it is missing, or not as documented: there is nothing in it to wait for."""
    stream = streams.get(name) if isinstance(streams, dict) else None
    data = stream.get("data") if isinstance(stream, dict) else None
    return data if isinstance(data, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
