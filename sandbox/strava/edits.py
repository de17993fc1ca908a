"""What the athlete has changed since: rides with another name, and rides that are gone."""

from dataclasses import replace
from datetime import datetime

from sandbox.memory import alone, recall, remember
from sandbox.person.rides import Ride, ride_numbered, rides_until

KEY = "strava:edits"


def rides_now(now: datetime) -> list[Ride]:
    """Every ride that has ended and is still there, oldest first."""
    edits = _edits()
    rides = (_as_edited(ride, edits) for ride in rides_until(now))
    return [ride for ride in rides if ride]


def ride_now(ride_id: int, now: datetime) -> Ride | None:
    ride = ride_numbered(ride_id)
    return _as_edited(ride, _edits()) if ride and ride.end_at <= now else None


def rename(ride_id: int, name: str) -> None:
    with alone():
        remember(KEY, {**_edits(), ride_id: name})


def delete(ride_id: int) -> None:
    with alone():
        remember(KEY, {**_edits(), ride_id: None})


def _edits() -> dict[int, str | None]:
    """The new name of each ride that was changed; None: it is gone."""
    stored: dict[int, str | None] | None = recall(KEY)
    return stored or {}


def _as_edited(ride: Ride, edits: dict[int, str | None]) -> Ride | None:
    if ride.id not in edits:
        return ride
    name = edits[ride.id]
    return replace(ride, name=name) if name is not None else None
