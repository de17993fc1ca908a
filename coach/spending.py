"""What the questions to the model took, day by day and month by month (UTC), of each model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDay

from accounts import totals
from coach.models import ModelCall

Outcome = ModelCall.Outcome
DAYS = timedelta(days=31)
# Of the months and models that are summed up, the newest.
MOST_MONTHS = 24
SUMMED = (
    *("calls", "unusable", "unanswered", "again"),
    *("tokens_in", "tokens_cached", "tokens_out", "cost", "unpriced"),
)


@dataclass(frozen=True, slots=True)
class Spent:
    """One day or month of one model. None: no server told, or no price is known."""

    since: datetime
    model: str
    calls: int
    unusable: int
    unanswered: int
    again: int
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    cost: Decimal | None
    unpriced: int

    @property
    def failed_pct(self) -> int:
        """Of all questions, those without an answer that could be used."""
        return round(100 * (self.unusable + self.unanswered) / self.calls)

    @property
    def again_pct(self) -> int:
        """Of all first questions, those that a second one followed."""
        return round(100 * self.again / max(self.calls - self.again, 1))


def by_day(now: datetime) -> list[Spent]:
    """The last days, the newest first."""
    since = _day_of(now) - DAYS
    return _newest_first({key: values for key, values in _days(now).items() if key[0] > since})


def by_month(now: datetime) -> list[Spent]:
    months: totals.Sums = {}
    for (day, model), values in _days(now).items():
        months = totals.merged(months, {(day.replace(day=1), model): values})
    return _newest_first(months)[:MOST_MONTHS]


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a day or a month has cost until now, all models together."""

    calls: int
    cost: Decimal | None
    unpriced: int


def so_far(now: datetime) -> tuple[SoFar, SoFar]:
    """Of today, and of this month."""
    today, days = _day_of(now), _days(now)
    of_today = {key: values for key, values in days.items() if key[0] == today}
    of_month = {key: values for key, values in days.items() if key[0] >= today.replace(day=1)}
    return _together(of_today), _together(of_month)


def _together(sums: totals.Sums) -> SoFar:
    spent = _newest_first(sums)
    costs = [one.cost for one in spent if one.cost is not None]
    return SoFar(
        calls=sum(one.calls for one in spent),
        cost=sum(costs, Decimal()) if costs or not spent else None,
        unpriced=sum(one.unpriced for one in spent),
    )


def _day_of(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _newest_first(sums: Mapping[tuple[Any, ...], tuple[Any, ...]]) -> list[Spent]:
    rows = [Spent(since, model, *values) for (since, model), values in sums.items()]
    rows.sort(key=lambda row: row.model)
    rows.sort(key=lambda row: row.since, reverse=True)
    return rows


def _days(now: datetime) -> totals.Sums:
    return totals.added_up("spent", ModelCall.objects.all(), "pk", _spent, now)


def _spent(calls: QuerySet[Any]) -> totals.Sums:
    rows = (
        calls.order_by()
        .annotate(day=TruncDay("asked_at", tzinfo=UTC), place=F("attempt") % 2)
        .values("day", "model")
        .annotate(
            calls=Count("pk"),
            unusable=Count("pk", filter=Q(outcome=Outcome.REJECTED)),
            unanswered=Count("pk", filter=Q(outcome=Outcome.UNANSWERED)),
            # Each asking makes up to two calls: the second has an even number.
            again=Count("pk", filter=Q(place=0)),
            tokens_in=Sum("tokens_in"),
            tokens_cached=Sum("tokens_cached"),
            tokens_out=Sum("tokens_out"),
            cost=Sum("cost_usd"),
            unpriced=Count("pk", filter=Q(cost_usd=None) & ~Q(outcome=Outcome.UNANSWERED)),
        )
    )
    return {(row["day"], row["model"]): tuple(row[name] for name in SUMMED) for row in rows}
