"""How long what a source told is kept: its own terms decide, the account at most."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Model, QuerySet

from accounts import purging
from accounts.models import Ftp, User
from connections.models import Connection, DailySample, Night, Ride, Source

KEPT: tuple[type[Model], ...] = (Ride, Night, DailySample)


def kept_for(source: Source) -> timedelta | None:
    """None: for as long as there is the account."""
    days: int | None = settings.KEEP_DAYS[source.value]
    return None if days is None else timedelta(days=days)


def is_history_stale(connection: Connection, now: datetime) -> bool:
    """Whether the history must be read again, long before the purge would take it away."""
    kept = kept_for(Source(connection.provider))
    if kept is None:
        return False
    return connection.history_read_at is None or connection.history_read_at <= now - kept / 2


def forget_rides_gone(connection: Connection, since: datetime, now: datetime) -> int:
    """Delete what the reading made at `now` did not find again: it was deleted at the source."""
    gone, _ = Ride.objects.filter(
        user=connection.user, source=connection.provider, started_at__gt=since, read_at__lt=now
    ).delete()
    return gone


def erase(user: User, source: Source) -> None:
    """Forget all that came from one source."""
    for model in KEPT:
        model._default_manager.filter(user=user, source=source).delete()
    if source == Source.STRAVA:
        user.ftps.filter(source=Ftp.Source.STRAVA).delete()


def purge(now: datetime) -> int:
    """Delete what was read longer ago than its source allows; how many rows went."""
    return sum(purging.in_batches(rows) for rows in _overdue(now))


def _overdue(now: datetime) -> Iterator[QuerySet[Model]]:
    for source in Source:
        kept = kept_for(source)
        if kept is None:
            continue
        for model in KEPT:
            yield model._default_manager.filter(source=source, read_at__lt=now - kept)
