"""One ride recorded twice (two devices, two accounts) counts once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from coach.physiology.scoring import RIDE_SPORTS


@dataclass(frozen=True, kw_only=True)
class Recording:
    """When something was recorded (aware datetimes, elapsed time) and what the record holds."""

    key: str
    sport: str
    started_at: datetime
    ended_at: datetime
    has_power_meter: bool
    has_heart_rate: bool

    @property
    def duration(self) -> timedelta:
        return self.ended_at - self.started_at


def is_same_ride(one: Recording, other: Recording) -> bool:
    """More than half of the shorter one overlaps, in the same sport; all cycling is one sport."""
    if _sport(one) != _sport(other):
        return False
    overlap = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    return overlap * 2 > min(one.duration, other.duration)


def without_duplicates(recordings: Iterable[Recording]) -> list[Recording]:
    """The best record of each ride, oldest first: with power, then heart rate, then the longest."""
    kept: list[Recording] = []
    for touching in _touching(recordings):
        best: list[Recording] = []
        for candidate in sorted(touching, key=_worth, reverse=True):
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


def _worth(recording: Recording) -> tuple[bool, bool, timedelta, str]:
    return (
        recording.has_power_meter,
        recording.has_heart_rate,
        recording.duration,
        recording.key,
    )


def _sport(recording: Recording) -> str:
    return "Ride" if recording.sport in RIDE_SPORTS else recording.sport
