"""What tasks broke off of that nobody named: an incident, and an alert an hour for each task.

Loaded by workers only, once the apps are (see `lanterne.celery`). Whatever is told of an error is
its kind and where in our code it came up: its message may hold what a tester's body did.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery.app.task import Task
from celery.signals import task_failure, task_rejected, task_unknown
from celery.worker.consumer import Consumer
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from coach import alerts
from coach.models import Incident
from lanterne.logs import place_of

logger = logging.getLogger(__name__)

UNREADABLE = "a message that cannot be read"
SET_ASIDE = "Its message was set aside and does not come back."
# The same once more within so long is no news.
QUIET = timedelta(hours=1)


@task_failure.connect
def on_failure(*, sender: Task[..., Any], exception: BaseException, **_: Any) -> None:
    """Also for time limits and killed processes: those are noticed in the worker's main process.

    Not for a database that went away: rows and sweeps bring back what it interrupted, /healthz and
    every page tell of it, and a run that breaks off each time fails in the open.
    """
    if isinstance(exception, (OperationalError, InterfaceError)):
        return
    note(sender.name, f"{place_of(exception)}.", timezone.now())


@task_unknown.connect
def on_unknown(*, name: str, **_: Any) -> None:
    note(name, f"This worker knows no such task. {SET_ASIDE}", timezone.now())


@task_rejected.connect
def on_rejected(*, exc: Exception | None = None, **_: Any) -> None:
    kind = type(exc).__name__ if exc else "It is no task's"
    note(UNREADABLE, f"{kind}. {SET_ASIDE}", timezone.now())


class Reader(Consumer):
    """Celery's, which tells of what it cannot read in its log alone."""

    def start(self) -> None:
        """What comes out of here ends the worker; the message it was about is gone by then."""
        try:
            super().start()
        except Exception as error:
            note(UNREADABLE, f"{type(error).__name__} ended a worker. {SET_ASIDE}", timezone.now())
            raise

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        super().on_decode_error(message, exc)
        note(UNREADABLE, f"{type(exc).__name__}. {SET_ASIDE}", timezone.now())


def note(task: str, detail: str, now: datetime) -> None:
    """Record it; a database that does not answer must not end the worker as well."""
    task = task[:120]
    try:
        _record(task, detail, now)
    except Error as error:
        logger.warning("%s broke off, which could not be recorded: %s", task, type(error).__name__)
    finally:
        if not connection.in_atomic_block:
            # The main process forks; a connection must not be handed down.
            connection.close()


def _record(task: str, detail: str, now: datetime) -> None:
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    known = Incident.objects.filter(
        kind=Incident.Kind.TASK, task=task, detail=detail, opened_at__gt=now - QUIET
    )
    with transaction.atomic():
        if known.filter(resolved_at=None).exists():
            return
        Incident.objects.create(kind=Incident.Kind.TASK, task=task, detail=detail, opened_at=now)
        alerts.send(
            subject=f"a task broke off: {task}",
            text=f"{task} broke off: {detail}\n\nThe incidents about tasks: "
            f"{settings.SITE_URL}/admin/coach/incident/?kind__exact=task\n",
            dedupe_key=f"alert:task:{task}:{now:%Y-%m-%dT%H}",
        )
