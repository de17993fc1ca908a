"""What each local calendar day held: its load, its hard minutes, and whether that is known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from statistics import mean, stdev

ONE_DAY = timedelta(days=1)
HARD_MINUTES = 5
# intervals.icu: these raise ATL and leave CTL alone.
STRENGTH_SPORTS = frozenset({"WeightTraining", "Workout"})


@dataclass(frozen=True, kw_only=True)
class DayRide:
    """What one ride adds to its local day; None where it could not be scored."""

    sport: str
    load: float | None
    z4plus_minutes: float | None


@dataclass(frozen=True, kw_only=True)
class Day:
    """One local calendar day on the TSS scale; the bare `Day()` is a day of rest.

    Not connected, or with a ride that cannot be scored, it is unknown: its loads are then only
    what is known of them.
    """

    ctl_load: float = 0.0
    atl_load: float = 0.0
    z4plus_minutes: float | None = 0.0
    unscored_rides: int = 0
    is_connected: bool = True

    @property
    def is_known(self) -> bool:
        return self.is_connected and not self.unscored_rides

    @property
    def is_training(self) -> bool:
        return self.atl_load > 0 or self.unscored_rides > 0

    @property
    def is_hard(self) -> bool:
        return self.z4plus_minutes is not None and self.z4plus_minutes > HARD_MINUTES


REST = Day()
UNKNOWN = Day(z4plus_minutes=None, is_connected=False)


def day_of(rides: Iterable[DayRide], *, is_connected: bool = True) -> Day:
    """A day from its rides; strength training does not count towards CTL (intervals.icu)."""
    rides = list(rides)
    scored = [(ride.sport, ride.load) for ride in rides if ride.load is not None]
    return Day(
        ctl_load=sum(load for sport, load in scored if sport not in STRENGTH_SPORTS),
        atl_load=sum(load for _, load in scored),
        z4plus_minutes=_z4plus_minutes(rides, is_connected=is_connected),
        unscored_rides=len(rides) - len(scored),
        is_connected=is_connected,
    )


def _z4plus_minutes(rides: Sequence[DayRide], *, is_connected: bool) -> float | None:
    known = [ride.z4plus_minutes for ride in rides if ride.z4plus_minutes is not None]
    is_complete = is_connected and len(known) == len(rides)
    # What is missing cannot make a day that is already hard any less so.
    return sum(known) if is_complete or sum(known) > HARD_MINUTES else None


def first_load(days: Mapping[date, Day], through: date) -> date | None:
    """Where the history begins: the first local date with a load, none later than `through`."""
    return min((on for on, day in days.items() if day.atl_load > 0 and on <= through), default=None)


def last_days(days: Mapping[date, Day], local_date: date, count: int) -> list[Day]:
    """The days before `local_date`, yesterday first."""
    return [days.get(local_date - n * ONE_DAY, REST) for n in range(1, count + 1)]


def monotony(loads: Sequence[float]) -> float | None:
    """Mean over sample SD of daily loads, rest days as 0 (Foster 1998); None when the SD is 0."""
    # statistics is exact: seven equal floats give 0, where a naive sum may give 1e-17.
    spread = stdev(loads) if len(loads) > 1 else 0
    return mean(loads) / spread if spread else None


def strain(loads: Sequence[float]) -> float | None:
    """Total load times monotony (Foster 1998); None when monotony is."""
    sameness = monotony(loads)
    return None if sameness is None else sum(loads) * sameness


def consecutive_hard_days(local_date: date, days: Mapping[date, Day]) -> int | None:
    """Days in a row up to yesterday with more than 5 min in Z4+.

    An unknown day ends the row, which is then the least it can be; None when yesterday is unknown.
    """
    if days.get(local_date - ONE_DAY, REST).z4plus_minutes is None:
        return None
    return sum(1 for _ in takewhile(lambda day: day.is_hard, _backwards(local_date, days)))


def days_since_rest(local_date: date, days: Mapping[date, Day]) -> int | None:
    """Training days in a row up to yesterday, 0 when yesterday was one of rest.

    An unknown day without a ride ends the row. None when yesterday is one, or no ride is known.
    """
    yesterday = days.get(local_date - ONE_DAY, REST)
    if first_load(days, local_date - ONE_DAY) is None:
        return None
    if not yesterday.is_training and not yesterday.is_known:
        return None
    return sum(1 for _ in takewhile(lambda day: day.is_training, _backwards(local_date, days)))


def _backwards(local_date: date, days: Mapping[date, Day]) -> Iterator[Day]:
    for n in range(1, len(days) + 1):
        yield days.get(local_date - n * ONE_DAY, REST)
