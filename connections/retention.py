"""How long what a source told is kept: its own terms decide, the account at most."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Model, QuerySet

from accounts import purging
from accounts.models import User
from connections import registry, sources
from connections.models import Connection, DailySample, Night, Ride, SyncAttempt
from connections.providers.base import Visit

KEPT: tuple[type[Model], ...] = (Ride, Night, DailySample)
ATTEMPTS_KEPT_FOR = timedelta(days=30)
# What was deleted there is gone here within a day, as often as the event of it is lost.
RECONCILED_EVERY = timedelta(hours=24)


def is_history_stale(connection: Connection, now: datetime) -> bool:
    """Whether the history must be read again: long before the purge would take it away, and each
    day where what is not told any more was deleted.
    """
    kept = sources.policy_of(connection.provider).kept_for
    limits = [] if kept is None else [kept / 2]
    if registry.api_of(connection.provider).tells_of_deletions:
        limits.append(RECONCILED_EVERY)
    if not limits:
        return False
    return connection.history_read_at is None or connection.history_read_at <= now - min(limits)


def forget_rides_gone(connection: Connection, visit: Visit) -> None:
    """Delete what a reading did not find again: it was deleted at the source."""
    Ride.objects.filter(
        user=connection.user,
        source=connection.provider,
        started_at__gt=visit.since,
        read_at__lt=visit.now,
    ).delete()


def forget_samples_gone(
    connection: Connection, kinds: Sequence[DailySample.Kind], visit: Visit
) -> None:
    """Delete the samples of these kinds that their source has told before and now has not."""
    DailySample.objects.filter(
        user=connection.user,
        source=connection.provider,
        kind__in=kinds,
        local_date__range=(visit.first_date, visit.last_date),
        read_at__lt=visit.now,
    ).delete()


def erase(user: User, source: str) -> None:
    """Forget all that came from one source."""
    for model in KEPT:
        model._default_manager.filter(user=user, source=source).delete()
    registry.provider_of(source).forget(user)


def purge(now: datetime) -> int:
    """Delete what was read longer ago than its source allows; how many rows went."""
    return sum(purging.in_batches(rows) for rows in _overdue(now))


def purge_attempts(now: datetime) -> int:
    """Forget how a source was read a month ago; how often it failed stays counted."""
    return purging.in_batches(SyncAttempt.objects.filter(started_at__lt=now - ATTEMPTS_KEPT_FOR))


def _overdue(now: datetime) -> Iterator[QuerySet[Model]]:
    for source in sources.names():
        kept = sources.policy_of(source).kept_for
        if kept is None:
            continue
        for model in KEPT:
            yield model._default_manager.filter(source=source, read_at__lt=now - kept)
