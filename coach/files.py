"""The files of what is finished: stored after it, tried again for a day, then given up out loud.

What is finished has `file_due_at`; whoever stores its file moves that on first, so that of two
workers one does. Until the file is there the texts stay in the rows, so nothing is lost: not while
the storage is away, and not when it is given up. An operator can have them stored then.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Max

from accounts import artifacts, backoff
from accounts.models import User
from accounts.patience import while_the_database_is_away
from coach import alerts
from coach.models import Asked, Incident, MissionDraft, MissionRun, Reflection

logger = logging.getLogger(__name__)

TASKS: dict[type[Asked], str] = {
    MissionRun: "coach.keep_artifacts",
    MissionDraft: "coach.keep_draft_texts",
    Reflection: "coach.keep_reflection",
}
# Longer than a file takes; a worker that was killed keeps others away for so long.
LEASE = timedelta(minutes=3)
TRY_FOR = timedelta(hours=24)
# Tried so often at least, also where nobody worked for a day, or an operator asks for it later.
FEWEST = 5
GIVEN_UP = "Its file could not be stored for a day. What it would hold is still in the database."
STORED_AGAIN = "An operator had it stored again."
ALERT = (
    "The storage has refused files for a day, and they are not tried any more. What they would "
    "hold stays in the database for 180 days. Each of them has an incident (its file could not be "
    "stored): once the storage is back, choose “Store the file again” there.\n\n"
    "{site}/admin/coach/incident/?kind__exact=storage\n"
)


def keep_later(row: Asked) -> None:
    """Have a worker store the file once the row is committed; a lost message the sweep sends."""
    _publish(type(row), row.pk)


def _publish(kind: type[Asked], pk: UUID | int) -> None:
    argument = str(pk) if isinstance(pk, UUID) else pk
    task = TASKS[kind]
    transaction.on_commit(lambda: current_app.send_task(task, args=[argument]), robust=True)


def sweep(now: datetime, *, most: int) -> None:
    """Send again for the files that are due and nobody stores."""
    for kind in TASKS:
        due = kind._default_manager.filter(file_due_at__lte=now).order_by("file_due_at")
        for pk in due.values_list("pk", flat=True)[:most]:
            _publish(kind, pk)


def store(kind: type[Asked], pk: UUID | int, now: datetime, keep: Callable[[], None]) -> None:
    """Have `keep` store a file that is due, once; where the storage is away, later again.

    A worker that is killed in between leaves its claim to run out: the same content goes under the
    same key once more, and the row tells of it once.
    """
    mine = kind._default_manager.filter(pk=pk)
    lease = now + LEASE
    if not mine.filter(file_due_at__lte=now).update(
        file_due_at=lease, file_attempts=F("file_attempts") + 1
    ):
        return
    held = mine.filter(file_due_at=lease)
    try:
        while_the_database_is_away(keep)
    except User.DoesNotExist:
        return  # the account is leaving, and takes this with it
    except artifacts.STORAGE_ERRORS as error:
        _later_or_never(held, now, error)
    else:
        # What had nothing to store any more is not looked at again.
        held.update(file_due_at=None)


@transaction.atomic
def _later_or_never(held: models.QuerySet[Asked], now: datetime, error: Exception) -> None:
    """Unless another has it by now."""
    row = held.select_for_update().first()
    if row is None:
        return
    is_over = _is_over(row, now)
    wait = backoff.wait(row.file_attempts, str(row.pk))
    held.update(file_due_at=None if is_over else now + wait)
    if is_over:
        _give_up(row, type(error).__name__, now)
    logger.warning(
        "file of a %s: attempt %d failed with %s, given up: %s",
        row._meta.model_name,
        row.file_attempts,
        type(error).__name__,
        is_over,
    )


def _is_over(row: Asked, now: datetime) -> bool:
    """A draft does not know when it was made, as its tester works on with it: its calls do."""
    since = getattr(row, "finished_at", None) or row.calls.aggregate(last=Max("asked_at"))["last"]
    is_old = since is not None and now - since > TRY_FOR
    return is_old and row.file_attempts >= FEWEST


def _give_up(row: Asked, reason: str, now: datetime) -> None:
    kind = Incident.Kind.STORAGE
    row.incidents.create(kind=kind, detail=f"{GIVEN_UP} ({reason})", opened_at=now)
    alerts.send(
        subject="files could not be stored for a day",
        text=ALERT.format(site=settings.SITE_URL),
        dedupe_key=f"alert:{kind}:{now:%Y-%m-%dT%H}",
    )


def store_again(incident: Incident, now: datetime) -> bool:
    """For an operator: try for another while. False where nothing was given up."""
    row = incident.about
    if incident.kind != Incident.Kind.STORAGE or isinstance(row, str):
        return False
    if not row.calls.exclude(prompt="").exists():
        return False
    given_up = type(row)._default_manager.filter(pk=row.pk, file_due_at=None)
    with transaction.atomic():
        if not given_up.exclude(outcome__in=row.OPEN).update(file_due_at=now, file_attempts=0):
            return False
        told = row.incidents.filter(kind=Incident.Kind.STORAGE, resolved_at=None)
        told.update(resolved_at=now, note=STORED_AGAIN)
        keep_later(row)
    return True
