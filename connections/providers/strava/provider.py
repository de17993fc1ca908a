"""Strava as a source: what its activities are as rides here."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Ftp, User
from connections.models import Connection, Ride
from connections.providers.base import ApiProvider, Tokens, Told, Visit
from connections.providers.strava import client, power, push
from connections.providers.strava.asking import Access
from connections.providers.webhooks import Event, Webhooks
from connections.sources import Source

RIDE_SCOPES = {"activity:read", "activity:read_all"}


class Strava(ApiProvider, Webhooks):
    name = Source.STRAVA
    tells = frozenset({"rides"})
    tells_of_rest = True
    backend = "strava"
    tells_of_deletions = True

    def read(self, visit: Visit) -> Told:
        access = Access.of(visit)
        rides = [_row(visit, ride) for ride in client.rides_since(access, visit.since)]
        power.fill_in(visit.user, access, rides)
        return Told(rides=rides)

    def refresh(self, refresh_token: str) -> Tokens:
        return client.refresh(refresh_token)

    def revoke(self, connection: Connection) -> None:
        """Nothing to give back where the tester has ended our access there."""
        if connection.refresh_token:
            client.revoke(connection.refresh_token)

    def missing_scope(self, granted: frozenset[str]) -> str:
        if granted & RIDE_SCOPES:
            return ""
        return (
            "“View data about your activities” was not ticked. "
            "Connect again and leave it ticked; the coach reads your rides through it."
        )

    def not_shared(self, granted: frozenset[str]) -> str:
        parts = (
            ("activity:read_all", "rides only you can see"),
            ("profile:read_all", "your FTP"),
        )
        return ", ".join(words for scope, words in parts if granted and scope not in granted)

    def tokens_from(self, response: dict[str, Any], granted: str) -> Tokens:
        return client.tokens_from(response, granted)

    def keep_profile(self, user: User, response: dict[str, Any]) -> None:
        """Strava's FTP, from the day it was read on; the tester's own of that day comes first."""
        athlete: dict[str, Any] = response.get("athlete") or {}
        power_w: Any = athlete.get("ftp")
        ftp = Ftp(
            user=user,
            effective_date=user.local_date(timezone.now()),
            power_w=power_w,
            source=Ftp.Source.STRAVA,
        )
        try:
            ftp.full_clean()
        except ValidationError:
            return  # none, not a possible one, or there is one of today
        ftp.save()

    def handshake(self, query: Mapping[str, str]) -> dict[str, Any]:
        return push.handshake(query)

    def event_in(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        return push.event_in(body)

    def ride_now(self, visit: Visit, account: str, object_id: str) -> Ride | None:
        access = Access.of(visit)
        ride = client.ride_of(access, account, object_id)
        if ride is None:
            return None
        row = _row(visit, ride)
        power.fill_in(visit.user, access, [row])
        return row

    def check(self, visit: Visit) -> None:
        client.check(Access.of(visit))

    def forget(self, user: User) -> None:
        user.ftps.filter(source=Ftp.Source.STRAVA).delete()


def _row(visit: Visit, ride: client.StravaRide) -> Ride:
    return Ride(
        user=visit.user,
        source=Source.STRAVA,
        external_id=ride.external_id,
        started_at=ride.started_at,
        local_date=visit.user.local_date(ride.started_at),
        name=ride.name[:200],
        sport=ride.sport[:40],
        duration_s=ride.moving_s,
        elapsed_s=ride.elapsed_s,
        distance_m=ride.distance_m,
        climb_m=ride.climb_m,
        energy_kj=ride.energy_kj,
        average_power_w=ride.average_power_w,
        np_w=ride.np_w,
        has_power_meter=ride.has_power_meter,
        average_hr_bpm=ride.average_hr_bpm,
        max_hr_bpm=ride.max_hr_bpm,
        suffer_score=ride.suffer_score,
        read_at=visit.now,
    )
