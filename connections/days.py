"""What is known of each local day: per metric one reading, with its unit, source, time and age.

Of the sources that told of a day the one counts that the tester's order puts first, as for the
coach; what arrives late changes the day here, and nothing that was sent before.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, TypeVar, get_args

from django.db.models import Min

from accounts.models import User
from connections import readings, sources
from connections.duplicates import each_once
from connections.models import DailySample, Night, Ride
from connections.precedence import Order, Orders, orders_of
from connections.usual import (
    LEAST_VALUES,
    MOST_HR_BPM,
    MOST_HRV_MS,
    MOST_SLEEP_H,
    USUAL_DAYS,
    first_that_counts,
)

DayMetric = Literal[
    "hrv",
    "resting_hr",
    "sleep",
    "readiness",
    "ride_minutes",
    "ride_count",
    "steps",
    "active_energy",
    "weight",
    "temperature_deviation",
    "respiratory_rate",
    "sleep_score",
    "activity_score",
    "stress",
    "recovery",
    "rest_mode",
    "walking_distance",
    "vo2max",
]
METRICS: tuple[DayMetric, ...] = get_args(DayMetric)
SAMPLES: tuple[DayMetric, ...] = METRICS[METRICS.index("steps") :]
# Stamped with midnight by their sources: known when the night is over, or as the day goes on.
OF_THE_NIGHT = {"temperature_deviation", "sleep_score"}
OF_THE_DAY = {"steps", "active_energy", "walking_distance", "activity_score", "stress", "recovery"}

Row = TypeVar("Row", Night, DailySample, Ride)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`kind` is that of an HRV, rmssd or sdnn, which are never compared; else empty.

    `source` joins those that a day's rides come from. Age in hours, None where nobody says when.
    """

    local_date: date
    metric: DayMetric
    value: float
    unit: str
    source: str
    measured_at: datetime | None
    age_h: float | None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """One local day; what nobody told of is None."""

    local_date: date
    readings: Mapping[DayMetric, Reading | None]


@dataclass(frozen=True, slots=True)
class _Told:
    """Everything the days are made of, each by its local date."""

    user: User
    now: datetime
    orders: Orders
    nights: Mapping[date, Sequence[Night]]
    samples: Mapping[date, Sequence[DailySample]]
    rides: Mapping[date, Sequence[Ride]]
    first_ride_on: date | None
    rides_told_until: Mapping[str, date]

    def reading(
        self,
        local_date: date,
        metric: DayMetric,
        *,
        measured_at: datetime | None,
        **told: Any,
    ) -> Reading:
        age = None if measured_at is None else (self.now - measured_at) / timedelta(hours=1)
        return Reading(
            local_date=local_date,
            metric=metric,
            measured_at=measured_at,
            age_h=None if age is None else round(age, 1),
            **told,
        )


def days_between(user: User, first: date, last: date, now: datetime) -> list[Day]:
    """Every local day from `first` to `last`, in seven queries; a future one holds nothing."""
    told = _told(user, first, last, now)
    count = (last - first).days + 1
    return [_day(told, first + timedelta(days=n)) for n in range(count)]


def known_since(score: DailySample, nights: Iterable[Night]) -> datetime | None:
    """When a source's readiness became known: when its night ended, for it is stamped midnight."""
    if score.measured_at is None:
        return None
    of_night = (
        night.ended_at
        for night in nights
        if night.source == score.source and night.local_date == score.local_date
    )
    return next(of_night, None) or score.measured_at


def _told(user: User, first: date, last: date, now: datetime) -> _Told:
    before = first - timedelta(days=USUAL_DAYS)
    nights = user.nights.filter(local_date__range=(before, last)).order_by("local_date")
    kinds = (*SAMPLES, DailySample.Kind.READINESS)
    samples = user.samples.filter(local_date__range=(first, last), kind__in=kinds)
    rides = user.rides.filter(local_date__range=(first, last)).order_by("started_at")
    earliest: date | None = user.rides.aggregate(on=Min("local_date"))["on"]
    return _Told(
        user=user,
        now=now,
        orders=orders_of(user),
        nights=_by_day(nights),
        samples=_by_day(samples),
        rides=_by_day(rides),
        first_ride_on=earliest,
        rides_told_until=readings.told_until(
            user, list(user.connections.all()), user.apple_uploads.newest_import()
        ),
    )


def _by_day(rows: Iterable[Row]) -> dict[date, list[Row]]:
    found: dict[date, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.local_date].append(row)
    return dict(found)


def _day(told: _Told, on: date) -> Day:
    nights = [
        *(_of_nights(told, on, "hrv", _hrv, "ms"), _of_nights(told, on, "sleep", _sleep, "h")),
        _of_nights(told, on, "resting_hr", _resting_hr, "bpm"),
    ]
    found = [*nights, _readiness(told, on), *_rides(told, on), *_samples(told, on)]
    by_metric = {one.metric: one for one in found if one is not None}
    return Day(on, {metric: by_metric.get(metric) for metric in METRICS})


def _of_nights(
    told: _Told,
    on: date,
    metric: Literal["hrv", "sleep", "resting_hr"],
    quantity: Callable[[Night], float | None],
    unit: str,
) -> Reading | None:
    ranked = sorted(_nights(told, on), key=lambda one: told.orders[metric].place(one.source))
    if not ranked:
        return None
    night = first_that_counts(
        ranked,
        lambda one: quantity(one) is not None,
        lambda one: _has_usual(told, one, quantity),
    )
    value = quantity(night)
    if value is None:
        return None
    kind = night.hrv_kind if metric == "hrv" else ""
    return told.reading(
        on,
        metric,
        value=value,
        unit=unit,
        source=night.source,
        measured_at=night.measured_at,
        kind=kind,
    )


def _nights(told: _Told, on: date) -> list[Night]:
    """Those of a day that are over."""
    return [night for night in told.nights.get(on, ()) if night.measured_at <= told.now]


def _has_usual(told: _Told, night: Night, quantity: Callable[[Night], float | None]) -> bool:
    days = (night.local_date - timedelta(days=n) for n in range(1, USUAL_DAYS + 1))
    before = (one for day in days for one in told.nights.get(day, ()))
    is_hrv = quantity is _hrv
    alike = (
        one
        for one in before
        if one.source == night.source and (not is_hrv or one.hrv_kind == night.hrv_kind)
    )
    return sum(quantity(one) is not None for one in alike) >= LEAST_VALUES


def _hrv(night: Night) -> float | None:
    return night.hrv_ms if night.hrv_ms and 0 < night.hrv_ms <= MOST_HRV_MS else None


def _resting_hr(night: Night) -> float | None:
    bpm = night.resting_hr_bpm
    return bpm if bpm and 0 < bpm <= MOST_HR_BPM else None


def _sleep(night: Night) -> float | None:
    hours = None if night.asleep_s is None else night.asleep_s / 3600
    return None if hours is None or hours > MOST_SLEEP_H else round(hours, 2)


def _readiness(told: _Told, on: date) -> Reading | None:
    """A source's own score; None where the tester puts nights with the house score before it."""
    order = told.orders["readiness"]
    score = _first(told, on, DailySample.Kind.READINESS, order)
    if score is None:
        return None
    before = order.names[: order.place(score.source)] if order.is_chosen else ()
    if any(one.source in before and _has_house_score(told, one) for one in _nights(told, on)):
        return None
    since = known_since(score, told.nights.get(on, ()))
    return _of_sample(told, "readiness", score, since)


def _has_house_score(told: _Told, night: Night) -> bool:
    """Whether the coach can score a night: with its sleep, and a value that has its usual."""
    return _sleep(night) is not None and any(
        quantity(night) is not None and _has_usual(told, night, quantity)
        for quantity in (_hrv, _resting_hr)
    )


def _samples(told: _Told, on: date) -> list[Reading]:
    usual = Order(tuple(sources.names()))
    found = ((metric, _first(told, on, metric, usual)) for metric in SAMPLES)
    return [
        _of_sample(told, metric, one, _since(told, metric, one))
        for metric, one in found
        if one is not None
    ]


def _since(told: _Told, metric: DayMetric, one: DailySample) -> datetime | None:
    if metric in OF_THE_NIGHT:
        return known_since(one, told.nights.get(one.local_date, ()))
    if metric in OF_THE_DAY:
        tomorrow = one.local_date + timedelta(days=1)
        return min(one.read_at, datetime.combine(tomorrow, time.min, tzinfo=told.user.zone))
    return one.measured_at


def _of_sample(told: _Told, metric: DayMetric, one: DailySample, since: datetime | None) -> Reading:
    return told.reading(
        one.local_date,
        metric,
        value=one.value,
        unit=one.unit,
        source=one.source,
        measured_at=since,
    )


def _first(told: _Told, on: date, kind: str, order: Order) -> DailySample | None:
    of_kind = [one for one in told.samples.get(on, ()) if one.kind == kind]
    return min(of_kind, key=lambda one: order.place(one.source), default=None)


def _rides(told: _Told, on: date) -> list[Reading]:
    """Each ride once, and how long they took; nothing ridden is 0 where somebody would know."""
    order = told.orders["rides"]
    rides = each_once(told.rides.get(on, ()), order)
    if rides:
        by_place = sorted({ride.source for ride in rides}, key=order.place)
        source, ended_at = "+".join(by_place), max(ride.ended_at for ride in rides)
    elif (teller := _teller_of_rest(told, on)) is not None:
        source, ended_at = teller, None
    else:
        return []
    minutes = sum(round(ride.duration_s / 60) for ride in rides)
    quantities: tuple[tuple[DayMetric, int, str], ...] = (
        ("ride_minutes", minutes, "min"),
        ("ride_count", len(rides), "rides"),
    )
    return [
        told.reading(on, metric, value=value, unit=unit, source=source, measured_at=ended_at)
        for metric, value, unit in quantities
    ]


def _teller_of_rest(told: _Told, on: date) -> str | None:
    """The source that told of this whole day; before the first ride nothing is known of rest."""
    if told.first_ride_on is None or on < told.first_ride_on:
        return None
    tellers = [name for name, until in told.rides_told_until.items() if on < until]
    return min(tellers, key=told.orders["rides"].place, default=None)
