"""Which source counts for which metric: the tester's own order, else the order of the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from django.db import transaction

from accounts.models import User
from connections import registry
from connections.providers.base import Metric
from connections.usual import place

METRICS: tuple[Metric, ...] = get_args(Metric)
LABELS: dict[Metric, str] = {
    "rides": "Rides",
    "sleep": "Sleep",
    "hrv": "HRV",
    "resting_hr": "Resting heart rate",
    "readiness": "Readiness",
}


@dataclass(frozen=True, slots=True)
class Order:
    """Names of sources, the one that counts most first; `is_chosen` by the tester."""

    names: tuple[str, ...]
    is_chosen: bool = False

    def place(self, source: str) -> int:
        return place(source, self.names)


Orders = Mapping[Metric, Order]


def that_tell(metric: Metric) -> list[str]:
    """The sources an order can name, as they count where nothing was chosen.

    For readiness also those whose nights carry the score of the house, after those with their own.
    """
    names = registry.that_tell(metric)
    if metric == "readiness":
        names += [name for name in _with_nights() if name not in names]
    return names


def _with_nights() -> list[str]:
    measured = {*registry.that_tell("hrv"), *registry.that_tell("resting_hr")}
    return [name for name in registry.that_tell("sleep") if name in measured]


def usual() -> dict[Metric, Order]:
    return {metric: Order(tuple(that_tell(metric))) for metric in METRICS}


def chosen_by(user: User) -> dict[Metric, list[str]]:
    """What the tester has chosen, as far as those sources exist; without a choice an empty list."""
    stored = dict(user.source_orders.values_list("metric", "order"))
    return {
        metric: [name for name in stored.get(metric, ()) if name in order.names]
        for metric, order in usual().items()
    }


def orders_of(user: User) -> dict[Metric, Order]:
    """One query: what was chosen first, then the others as usual."""
    chosen, orders = chosen_by(user), usual()
    for metric, first in chosen.items():
        if first:
            others = (name for name in orders[metric].names if name not in first)
            orders[metric] = Order((*first, *others), is_chosen=True)
    return orders


@transaction.atomic
def choose(user: User, orders: Mapping[Metric, Sequence[str]]) -> None:
    """Keep a tester's orders; an empty one goes back to the usual. Others stay as they are."""
    for metric, order in orders.items():
        if order:
            user.source_orders.update_or_create(metric=metric, defaults={"order": list(order)})
        else:
            user.source_orders.filter(metric=metric).delete()
