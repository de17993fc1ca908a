"""An athlete who has connected at Strava's stand-in, and what can happen to them there."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from connections.models import Connection
from connections.providers.http import tls
from sandbox.person.rides import Ride, rides_until
from tests import factories
from tests.connections.conftest import new_tokens

PATIENCE_S = 30


def connected(user: User, **fields: Any) -> Connection:
    """By a true grant, with the athlete's number; read a moment ago unless said otherwise."""
    tokens = new_tokens()
    now = timezone.now()
    athlete = httpx2.get(
        f"{settings.STRAVA_API_URL}/athlete",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    ).json()
    values = {
        "external_id": str(athlete["id"]),
        "expires_at": now + timedelta(hours=6),
        "scopes": "read,activity:read_all,profile:read_all",
        "last_success_at": now,
        "history_read_at": now,
        **tokens,
        **fields,
    }
    return factories.connection(user, **values)


def at_strava(path: str, **said: Any) -> dict[str, Any]:
    """Something done at the stand-in, as its person or its operator would."""
    url = f"{settings.SITE_URL}/sandbox/strava/{path}"
    answer = httpx2.post(url, json=said, timeout=PATIENCE_S, verify=tls())
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


def token_requests() -> dict[str, int]:
    """How often a pair was asked to be renewed at the stand-in, and with what outcome."""
    answer = httpx2.get(f"{settings.SITE_URL}/sandbox/strava/token-requests")
    counts: dict[str, int] = answer.raise_for_status().json()["refresh_token"]
    return counts


def expire(connection: Connection) -> None:
    """The access token is at its end, there and by what is known here."""
    at_strava("expire", athlete_id=int(connection.external_id))
    Connection.objects.filter(pk=connection.pk).update(expires_at=timezone.now())


def newest_rides(count: int, now: datetime | None = None) -> list[Ride]:
    """Those of the stand-in's person that have a power meter and a recording, newest last."""
    rides = rides_until(now or timezone.now())
    return [ride for ride in rides if ride.power == "meter" and not ride.is_manual][-count:]
