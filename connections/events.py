"""What providers say has happened: each event kept once, and looked into by a worker.

Nobody signs an event, so it is only a reason to look: what a ride is, and whether it still is, we
ask the provider itself, with the tester's own access and within what the provider grants us.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import F, Min

from accounts import backoff, operators, privacy, purging
from connections import consent, registry, sources, sync
from connections.models import Connection, ProviderEvent, ProviderEventQuerySet, Ride
from connections.providers.base import Visit
from connections.providers.http import (
    MissingScope,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ReconnectNeeded,
)
from connections.providers.webhooks import ENDED, Event, Webhooks

logger = logging.getLogger(__name__)

HANDLE = "connections.handle_events"
# Longer than a batch takes; a worker that was killed keeps others away for so long.
LEASE = timedelta(minutes=10)
# A message that has not reached a worker by now is taken for lost.
PATIENCE = timedelta(minutes=1)
# What could not be looked into for a day has been found by an hourly reading, if any worked.
GIVEN_UP_AFTER = timedelta(days=1)
KEPT_FOR = timedelta(days=7)
# So many rides of one tester at a time are cheaper read as a list than one by one.
MANY = 10
# Whoever sends events by the hundred does not have everything read each time.
WHOLE_AT_MOST_EVERY = timedelta(minutes=30)
# Of one sweep; the others are left to the next.
MOST_AT_ONCE = 500


def webhooks_of(source: str) -> Webhooks | None:
    """None for a source that is not known, or tells nothing by itself."""
    try:
        provider = registry.provider_of(source)
    except KeyError:
        return None
    return provider if isinstance(provider, Webhooks) else None


def keep(source: str, event: Event, now: datetime) -> bool:
    """Whether that is news; of an account that nobody has connected here nothing is kept.

    A worker is told unless one has been: who comes to the first event of a tester finds them all.
    """
    connection_id = _connection_of(source, event.account)
    if connection_id is None:
        return False
    waiting = ProviderEvent.objects.unhandled().filter(connection_id=connection_id)
    row = ProviderEvent(
        connection_id=connection_id,
        object_id=event.object_id,
        aspect=event.aspect,
        happened_at=event.happened_at,
        received_at=now,
    )
    if not _insert(row):
        return False
    others = waiting.exclude(
        object_id=row.object_id, aspect=row.aspect, happened_at=row.happened_at
    )
    if not others.exists():
        publish(connection_id)
    return True


def publish(connection_id: int) -> None:
    """Hand what waits of a connection to a worker; a message that gets lost is sent again."""
    transaction.on_commit(lambda: current_app.send_task(HANDLE, args=[connection_id]), robust=True)


def publish_again(now: datetime) -> int:
    """For the sweep: whatever waits and nobody is at; how many connections that concerns."""
    _give_up(now)
    waiting = ProviderEvent.objects.claimable(now).filter(received_at__lt=now - PATIENCE)
    oldest = waiting.order_by().values("connection_id").annotate(first=Min("received_at"))
    due = [row["connection_id"] for row in oldest.order_by("first")[:MOST_AT_ONCE]]
    for connection_id in due:
        publish(connection_id)
    return len(due)


@transaction.atomic
def _give_up(now: datetime) -> None:
    """What has waited for a day is done with, and the operators hear of it once a day.

    Not what nobody was ever at, because no worker was there: that is tried once all the same.
    """
    unhandled = ProviderEvent.objects.unhandled()
    was_tried = unhandled.filter(lease_until__isnull=False)
    old = was_tried.filter(received_at__lt=now - GIVEN_UP_AFTER).order_by("received_at")
    given_up = dict(old.values_list("pk", "connection__provider")[:MOST_AT_ONCE])
    if not unhandled.filter(pk__in=given_up).update(
        handled_at=now, given_up_at=now, lease_until=None
    ):
        return
    for source in sorted(set(given_up.values())):
        label = sources.label_of(source)
        operators.tell(
            subject=f"what {label} told could not be looked into",
            text=(
                f"{label} told of changes that could not be looked into for a day, and they are "
                "not tried any more. The ordinary readings find what is new once they work again; "
                "what was deleted there is found by the next reading of everything. The admin has "
                "them under “Provider events”, by “given up at”.\n"
            ),
            dedupe_key=f"alert:events:{source}:{now:%Y-%m-%d}",
        )


def handle(connection_id: int, now: datetime) -> int:
    """Look into all that waits of one connection; how many events that were."""
    claimed = 0
    while events := claim(connection_id, now):
        connection = Connection.objects.select_related("user").filter(pk=connection_id).first()
        if connection is None:
            break  # disconnected this very moment, and its events with it
        _look_into(connection, events, now)
        claimed += len(events)
        logger.info(
            "looked into %d events of %s, connection %s",
            len(events),
            connection.provider,
            connection_id,
        )
    return claimed


@transaction.atomic
def claim(connection_id: int, now: datetime) -> list[ProviderEvent]:
    """All that waits of one connection; nothing while another worker is at some of it.

    One claims after the other, by the connection's row: else one could see the half of it.
    """
    Connection.objects.select_for_update(no_key=True).filter(pk=connection_id).first()
    of_it = ProviderEvent.objects.unhandled().filter(connection_id=connection_id)
    if of_it.filter(lease_until__gt=now).exists():
        return []
    until = now + LEASE
    of_it.update(lease_until=until)
    return list(of_it.filter(lease_until=until))


def purge(now: datetime) -> int:
    return purging.in_batches(ProviderEvent.objects.filter(received_at__lt=now - KEPT_FOR))


def _connection_of(source: str, account: str) -> int | None:
    if not account:
        return None
    found = Connection.objects.filter(provider=source, external_id=account)
    return found.values_list("pk", flat=True).first()


def _insert(row: ProviderEvent) -> bool:
    """False when it is known already, or its connection has gone meanwhile."""
    known = ProviderEvent.objects.filter(
        connection_id=row.connection_id,
        object_id=row.object_id,
        aspect=row.aspect,
        happened_at=row.happened_at,
    )
    if known.exists():
        return False
    try:
        ProviderEvent.objects.bulk_create([row], ignore_conflicts=True)
    except IntegrityError:
        return False
    return True


def _look_into(connection: Connection, events: Sequence[ProviderEvent], now: datetime) -> None:
    """What cannot be had now waits; what the tester has to mend, an ordinary reading tells them."""
    try:
        _follow(connection, events, now)
    except ProviderBusy as busy:
        _postpone(connection, events, now, until=busy.retry_at)
    except privacy.NotAllowed:
        _done(events, now)
    except ReconnectNeeded:
        _done(events, now)
        sync.request(connection)
    except ProviderError:
        _postpone(connection, events, now)
    else:
        _done(events, now)


def _follow(connection: Connection, events: Sequence[ProviderEvent], now: datetime) -> None:
    if any(event.aspect == ENDED for event in events) and _is_ended(connection, now):
        consent.end(connection, now)
        return
    privacy.require_consent(connection.user_id)
    if connection.state == Connection.State.BROKEN:
        return  # whoever connects again is read again
    objects = {event.object_id for event in events if event.aspect != ENDED}
    if len(objects) > MANY:
        _read_all(connection, now)
        return
    try:
        with sync.alone(connection, now):
            for object_id in sorted(objects):
                _look_at(connection, object_id, now)
                _done([event for event in events if event.object_id == object_id], now)
    except sync.BeingRead as error:
        raise ProviderUnavailable("It is being read already.") from error


def _look_at(connection: Connection, object_id: str, now: datetime) -> None:
    """One ride as it is now; one from before our history is none of ours."""
    since = now - registry.api_of(connection.provider).backfill
    account = connection.external_id

    def look(visit: Visit) -> Ride | None:
        return _webhooks(connection).ride_now(visit, account, object_id)

    ride = sync.with_access(connection, look, since=since, now=now)
    if ride is None or ride.started_at >= since:
        sync.keep_one(connection, object_id, ride)


def _read_all(connection: Connection, now: datetime) -> None:
    """Raises ProviderBusy and ProviderUnavailable when it is worth another try."""
    last = connection.history_read_at
    if last is not None and now - last < WHOLE_AT_MOST_EVERY:
        raise ProviderBusy("All of it was read just now.", last + WHOLE_AT_MOST_EVERY)
    try:
        attempt = sync.sync(connection, now, is_whole=True)
    except sync.BeingRead as error:
        raise ProviderUnavailable("It is being read already.") from error
    if attempt.reason not in ("", ReconnectNeeded.reason, sync.NotAllowed.reason):
        raise ProviderUnavailable(attempt.error)


def _is_ended(connection: Connection, now: datetime) -> bool:
    """A box that was unticked is no end."""
    try:
        sync.with_access(connection, _webhooks(connection).check, since=now, now=now)
    except MissingScope:
        return False
    except ReconnectNeeded:
        return True
    return False


def _webhooks(connection: Connection) -> Webhooks:
    found = webhooks_of(connection.provider)
    if found is None:
        raise LookupError(f"{connection.provider} tells nothing by itself.")
    return found


def _done(events: Sequence[ProviderEvent], now: datetime) -> None:
    _open(events).update(handled_at=now, lease_until=None)


def _postpone(
    connection: Connection,
    events: Sequence[ProviderEvent],
    now: datetime,
    until: datetime | None = None,
) -> None:
    """`until`: as the provider wants it; else later each time, as often as it failed before."""
    if until is not None and until > now:
        _open(events).update(lease_until=until)
        return
    attempts = 1 + max(event.attempts for event in events)
    wait = backoff.wait(attempts, f"{connection.provider}:{connection.pk}")
    _open(events).update(lease_until=now + wait, attempts=F("attempts") + 1)


def _open(events: Sequence[ProviderEvent]) -> ProviderEventQuerySet:
    return ProviderEvent.objects.unhandled().filter(pk__in=[event.pk for event in events])
