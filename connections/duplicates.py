"""One ride recorded twice (two devices, two accounts) counts once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connections.models import Ride
from connections.precedence import Order
from connections.sports import RIDE_SPORTS


@dataclass(frozen=True, kw_only=True)
class Recording:
    """When something was recorded (aware datetimes, elapsed time) and what the record holds."""

    key: str
    sport: str
    started_at: datetime
    ended_at: datetime
    has_power_meter: bool
    has_heart_rate: bool
    source: str = ""

    @property
    def duration(self) -> timedelta:
        return self.ended_at - self.started_at


def recording_of(ride: Ride) -> Recording:
    return Recording(
        key=str(ride.pk),
        sport=ride.sport,
        started_at=ride.started_at,
        ended_at=ride.ended_at,
        has_power_meter=ride.has_power_meter and ride.np_w is not None,
        has_heart_rate=ride.average_hr_bpm is not None,
        source=ride.source,
    )


def each_once(rides: Iterable[Ride], order: Order) -> list[Ride]:
    """The best record of each ride, oldest first."""
    by_key = {str(ride.pk): ride for ride in rides}
    found = without_duplicates(map(recording_of, by_key.values()), order)
    return [by_key[recording.key] for recording in found]


def is_same_ride(one: Recording, other: Recording) -> bool:
    """More than half of the shorter one overlaps, in the same sport; all cycling is one sport."""
    if _sport(one) != _sport(other):
        return False
    overlap = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    return overlap * 2 > min(one.duration, other.duration)


def without_duplicates(recordings: Iterable[Recording], order: Order) -> list[Recording]:
    """The best record of each ride, oldest first: with power, then heart rate, then by source.

    Of one source the longest is best. An order that the tester has chosen comes before all else.
    """
    kept: list[Recording] = []
    for touching in _touching(recordings):
        best: list[Recording] = []
        for candidate in sorted(touching, key=lambda one: _worth(one, order), reverse=True):
            if not any(is_same_ride(candidate, better) for better in best):
                best.append(candidate)
        kept.extend(sorted(best, key=_start))
    return kept


def _touching(recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
    """Runs of recordings that overlap the one before, so that years are not compared pairwise."""
    run: list[Recording] = []
    for recording in sorted(recordings, key=_start):
        if run and recording.started_at >= max(earlier.ended_at for earlier in run):
            yield run
            run = []
        run.append(recording)
    yield run


def _start(recording: Recording) -> datetime:
    return recording.started_at


def _worth(recording: Recording, order: Order) -> tuple[int, bool, bool, int, timedelta, str]:
    place = -order.place(recording.source)
    return (
        place if order.is_chosen else 0,
        recording.has_power_meter,
        recording.has_heart_rate,
        place,
        recording.duration,
        recording.key,
    )


def _sport(recording: Recording) -> str:
    return "Ride" if recording.sport in RIDE_SPORTS else recording.sport
