"""How a reading went: kept with the reading, and on its connection for the next one."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from connections import news, slots, tallies
from connections.models import Connection, SyncAttempt
from connections.providers.base import Told
from connections.providers.http import (
    NotShared,
    ProviderBusy,
    ProviderError,
    ProviderRefuses,
    ReconnectNeeded,
)

logger = logging.getLogger(__name__)

# What the tester has to hear of even while they know that the source fails.
TOLD_ANEW = (ReconnectNeeded.reason, ProviderRefuses.reason)


def succeeded(attempt: SyncAttempt, told: Told, *, is_whole: bool) -> None:
    attempt.is_success = True
    if told.left_out:
        attempt.error, attempt.reason = told.left_out[:300], SyncAttempt.INCOMPLETE
        tallies.count(attempt.connection.provider, attempt.reason)
    started_at = attempt.started_at
    _record(
        attempt,
        **({"history_read_at": started_at} if is_whole else {}),
        next_read_at=slots.after_success(attempt.connection_id, started_at, told.again_in),
        state=Connection.State.OK,
        last_success_at=started_at,
        last_error="",
        failing_since=None,
        told_at=None,
        waits_for=told.waits_for,
    )


def failed(attempt: SyncAttempt, error: ProviderError) -> None:
    attempt.error, attempt.reason = str(error), error.reason
    tallies.count(attempt.connection.provider, error.reason)
    if isinstance(error, ProviderBusy):  # to wait its turn is no failure of the connection
        next_read_at = slots.after_busy(attempt.connection_id, attempt.started_at, error.retry_at)
        _record(attempt, next_read_at=next_read_at)
        return
    changes = _after_failure(attempt)
    if isinstance(error, ReconnectNeeded):
        changes["next_read_at"] = None
        _needs_tester(attempt, **changes, state=Connection.State.BROKEN, last_error=attempt.error)
    elif attempt.connection.state == Connection.State.BROKEN:
        _record(attempt, state=Connection.State.BROKEN)  # what the tester must do stays said
    elif isinstance(error, NotShared):
        _needs_tester(attempt, **changes, last_error=attempt.error)
    else:
        _record(attempt, **changes, last_error=attempt.error)


def log(attempt: SyncAttempt) -> None:
    logger.info(
        "read %s, connection %s: %s, %d rides, %d nights, %d samples, %d ms",
        attempt.connection.provider,
        attempt.connection_id,
        attempt.reason or "ok",
        attempt.rides,
        attempt.nights,
        attempt.samples,
        (attempt.took or timedelta()) / timedelta(milliseconds=1),
    )


def _needs_tester(attempt: SyncAttempt, **changes: Any) -> None:
    with transaction.atomic():
        if _record(attempt, **changes):
            news.tell_tester(attempt.connection_id)


def _after_failure(attempt: SyncAttempt) -> dict[str, Any]:
    """When to try again, since when it fails, and whether that is to be told once more."""
    started_at = attempt.started_at
    failing_since = attempt.connection.failing_since or started_at
    changes: dict[str, Any] = {
        "failing_since": failing_since,
        "next_read_at": slots.after_failure(failing_since, started_at),
    }
    if attempt.reason in TOLD_ANEW and not _was_told(attempt, failing_since):
        changes["told_at"] = None
    return changes


def _was_told(attempt: SyncAttempt, failing_since: datetime) -> bool:
    """Whether it has failed for this reason before, while it was failing."""
    earlier = attempt.connection.attempts.filter(started_at__gte=failing_since)
    return earlier.exclude(pk=attempt.pk).filter(reason=attempt.reason).exists()


def _record(attempt: SyncAttempt, **changes: Any) -> bool:
    """Whether it is of the consent that holds now.

    By update and not by save: the tester may have disconnected or connected anew meanwhile.
    """
    attempt.finished_at = timezone.now()
    SyncAttempt.objects.filter(pk=attempt.pk).update(
        finished_at=attempt.finished_at,
        is_success=attempt.is_success,
        rides=attempt.rides,
        nights=attempt.nights,
        samples=attempt.samples,
        reason=attempt.reason,
        error=attempt.error,
    )
    same_consent = Connection.objects.filter(
        pk=attempt.connection_id, epoch=attempt.connection.epoch
    )
    return bool(same_consent.update(asked_at=None, **changes))
