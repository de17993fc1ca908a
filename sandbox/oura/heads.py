"""How each document is named and dated."""

from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.person import rider

Document = dict[str, Any]


def head(route: str, day: date) -> Document:
    return {"id": named(route, day), "day": day.isoformat(), "timestamp": midnight(day)}


def named(route: str, day: date, kind: str = "") -> str:
    return str(uuid5(NAMESPACE_URL, f"{route}/{day}/{kind}" if kind else f"{route}/{day}"))


def midnight(day: date) -> str:
    return local(rider.at_home(day, 0))


def local(moment: datetime) -> str:
    return moment.astimezone(rider.HOME).isoformat(timespec="milliseconds")


def is_over(day: date, now: datetime) -> bool:
    return day < now.astimezone(rider.HOME).date()
