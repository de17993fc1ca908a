"""What the athlete has granted: codes that work once, and a chain of tokens behind each.

A refresh always gives a new pair and kills the old refresh token. Strava is said to hand the old
pair out again while it has an hour to live; a client that survives this survives that.
"""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from sandbox.memory import alone, forget, recall, remember

CODE_LIVES_S = 600
ACCESS_TOKEN_LIVES_S = 6 * 3600


@dataclass(frozen=True, slots=True)
class Grant:
    """epoch: grants of an earlier one ended when the athlete withdrew them all."""

    id: str
    athlete_id: int
    scopes: list[str]
    refresh_token: str
    epoch: int


def give_code(athlete_id: int, scopes: list[str]) -> str:
    code = secrets.token_hex(20)
    remember(f"strava:code:{code}", (athlete_id, scopes), seconds=CODE_LIVES_S)
    return code


def redeem(code: str) -> tuple[int, dict[str, Any]] | None:
    """The athlete and the first pair of tokens, or None when the code is unknown or used."""
    with alone():
        granted = recall(f"strava:code:{code}")
        if granted is None:
            return None
        forget(f"strava:code:{code}")
        athlete_id, scopes = granted
        return athlete_id, _new_pair(secrets.token_hex(8), athlete_id, scopes)


def refresh(refresh_token: str) -> dict[str, Any] | None:
    with alone():
        grant = _live_grant(recall(f"strava:refresh:{refresh_token}"))
        if grant is None or grant.refresh_token != refresh_token:
            return None
        return _new_pair(grant.id, grant.athlete_id, grant.scopes)


def grant_of(access_token: str) -> Grant | None:
    record = recall(f"strava:access:{access_token}")
    if record is None or record["expires_at"] <= timezone.now().timestamp():
        return None
    return _live_grant(record["grant"])


def grant_behind(token: str) -> Grant | None:
    """The grant of an access or of a refresh token."""
    return grant_of(token) or _live_grant(recall(f"strava:refresh:{token}"))


def withdraw_all(athlete_id: int) -> None:
    """Every token of the athlete for this app dies at once."""
    with alone():
        remember(f"strava:epoch:{athlete_id}", _epoch(athlete_id) + 1)


def _epoch(athlete_id: int) -> int:
    return recall(f"strava:epoch:{athlete_id}") or 0


def _live_grant(grant_id: str | None) -> Grant | None:
    stored = recall(f"strava:grant:{grant_id}") if grant_id else None
    grant = Grant(**stored) if stored else None
    return grant if grant and grant.epoch == _epoch(grant.athlete_id) else None


def _new_pair(grant_id: str, athlete_id: int, scopes: list[str]) -> dict[str, Any]:
    access_token, refresh_token = secrets.token_hex(20), secrets.token_hex(20)
    expires_at = int(timezone.now().timestamp()) + ACCESS_TOKEN_LIVES_S
    grant = Grant(grant_id, athlete_id, scopes, refresh_token, _epoch(athlete_id))
    remember(f"strava:grant:{grant_id}", asdict(grant))
    remember(f"strava:refresh:{refresh_token}", grant_id)
    remember(f"strava:access:{access_token}", {"grant": grant_id, "expires_at": expires_at})
    return {
        "token_type": "Bearer",
        "expires_at": expires_at,
        "expires_in": ACCESS_TOKEN_LIVES_S,
        "refresh_token": refresh_token,
        "access_token": access_token,
    }
