"""Reading one connection: a fresh token, and the new rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from celery import current_app
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from accounts import privacy
from connections import attempts, registry, retention, slots, sources, turns
from connections.models import Connection, Ride, SyncAttempt
from connections.providers.base import Told, Visit
from connections.providers.http import (
    UNREADABLE,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ReconnectNeeded,
    TokenRefused,
)
from connections.rows import keep_nights, keep_rides, keep_samples

SYNC = "connections.sync"
# Longer than a whole history takes; a worker that was killed keeps others away so long.
READING_LEASE = timedelta(minutes=5)
# As many read a source at once as it takes: whoever waits for it waits so long for a turn, and all
# others come back later.
URGENT_PATIENCE_S = 10.0
NO_TURN_FOR = timedelta(minutes=1)
Answer = TypeVar("Answer")


class NotAllowed(ProviderError, privacy.NotAllowed):
    """A reading that its tester has not allowed."""

    reason = "not_allowed"


class BeingRead(Exception):
    """Another worker is reading this connection right now."""


def request(connection: Connection, *, is_urgent: bool = False) -> None:
    """Have a worker read this connection once the current transaction is committed.

    is_urgent: its tester waits for it. A message that gets lost is sent again by the sweep.
    """
    now = timezone.now()
    asked = Connection.objects.filter(pk=connection.pk)
    asked.update(asked_at=now)
    asked.working().update(next_read_at=now + slots.LEASE)
    options = {"is_urgent": True} if is_urgent else {}
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(
        lambda: current_app.send_task(SYNC, args=[connection.pk], kwargs=options), robust=True
    )


def sync(
    connection: Connection, now: datetime, *, is_urgent: bool = False, is_whole: bool = False
) -> SyncAttempt:
    """Read what is new; a failure of the provider is recorded and told, never raised.

    is_urgent: somebody waits for it; is_whole: the whole history is wanted. Raises BeingRead.
    """
    attempt = SyncAttempt(connection=connection, started_at=now)
    since, is_whole = _window(connection, now, is_whole)
    with alone(connection, now):
        try:
            with _still_connected(connection):
                attempt.save()
            visit, told = _told(connection, since, now, is_urgent)
            _keep(attempt, told, visit)
        except ProviderError as error:
            attempts.failed(attempt, error)
        else:
            attempts.succeeded(attempt, told, is_whole=is_whole)
    attempts.log(attempt)
    return attempt


def fresh_token(connection: Connection, now: datetime, *, refused: str = "") -> str:
    """An access token that lasts the next minutes, and is not the one the provider has refused.

    The row stays locked over the refresh: a refresh token works once, so a second worker must
    wait and find the new pair. Durable, so that the pair is stored before it is used. Rows that
    point to it, such as events, can be added meanwhile.
    """
    with transaction.atomic(durable=True):
        rows = Connection.objects.select_for_update(no_key=True)
        locked = rows.filter(pk=connection.pk).first()
        if locked is None:
            raise _not_connected(connection)
        if locked.is_token_stale(now) or locked.access_token == refused:
            tokens = registry.api_of(locked.provider).refresh(locked.refresh_token)
            locked.access_token = tokens.access_token
            locked.refresh_token = tokens.refresh_token
            locked.expires_at = tokens.expires_at
            locked.save(update_fields=["access_token", "refresh_token", "expires_at"])
    return locked.access_token


def with_access(
    connection: Connection,
    ask: Callable[[Visit], Answer],
    *,
    since: datetime,
    now: datetime,
    is_urgent: bool = False,
) -> Answer:
    """A token can be refused before its time: with a new one it is tried once more.

    Raises what `ask` raises, ProviderBusy when as many others read there as it takes, and
    ProviderError when there is no access to be had.
    """
    with _turn(connection.provider, now, is_urgent):
        visit = Visit(
            user=connection.user,
            access_token=fresh_token(connection, now),
            scopes=connection.granted_scopes,
            since=since,
            now=now,
            is_urgent=is_urgent,
        )
        try:
            return ask(visit)
        except TokenRefused:
            if not connection.refresh_token:
                raise
        refused = visit.access_token
        return ask(replace(visit, access_token=fresh_token(connection, now, refused=refused)))


@contextmanager
def _turn(source: str, now: datetime, is_urgent: bool) -> Iterator[None]:
    """One of the places at a source; somebody who waits for it has some patience."""
    most, patience_s = sources.at_once_at(source), URGENT_PATIENCE_S if is_urgent else 0.0
    try:
        with turns.taken(source, most=most, lease=READING_LEASE, now=now, patience_s=patience_s):
            yield
    except turns.NoTurn as error:
        words = f"{sources.label_of(source)} is being asked by many others just now."
        raise ProviderBusy(words, now + NO_TURN_FOR) from error


def keep_one(connection: Connection, external_id: str, ride: Ride | None) -> None:
    """A ride as its source told it just now; None: it is gone there, so it goes here too."""
    with _still_connected(connection), _storable(connection):
        if ride is not None:
            keep_rides([ride])
        else:
            connection.user.rides.filter(
                source=connection.provider, external_id=external_id
            ).delete()


def _told(
    connection: Connection, since: datetime, now: datetime, is_urgent: bool
) -> tuple[Visit, Told]:
    provider = registry.api_of(connection.provider)

    def read(visit: Visit) -> tuple[Visit, Told]:
        return visit, provider.read(visit)

    return with_access(connection, read, since=since, now=now, is_urgent=is_urgent)


def _keep(attempt: SyncAttempt, told: Told, visit: Visit) -> None:
    connection = attempt.connection
    with _still_connected(connection), _storable(connection):
        attempt.rides = keep_rides(told.rides)
        attempt.nights = keep_nights(told.nights)
        attempt.samples = keep_samples(told.samples)
        if registry.api_of(connection.provider).tells_of_deletions:
            retention.forget_rides_gone(connection, visit)
        retention.forget_samples_gone(connection, told.whole_kinds, visit)


@contextmanager
def _storable(connection: Connection) -> Iterator[None]:
    """An answer whose values no column takes is one we could not read, and is not quoted."""
    try:
        yield
    except (DataError, IntegrityError, TypeError, ValueError):
        # The database's own words hold the whole row.
        words = UNREADABLE.format(provider=connection.get_provider_display())
        raise ProviderUnavailable(words) from None


@contextmanager
def alone(connection: Connection, now: datetime) -> Iterator[None]:
    """Of two workers that would read the same, one does; the other gets BeingRead."""
    until = now + READING_LEASE
    mine = Connection.objects.filter(pk=connection.pk)
    is_held = not mine.free(now).update(reading_until=until) and mine.exists()
    if is_held:
        raise BeingRead
    try:
        yield
    finally:
        mine.filter(reading_until=until).update(reading_until=None)


@contextmanager
def _still_connected(connection: Connection) -> Iterator[None]:
    """What is written within is written while the tester wants it, or not at all."""
    with transaction.atomic():
        # The account before its rows: a deletion locks them in this order too.
        is_allowed = privacy.is_allowed_for_now(connection.user_id)
        same_consent = Connection.objects.filter(pk=connection.pk, epoch=connection.epoch)
        if not same_consent.select_for_update().exists():
            raise _not_connected(connection)
        if not is_allowed:
            raise NotAllowed
        yield


def _not_connected(connection: Connection) -> ReconnectNeeded:
    return ReconnectNeeded(f"{connection.get_provider_display()} is not connected any more.")


def _window(connection: Connection, now: datetime, is_whole: bool) -> tuple[datetime, bool]:
    """From when on to read, and whether that is the whole history."""
    provider = registry.api_of(connection.provider)
    is_stale = retention.is_history_stale(connection, now)
    if is_whole or connection.last_success_at is None or is_stale:
        return now - provider.backfill, True
    return connection.last_success_at - provider.overlap, False
