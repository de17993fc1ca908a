"""From what a file tells, point by point and as a whole, to one ride in numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from connections.normalized_power import normalized_power, per_second
from connections.power_histogram import power_histogram
from connections.providers.ride_files.climb import climb_m
from connections.providers.ride_files.errors import NO_TIME, NotARideFile

OLDEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
# A device whose clock is ahead, or set to the wrong zone.
MOST_AHEAD = timedelta(days=1)
LONGEST = timedelta(days=7)
PAUSE_S = 30
SLOWEST_M_S = 0.5
FASTEST_M_S = 40.0
MOST_W = 3000
# In the mean of a whole ride, lifts included; who climbs by bike alone stays below 0.6 m/s.
STEEPEST_M_S = 2.0
# A week of seconds; what a file may hold is bounded while it is read.
MOST_POINTS = 600_000
MOST_RIDES = 1_000
MOST_LAPS = 10_000
LEAST_BPM, MOST_BPM = 20, 250
# The westernmost and the easternmost zones there are.
MOST_OFFSET = timedelta(hours=14)

CLOCK = (
    "Its times cannot be right: they are before the year 2000 or in the future. Set the clock of "
    "the device, and enter this ride elsewhere; it cannot be placed on a day."
)
NO_LENGTH = (
    "It holds a single moment, so there is no ride in it. Send a file that was recorded from "
    "start to finish."
)
TOO_LONG = (
    "It lasts longer than a week from its first point to its last, so the device's clock must "
    "have jumped. Cut it into its rides with the app it comes from, and send those."
)


class Point(NamedTuple):
    """One moment of a ride, `at` in seconds since 1970; None is not known, 0 W is coasting."""

    at: float
    power_w: float | None = None
    hr_bpm: float | None = None
    distance_m: float | None = None
    altitude_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a file says of a ride as a whole. `moving_s` is how long its timer ran.

    `climb_m` is the device's own ascent, `work_j` the mechanical work it summed up.
    """

    sport: str
    started_at: float | None = None
    moving_s: float | None = None
    elapsed_s: float | None = None
    distance_m: float | None = None
    climb_m: float | None = None
    work_j: float | None = None
    average_power_w: float | None = None
    max_power_w: float | None = None
    average_hr_bpm: float | None = None
    max_hr_bpm: float | None = None
    device: str = ""
    offset: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRide:
    """One ride, in SI units and kJ; None where the file says nothing.

    `started_at` is in the zone that the file tells, else in UTC. `energy_kj` is the mechanical work
    at the pedals, as Strava's `kilojoules` are, not what the body burns for it.
    """

    sport: str
    started_at: datetime
    moving_s: int
    elapsed_s: int
    distance_m: float | None
    climb_m: float | None
    energy_kj: float | None
    average_power_w: float | None
    max_power_w: float | None
    np_w: float | None
    average_hr_bpm: float | None
    max_hr_bpm: float | None
    device: str
    has_power_meter: bool
    power_histogram: list[int] | None

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.elapsed_s)


def ride_of(told: Told, points: Iterable[Point], now: datetime) -> RecordedRide:
    """Raises NotARideFile when nothing says when it was, or what it says cannot be."""
    points = list(points)
    start, timed, elapsed_s = _span(told, points, now)
    watts = per_second((one.at, _within(one.power_w, 0, MOST_W)) for one in timed)
    beats = per_second((one.at, _within(one.hr_bpm, LEAST_BPM, MOST_BPM)) for one in timed)
    average_power, max_power = _mean_and_most(
        watts,
        _within(told.average_power_w, 0, MOST_W),
        _within(told.max_power_w, 0, MOST_W),
    )
    average_hr, max_hr = _mean_and_most(
        beats,
        _within(told.average_hr_bpm, LEAST_BPM, MOST_BPM),
        _within(told.max_hr_bpm, LEAST_BPM, MOST_BPM),
    )
    return RecordedRide(
        sport=told.sport,
        started_at=datetime.fromtimestamp(start, _zone(told.offset)),
        moving_s=round(_moving_s(told, timed, elapsed_s)),
        elapsed_s=round(elapsed_s),
        distance_m=_distance_m(told, timed, elapsed_s),
        climb_m=_climb_m(told, timed, elapsed_s),
        energy_kj=_energy_kj(told, watts, elapsed_s),
        average_power_w=average_power,
        max_power_w=max_power,
        np_w=normalized_power(watts),
        average_hr_bpm=average_hr,
        max_hr_bpm=max_hr,
        device=told.device,
        # A meter that tells nothing but 0 W is one that did not work.
        has_power_meter=bool(max_power),
        power_histogram=power_histogram(watts),
    )


def _span(
    told: Told, points: Sequence[Point], now: datetime
) -> tuple[float, Sequence[Point], float]:
    """When it began, the points that have a possible time, in order, and how long it took."""
    newest = (now + MOST_AHEAD).timestamp()
    timed = sorted(
        (point for point in points if OLDEST <= point.at <= newest), key=lambda point: point.at
    )
    starts = [point.at for point in timed[:1]]
    ends = [point.at for point in timed[-1:]]
    if told.started_at is not None and OLDEST <= told.started_at <= newest:
        starts.append(told.started_at)
        ends.append(told.started_at + (_positive(told.elapsed_s or told.moving_s) or 0))
    if not starts:
        raise NotARideFile(CLOCK if points or told.started_at is not None else NO_TIME)
    start, elapsed_s = min(starts), max(ends) - min(starts)
    if elapsed_s > LONGEST.total_seconds():
        raise NotARideFile(TOO_LONG)
    if elapsed_s < 1:
        raise NotARideFile(NO_LENGTH)
    return start, timed, elapsed_s


def _mean_and_most(
    series: Sequence[float | None], told_mean: float | None, told_most: float | None
) -> tuple[float | None, float | None]:
    """Of what was recorded; of what the file sums up where nothing was."""
    known = [value for value in series if value is not None]
    return (fmean(known), max(known)) if known else (told_mean, told_most)


def _moving_s(told: Told, points: Sequence[Point], elapsed_s: float) -> float:
    """The time the device's timer ran; else without stops and pauses, as the points tell them."""
    ran_s = _positive(told.moving_s)
    if ran_s is None:
        is_measured = any(point.distance_m for point in points)
        ran_s = sum(
            later.at - earlier.at
            for earlier, later in pairwise(points)
            if later.at - earlier.at <= PAUSE_S and (not is_measured or _is_moving(earlier, later))
        )
    # Where no point tells of movement the whole of it is the best there is.
    return min(ran_s, elapsed_s) if ran_s >= 1 else elapsed_s


def _is_moving(earlier: Point, later: Point) -> bool:
    if later.power_w or earlier.distance_m is None or later.distance_m is None:
        return True
    return later.distance_m - earlier.distance_m >= SLOWEST_M_S * (later.at - earlier.at)


def _distance_m(told: Told, points: Sequence[Point], elapsed_s: float) -> float | None:
    """None also for 0 m: a trainer that measures none says so."""
    told_m = _positive(told.distance_m)
    if told_m is None:
        passed = [point.distance_m for point in points if point.distance_m is not None]
        told_m = max(passed) - min(passed) if passed else None
    return told_m if told_m and told_m <= FASTEST_M_S * elapsed_s else None


def _climb_m(told: Told, points: Sequence[Point], elapsed_s: float) -> float | None:
    """The device's own where there is one: it knows its altimeter better than its points do."""
    risen_m = _positive(told.climb_m)
    if risen_m is None:
        risen_m = climb_m((point.at, point.altitude_m) for point in points)
    return _within(risen_m, 0, STEEPEST_M_S * elapsed_s)


def _energy_kj(told: Told, watts: Sequence[float | None], elapsed_s: float) -> float | None:
    """A watt for a second is a joule. None also for 0 kJ: then no meter worked."""
    recorded = [power for power in watts if power is not None]
    work_j = _positive(sum(recorded) if recorded else told.work_j)
    return work_j / 1000 if work_j and work_j <= MOST_W * elapsed_s else None


def _within(value: float | None, least: float, most: float) -> float | None:
    """What a sensor cannot have measured it has not measured; NaN is within nothing."""
    return value if value is not None and least <= value <= most else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and 0 < value < float("inf") else None


def _zone(offset: timedelta | None) -> timezone:
    return UTC if offset is None or abs(offset) > MOST_OFFSET else timezone(offset)
