"""Sums over tables that only grow: what is old is added up once an hour, what is new each time.

Each process keeps the old part for itself. A row that changes when it is old, or goes with its
account, tells so an hour later; what is never late is asked for elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

Amount = int | Decimal | None
Sums = Mapping[tuple[Any, ...], tuple[Amount, ...]]
# So many rows count as new at least; a table that has no more is added up each time.
NEW = 50_000
KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """The sums of the rows up to one, and when they were added up."""

    upto: Any
    sums: Sums
    at: datetime


_kept: dict[str, Kept] = {}


def added_up(
    name: str,
    rows: QuerySet[Any],
    column: str,
    summed: Callable[[QuerySet[Any]], Sums],
    now: datetime,
    *,
    settled_after: timedelta = timedelta(),
) -> Sums:
    """`summed` of all rows. `column` has an index, and grows from row to row.

    settled_after: how much older than the fifty thousandth row one is that changes no more; only
    of a column with days.
    """
    kept = _kept.get(name)
    if kept is None or not kept.at <= now < kept.at + KEPT_FOR:
        kept = _add_up(rows, column, summed, now, settled_after)
        if kept is None:
            _kept.pop(name, None)
            return summed(rows)
        _kept[name] = kept
    return merged(kept.sums, summed(rows.filter(**{f"{column}__gt": kept.upto})))


def _add_up(
    rows: QuerySet[Any],
    column: str,
    summed: Callable[[QuerySet[Any]], Sums],
    now: datetime,
    settled_after: timedelta,
) -> Kept | None:
    """None while there are no old ones."""
    last = list(rows.order_by(f"-{column}").values_list(column, flat=True)[NEW : NEW + 1])
    if not last:
        return None
    upto = last[0] - settled_after if settled_after else last[0]
    return Kept(upto, summed(rows.filter(**{f"{column}__lte": upto})), now)


def merged(old: Sums, new: Sums) -> Sums:
    """Added, key by key; what neither knows stays unknown."""
    both = {**old}
    for key, values in new.items():
        before = both.get(key, (None,) * len(values))
        both[key] = tuple(_plus(one, other) for one, other in zip(before, values, strict=True))
    return both


def _plus(one: Amount, other: Amount) -> Amount:
    if one is None or other is None:
        return other if one is None else one
    return one + other
