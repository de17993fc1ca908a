"""Turns: of something outside that takes so many at once, all workers together, one place each.

A turn is a row. It is taken and given back in a moment and not locked meanwhile; that of a worker
that was killed ends with its lease.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import uniform
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from accounts import database
from connections.models import Turn

LOOKED_AT_EVERY_S = 0.25


class NoTurn(Exception):
    """All places are taken."""


@contextmanager
def taken(
    of: str, *, most: int, lease: timedelta, now: datetime, patience_s: float = 0.0
) -> Iterator[None]:
    """One of `most` places while the block lasts; raises NoTurn, which is waited out for so long.

    The lease is longer than the block can take. With `most` 0 there is room for everybody.
    """
    if not most:
        yield
        return
    holder = _take(of, most, lease, now, patience_s)
    try:
        yield
    finally:
        _give_back(of, holder)


def _take(of: str, most: int, lease: timedelta, now: datetime, patience_s: float) -> str:
    holder, waited_s = uuid4().hex, 0.0
    while not _is_taken(of, most, holder, now + timedelta(seconds=waited_s), lease):
        if waited_s >= patience_s:
            raise NoTurn(of)
        # By chance, so that those who wait do not all look at once.
        pause_s = uniform(0.5, 1.5) * LOOKED_AT_EVERY_S
        time.sleep(pause_s)
        waited_s += pause_s
    return holder


def _is_taken(of: str, most: int, holder: str, now: datetime, lease: timedelta) -> bool:
    if _takes_one(of, most, holder, now, lease):
        return True
    # Its places are made the first time, and when there are more of them than before.
    if Turn.objects.filter(of=of, number__lte=most).count() == most:
        return False
    places = [Turn(of=of, number=number) for number in range(1, most + 1)]
    Turn.objects.bulk_create(places, ignore_conflicts=True)
    return _takes_one(of, most, holder, now, lease)


@transaction.atomic
def _takes_one(of: str, most: int, holder: str, now: datetime, lease: timedelta) -> bool:
    """Two who look at once pass over each other's row, or one looks after the other."""
    free = Turn.objects.filter(
        Q(held_until__isnull=True) | Q(held_until__lt=now), of=of, number__lte=most
    )
    turn = database.held(free.order_by("number")).first()
    if turn is None:
        return False
    turn.holder, turn.held_until = holder, now + lease
    turn.save(update_fields=["holder", "held_until"])
    return True


def _give_back(of: str, holder: str) -> None:
    """Where the database is away it ends with its lease: what it was taken for has gone well."""
    try:
        Turn.objects.filter(of=of, holder=holder).update(held_until=None, holder="")
    except (InterfaceError, OperationalError):
        if connection.in_atomic_block:
            raise
        connection.close()
