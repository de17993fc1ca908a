"""intervals.icu as a source: what it tells as rides and nights here."""

from connections.models import Connection, Night, Ride
from connections.providers.base import ApiProvider, Told, Visit
from tests.connections.intervals import client


class Intervals(ApiProvider):
    name = "intervals"
    tells = frozenset({"rides", "sleep", "hrv", "resting_hr"})
    tells_of_rest = True
    tells_of_deletions = True
    takes_pasted_token = True

    def account_of(self, token: str) -> str:
        return client.athlete_id(token)

    def read(self, visit: Visit) -> Told:
        key, first, last = visit.access_token, visit.first_date, visit.last_date
        return Told(
            rides=[_ride(visit, effort) for effort in client.efforts_between(key, first, last)],
            nights=[_night(visit, day) for day in client.days_between(key, first, last)],
        )

    def revoke(self, connection: Connection) -> None:
        """A key belongs to the tester, who made it and can end it there."""


def _ride(visit: Visit, effort: client.Effort) -> Ride:
    return Ride(
        user=visit.user,
        source=Intervals.name,
        external_id=effort.external_id,
        started_at=effort.started_at,
        local_date=visit.user.local_date(effort.started_at),
        name=effort.name[:200],
        sport=effort.sport[:40],
        duration_s=effort.moving_s,
        elapsed_s=effort.elapsed_s,
        np_w=effort.np_w,
        has_power_meter=effort.np_w is not None,
        read_at=visit.now,
    )


def _night(visit: Visit, day: client.Day) -> Night:
    return Night(
        user=visit.user,
        source=Intervals.name,
        local_date=day.local_date,
        asleep_s=day.asleep_s,
        hrv_ms=day.hrv_ms,
        hrv_kind=Night.HrvKind.RMSSD if day.hrv_ms is not None else "",
        resting_hr_bpm=day.resting_hr_bpm,
        read_at=visit.now,
    )
