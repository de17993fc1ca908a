"""Reading one connection: a fresh token, the new rows, and a record of how it went."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from accounts import privacy
from connections import retention
from connections.models import Connection, DailySample, Night, Ride, Source, SyncAttempt
from connections.providers import oura, strava
from connections.providers.http import ProviderError, ReconnectNeeded
from connections.rows import keep_nights, keep_rides, keep_samples

# CTL forgets half a year: with less history it would be wrong without looking wrong.
BACKFILL = timedelta(days=180)
# Late uploads and edits arrive under old dates.
OVERLAP = timedelta(days=7)


class NotAllowed(ProviderError):
    """The tester has not given consent, or has withdrawn it."""


def request(connection: Connection) -> None:
    """Have a worker read this connection once the current transaction is committed."""
    Connection.objects.filter(pk=connection.pk).update(asked_at=timezone.now())
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(
        lambda: current_app.send_task("connections.sync", args=[connection.pk]), robust=True
    )


def sync(connection: Connection, now: datetime) -> SyncAttempt:
    """Read what is new; a failure of the provider is recorded and told, never raised."""
    attempt = SyncAttempt(connection=connection, started_at=now)
    since, is_whole = _window(connection, now)
    try:
        with _still_connected(connection):
            attempt.save()
        read = READERS[Source(connection.provider)]
        read(connection, attempt, since, now)
    except ProviderError as error:
        _record_failure(connection, attempt, error)
    else:
        _record_success(attempt, is_whole)
    return attempt


def read_strava(
    connection: Connection, attempt: SyncAttempt, since: datetime, now: datetime
) -> None:
    token = fresh_token(connection, now)
    rides = [_ride_row(connection, ride, now) for ride in strava.rides_since(token, since)]
    with _still_connected(connection):
        keep_rides(rides)
        retention.forget_rides_gone(connection, since, now)
    attempt.rides = len(rides)


def read_oura(connection: Connection, attempt: SyncAttempt, since: datetime, now: datetime) -> None:
    first = connection.user.local_date(since)
    last = connection.user.local_date(now)
    nights = [
        _night_row(connection, night, now)
        for night in oura.nights_between(connection.access_token, first, last)
    ]
    samples = [
        sample
        for day in oura.readiness_between(connection.access_token, first, last)
        for sample in _readiness_rows(connection, day, now)
    ]
    with _still_connected(connection):
        keep_nights(nights)
        keep_samples(samples)
    attempt.nights = len(nights)


READERS = {Source.STRAVA: read_strava, Source.OURA: read_oura}


def fresh_token(connection: Connection, now: datetime) -> str:
    """An access token that lasts the next minutes.

    The row stays locked over the refresh: a refresh token works once, so a second worker must
    wait and find the new pair. Durable, so that the pair is stored before it is used.
    """
    with transaction.atomic(durable=True):
        locked = Connection.objects.select_for_update().filter(pk=connection.pk).first()
        if locked is None:
            raise _not_connected(connection)
        if locked.is_token_stale(now):
            tokens = strava.refresh(locked.refresh_token)
            locked.access_token = tokens.access_token
            locked.refresh_token = tokens.refresh_token
            locked.expires_at = tokens.expires_at
            locked.save(update_fields=["access_token", "refresh_token", "expires_at"])
    return locked.access_token


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
            raise NotAllowed(privacy.NOT_ALLOWED)
        yield


def _not_connected(connection: Connection) -> ReconnectNeeded:
    return ReconnectNeeded(f"{connection.get_provider_display()} is not connected any more.")


def _window(connection: Connection, now: datetime) -> tuple[datetime, bool]:
    """From when on to read, and whether that is the whole history."""
    if connection.last_success_at is None or retention.is_history_stale(connection, now):
        return now - BACKFILL, True
    return connection.last_success_at - OVERLAP, False


def _record_success(attempt: SyncAttempt, is_whole: bool) -> None:
    attempt.is_success = True
    _record(
        attempt,
        **({"history_read_at": attempt.started_at} if is_whole else {}),
        state=Connection.State.OK,
        last_success_at=attempt.started_at,
        last_error="",
    )


def _record_failure(connection: Connection, attempt: SyncAttempt, error: ProviderError) -> None:
    attempt.error = str(error)
    if isinstance(error, ReconnectNeeded):
        _record(attempt, state=Connection.State.BROKEN, last_error=attempt.error)
    elif connection.state == Connection.State.BROKEN:
        _record(attempt, state=Connection.State.BROKEN)  # what the tester must do stays said
    else:
        _record(attempt, last_error=attempt.error)


def _record(attempt: SyncAttempt, **changes: Any) -> None:
    """By update and not by save: the tester may have disconnected or connected anew meanwhile."""
    attempt.finished_at = timezone.now()
    SyncAttempt.objects.filter(pk=attempt.pk).update(
        finished_at=attempt.finished_at,
        is_success=attempt.is_success,
        rides=attempt.rides,
        nights=attempt.nights,
        error=attempt.error,
    )
    same_consent = Connection.objects.filter(
        pk=attempt.connection_id, epoch=attempt.connection.epoch
    )
    same_consent.update(asked_at=None, **changes)


def _ride_row(connection: Connection, ride: strava.StravaRide, now: datetime) -> Ride:
    return Ride(
        user=connection.user,
        source=Source.STRAVA,
        external_id=ride.external_id,
        started_at=ride.started_at,
        local_date=connection.user.local_date(ride.started_at),
        name=ride.name[:200],
        sport=ride.sport[:40],
        duration_s=ride.moving_s,
        elapsed_s=ride.elapsed_s,
        distance_m=ride.distance_m,
        climb_m=ride.climb_m,
        energy_kj=ride.energy_kj,
        average_power_w=ride.average_power_w,
        np_w=ride.np_w,
        has_power_meter=ride.has_power_meter,
        average_hr_bpm=ride.average_hr_bpm,
        max_hr_bpm=ride.max_hr_bpm,
        suffer_score=ride.suffer_score,
        read_at=now,
    )


def _night_row(connection: Connection, night: oura.OuraNight, now: datetime) -> Night:
    return Night(
        user=connection.user,
        source=Source.OURA,
        local_date=night.local_date,
        started_at=night.started_at,
        ended_at=night.ended_at,
        asleep_s=night.asleep_s,
        deep_s=night.deep_s,
        rem_s=night.rem_s,
        awake_s=night.awake_s,
        hrv_ms=night.hrv_ms,
        hrv_kind=Night.HrvKind.RMSSD if night.hrv_ms is not None else "",
        resting_hr_bpm=night.lowest_hr_bpm,
        read_at=now,
    )


def _readiness_rows(
    connection: Connection, day: oura.OuraReadiness, now: datetime
) -> list[DailySample]:
    values = {
        DailySample.Kind.READINESS: (day.score, "score", day.contributors),
        DailySample.Kind.TEMPERATURE_DEVIATION: (day.temperature_deviation_c, "°C", {}),
    }
    return [
        DailySample(
            user=connection.user,
            source=Source.OURA,
            local_date=day.local_date,
            kind=kind,
            value=value,
            unit=unit,
            details=details,
            measured_at=day.measured_at,
            read_at=now,
        )
        for kind, (value, unit, details) in values.items()
        if value is not None
    ]
