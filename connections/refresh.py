"""Reading connections without being asked: hourly, and before a morning's run."""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import privacy
from connections import slots, sync
from connections.models import Connection

logger = logging.getLogger(__name__)

BATCH = 500
# So long those wait whose testers have not allowed it.
UNREADABLE_FOR = timedelta(hours=1)
# A run waits so long for a reading that is under way elsewhere, and looks so often.
PATIENCE_S = 20.0
LOOKED_AT_EVERY_S = 0.2


class NeedsTester(Exception):
    """Reading it again is of no use before its tester has connected it anew."""


def sweep(now: datetime) -> int:
    """Hand the connections that are due to workers; how many, at most so many a minute."""
    _give_slots(now)
    published, left = 0, settings.REFRESH_MOST_PER_MINUTE
    while left > 0:
        claimed = claim_due(now, min(left, BATCH))
        readable = _readable(claimed)
        _let_wait(set(claimed) - set(readable), now)
        published += _publish(readable)
        left = left - len(readable) if len(claimed) == min(left, BATCH) else 0
    if published:
        logger.info("handed out %d connections to be read", published)
    return published


@transaction.atomic
def claim_due(now: datetime, most: int) -> list[int]:
    """Take the connections whose time has come, the longest due first, each for one sweep only.

    They are due again when a worker had time enough to read them and none has.
    """
    due = Connection.objects.due(now).order_by("next_read_at")
    keys = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:most])
    Connection.objects.due(now).filter(pk__in=keys).update(next_read_at=now + slots.LEASE)
    return keys


def read_now(connection: Connection) -> None:
    """By the wish of a person; raises NeedsTester or privacy.NotAllowed where it is of no use."""
    privacy.require_consent(connection.user_id)
    if connection.state == Connection.State.BROKEN:
        raise NeedsTester(connection.last_error)
    sync.request(connection, is_urgent=True)


def bring_up_to_date(connection: Connection, now: datetime) -> datetime | None:
    """For a run: read it, unless that was done a moment ago or is being done right now.

    Until when another worker may still be reading it, where waiting for that one was in vain.
    """
    if connection.is_fresh(now, timedelta(seconds=settings.REFRESH_FRESH_FOR_S)):
        return None
    try:
        sync.sync(connection, now, is_urgent=True)
    except sync.BeingRead:
        return _wait_for(connection)
    return None


def _wait_for(connection: Connection) -> datetime | None:
    """None once it is free; else until when it is held at most."""
    deadline = time.monotonic() + PATIENCE_S
    row = Connection.objects.filter(pk=connection.pk).values_list("reading_until", flat=True)
    while held_until := row.filter(reading_until__gt=timezone.now()).first():
        if time.monotonic() >= deadline:
            return held_until
        time.sleep(LOOKED_AT_EVERY_S)
    return None


def _give_slots(now: datetime) -> None:
    """Those that have none yet, as all had before they were read hourly, wait for their own."""
    without = list(Connection.objects.working().filter(next_read_at=None)[:BATCH])
    for connection in without:
        connection.next_read_at = slots.own_slot(connection.pk, now)
    Connection.objects.bulk_update(without, ["next_read_at"])


def _readable(keys: Sequence[int]) -> list[int]:
    """Without those of closed accounts, and of testers who have not allowed it."""
    allowed = {f"user__{name}": value for name, value in privacy.READABLE.items()}
    return list(
        Connection.objects.filter(pk__in=keys, **allowed)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _let_wait(keys: Collection[int], now: datetime) -> None:
    """Nobody may read them now; they are looked at again with the hour, after all others."""
    Connection.objects.filter(pk__in=keys).update(next_read_at=now + UNREADABLE_FOR)


def _publish(keys: Sequence[int]) -> int:
    expires_s = slots.LEASE.total_seconds()
    with current_app.producer_or_acquire() as producer:
        for pk in keys:
            current_app.send_task(sync.SYNC, args=[pk], expires=expires_s, producer=producer)
    return len(keys)
