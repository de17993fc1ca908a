"""What a provider grants this service, all testers together, counted where all workers see it.

Its windows are a quarter of an hour and a day, both in UTC. Nothing here is held while a provider
is asked: a request is counted before it is sent, and what the answer says is learnt afterwards.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest

from accounts import throttle
from connections import sources
from connections.models import RateBudget
from connections.providers.http import ProviderBusy

QUARTER = timedelta(minutes=15)
FIELDS = {field.name: field for field in RateBudget._meta.concrete_fields}


@dataclass(frozen=True, slots=True)
class Window:
    """Requests: how many may be made, and how many have been."""

    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Usage:
    """As a provider tells it with an answer."""

    quarter: Window
    day: Window


def take(source: str, now: datetime, *, share: float = 1.0) -> None:
    """Count one request before it is sent; raises ProviderBusy, and counts none, without room.

    Whoever can wait takes a `share` below 1 and leaves the rest to those who cannot. Raises
    ImproperlyConfigured for a source whose entry in settings.SOURCES has no RATE_LIMIT.
    """
    if _is_counted(source, now, share):
        return
    _begin(source, now)  # harmless where it has begun already
    if not _is_counted(source, now, share):
        raise _busy(source, now, share)


def learn(source: str, told: Usage, now: datetime) -> None:
    """Adopt the provider's limits, and its count where it is higher than ours.

    `now` is when the request was made: a count of a window that is over says nothing.
    """
    is_quarter_behind = Q(quarter_started_at=_quarter(now), quarter_used__lt=told.quarter.used)
    is_day_behind = Q(day=_day(now), day_used__lt=told.day.used)
    has_other_limits = ~Q(quarter_limit=told.quarter.limit, day_limit=told.day.limit)
    RateBudget.objects.filter(
        has_other_limits | is_quarter_behind | is_day_behind, source=source
    ).update(
        quarter_limit=told.quarter.limit,
        day_limit=told.day.limit,
        quarter_used=_when(is_quarter_behind, told.quarter.used, "quarter_used"),
        day_used=_when(is_day_behind, told.day.used, "day_used"),
    )


def used_up(source: str, now: datetime) -> ProviderBusy:
    """The provider has refused a request: there is no room left, whatever was counted."""
    RateBudget.objects.filter(source=source, quarter_started_at=_quarter(now)).update(
        quarter_used=Greatest("quarter_used", "quarter_limit")
    )
    return _busy(source, now, 1.0)


def next_quarter(now: datetime) -> datetime:
    return _quarter(now) + QUARTER


def wait(source: str, now: datetime, retry_at: datetime) -> ProviderBusy:
    wait_s = max(60, int((retry_at - now).total_seconds()))
    return ProviderBusy(
        f"{sources.label_of(source)} asks us to wait: too many requests for now. "
        f"We go on in {throttle.in_words(wait_s)}.",
        retry_at,
    )


def _is_counted(source: str, now: datetime, share: float) -> bool:
    """One statement, so that of two workers one gets the last request."""
    quarter, day = _quarter(now), _day(now)
    is_new_quarter, is_new_day = Q(quarter_started_at__lt=quarter), Q(day__lt=day)
    has_room = (is_new_quarter | Q(quarter_used__lt=F("quarter_limit") * share)) & (
        is_new_day | Q(day_used__lt=F("day_limit") * share)
    )
    return bool(
        RateBudget.objects.filter(has_room, source=source).update(
            quarter_started_at=_when(is_new_quarter, quarter, "quarter_started_at"),
            quarter_used=_when(is_new_quarter, 1, "quarter_used", more=1),
            day=_when(is_new_day, day, "day"),
            day_used=_when(is_new_day, 1, "day_used", more=1),
        )
    )


def _begin(source: str, now: datetime) -> None:
    quarter_limit, day_limit = sources.rate_limit_of(source)
    row = RateBudget(
        source=source,
        quarter_started_at=_quarter(now),
        quarter_limit=quarter_limit,
        day=_day(now),
        day_limit=day_limit,
    )
    RateBudget.objects.bulk_create([row], ignore_conflicts=True)


def _busy(source: str, now: datetime, share: float) -> ProviderBusy:
    """Until the day turns when the day is used up, else until the quarter of an hour does."""
    row = RateBudget.objects.get(source=source)
    today = _day(now)
    if row.day >= today and row.day_used >= row.day_limit * share:
        midnight = datetime.combine(row.day + timedelta(days=1), time(), tzinfo=UTC)
        return wait(source, now, midnight)
    return wait(source, now, max(row.quarter_started_at, _quarter(now)) + QUARTER)


def _when(condition: Q, then: object, field: str, *, more: int = 0) -> Case:
    """Else what the field holds, or that and `more`."""
    otherwise = F(field) + more if more else F(field)
    return Case(
        When(condition, then=Value(then)),
        default=otherwise,
        output_field=FIELDS[field],
    )


def _quarter(now: datetime) -> datetime:
    """When the quarter of an hour began, on the clock of UTC."""
    utc = now.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
