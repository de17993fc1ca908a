"""Strava: connecting through OAuth, its tokens, and its rides.

API v3; base URLs are settings because Strava moves them in 2027. Rides come as SummaryActivity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
from django.conf import settings
from social_core.backends.strava import StravaOAuth

from connections.providers.http import (
    ProviderBusy,
    ProviderUnavailable,
    ReconnectNeeded,
    json_of,
    known_shape,
    send,
)

PAGE_SIZE = 200
RIDE_SCOPES = {"activity:read", "activity:read_all"}
MOST_PAGES = 50
# While a token is refreshed or revoked its row is locked, and with SQLite the whole database.
TOKEN_TIMEOUT_S = 8.0


class StravaOAuth2(StravaOAuth[Any]):
    """Strava for a signed-in tester only: our URLs, and the token in a header, never in a URL."""

    ASSOCIATION_ONLY = True

    def authorization_url(self) -> str:
        return f"{settings.STRAVA_OAUTH_URL}/authorize"

    def access_token_url(self) -> str:
        return f"{settings.STRAVA_OAUTH_URL}/token"

    def user_data(self, access_token: str, *_: Any, **__: Any) -> dict[str, Any]:
        athlete: dict[str, Any] = self.get_json(
            f"{settings.STRAVA_API_URL}/athlete",
            headers={"Authorization": f"Bearer {access_token}"},
        )
        return {"athlete": athlete}


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    access_token: str
    refresh_token: str
    expires_at: datetime


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
    _raise_for(response)
    return tokens_from(json_of("Strava", response))


def tokens_from(payload: dict[str, Any]) -> Tokens:
    """Raises ProviderUnavailable when the answer lacks one of them."""
    with known_shape("Strava"):
        return Tokens(
            access_token=payload["access_token"],
            refresh_token=payload["refresh_token"],
            expires_at=datetime.fromtimestamp(payload["expires_at"], UTC),
        )


def rides_since(access_token: str, since: datetime) -> Iterator[StravaRide]:
    """Every activity that started after `since`, page by page until an empty one."""
    for page in range(1, MOST_PAGES + 1):
        rows = _get(
            access_token,
            "/athlete/activities",
            {"after": int(since.timestamp()), "page": page, "per_page": PAGE_SIZE},
        )
        if not rows:
            return
        with known_shape("Strava"):
            rides = [ride_from(row) for row in rows]
        yield from rides
    raise ProviderUnavailable("Strava kept sending pages of rides without an end.")


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
        _raise_for(response)
    except ReconnectNeeded:
        return  # a token that is dead already is as good as revoked
    raise ProviderUnavailable(f"Strava answered with error {response.status_code}.")


def ride_from(row: dict[str, Any]) -> StravaRide:
    # `start_date_local` carries a false "Z"; only `start_date` is an instant.
    has_power_meter = bool(row.get("device_watts"))
    return StravaRide(
        external_id=str(row["id"]),
        started_at=datetime.fromisoformat(row["start_date"]),
        name=row.get("name") or "",
        sport=row.get("sport_type") or row.get("type") or "Workout",
        moving_s=row["moving_time"],
        elapsed_s=row["elapsed_time"],
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


def _get(access_token: str, path: str, params: dict[str, str | int]) -> Any:
    response = send(
        "Strava", "GET", f"{settings.STRAVA_API_URL}{path}", token=access_token, params=params
    )
    _raise_for(response)
    return json_of("Strava", response)


def _raise_for(response: httpx2.Response) -> None:
    """Faults are told apart by Strava's own words: a dead refresh token is a 400, and so is an
    app it does not know; a missing permission is a 401.
    """
    faults = _faults(response)
    if response.status_code == 429:
        raise ProviderBusy("Strava asks us to wait: too many requests in this quarter hour.")
    if response.status_code == 403 or any(resource == "Application" for resource, _ in faults):
        raise ProviderUnavailable(
            "Strava has switched this service's access off. Its operator has to mend that; "
            "there is nothing you need to do."
        )
    if ("AccessToken", "missing") in faults:
        raise ReconnectNeeded(
            "Strava does not let us see your activities. Connect again and leave "
            "“View data about your activities” ticked."
        )
    if response.status_code == 401 or ("RefreshToken", "invalid") in faults:
        raise ReconnectNeeded("Strava no longer accepts our access. Connect Strava again.")


def _faults(response: httpx2.Response) -> set[tuple[str, str]]:
    """(resource, code) of each fault, as far as the answer has Strava's envelope."""
    if not response.is_error:
        return set()
    try:
        return {(fault["resource"], fault["code"]) for fault in response.json()["errors"]}
    except (KeyError, TypeError, ValueError):
        return set()
