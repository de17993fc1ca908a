"""Rows for tests: complete and valid, with what a test is about given by name."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from accounts.models import User
from connections.models import Connection, Night, Ride
from connections.sources import Source
from missions.models import Mission
from missions.progress import plan_stages

NOW = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
TODAY = date(2026, 7, 4)
CONSENTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def tester(email: str = "tester@example.org", **fields: Any) -> User:
    """Somebody with a confirmed address who lets their health data be read."""
    fields = {"timezone": "Europe/Paris", "health_consent_at": CONSENTED_AT, **fields}
    user = User.objects.create_user(email, "correct horse battery", **fields)
    user.confirm_address()
    return user


def operator(email: str = "ops@example.org") -> User:
    return User.objects.create_superuser(email, "correct horse battery")


def mission(owner: User, **fields: Any) -> Mission:
    """A mission in training, its event 30 days after TODAY, with its stages planned."""
    values: dict[str, Any] = {
        "name": "Tour of the Valleys",
        "mission_type": Mission.Type.ROAD_STAGE_RACE,
        "state": Mission.State.TRAINING,
        "prep_start": min(TODAY - timedelta(days=60), fields.get("event_start", TODAY)),
        "event_start": TODAY + timedelta(days=30),
        "event_end": TODAY + timedelta(days=34),
        "timezone": owner.timezone,
        "send_time": time(6, 0),
        **fields,
    }
    made = Mission.objects.create(owner=owner, **values)
    plan_stages(made)
    return made


def ride(user: User, day: date, **fields: Any) -> Ride:
    """An hour with a power meter at 160 W, started at 16:00 UTC."""
    started_at = fields.pop("started_at", datetime.combine(day, time(16), tzinfo=UTC))
    values: dict[str, Any] = {
        "source": Source.STRAVA,
        "external_id": f"{day}-{Ride.objects.count()}",
        "sport": "Ride",
        "name": "Evening ride",
        "duration_s": 3600,
        "elapsed_s": 3700,
        "average_power_w": 150.0,
        "np_w": 160.0,
        "has_power_meter": True,
        "average_hr_bpm": 138.0,
        **fields,
    }
    return Ride.objects.create(user=user, local_date=day, started_at=started_at, **values)


def night(user: User, day: date, **fields: Any) -> Night:
    """Seven and a half hours that end on `day` at 04:30 UTC, told by Oura."""
    ended_at = datetime.combine(day, time(4, 30), tzinfo=UTC)
    values: dict[str, Any] = {
        "source": Source.OURA,
        "started_at": ended_at - timedelta(hours=8),
        "ended_at": ended_at,
        "asleep_s": 27_000,
        "hrv_ms": 52.0625,
        "hrv_kind": Night.HrvKind.RMSSD,
        "resting_hr_bpm": 50.0,
        **fields,
    }
    return Night.objects.create(user=user, local_date=day, **values)


def connection(user: User, provider: Source = Source.STRAVA, **fields: Any) -> Connection:
    """Strava as it is after its consent page, Oura with a pasted token."""
    values: dict[str, Any] = {
        "external_id": f"{provider}-{user.pk}",
        "access_token": "canary-access",
        "refresh_token": "" if provider == Source.OURA else "canary-refresh",
        **fields,
    }
    return Connection.objects.create(user=user, provider=provider, **values)
