"""/healthz: each part the service cannot do without, by name, as it is right now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, connection
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError

from lanterne.celery import app

# Rows fire every minute; one that is this late means that nothing is scheduled any more.
SCHEDULER_PATIENCE = timedelta(minutes=3)
PROBE = "healthz"


class Unhealthy(Exception):
    """A part does not work; the message says how, without secrets."""


@never_cache
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    parts = {name: _state(check) for name, check in CHECKS.items()}
    is_healthy = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ok" if is_healthy else "unhealthy", **parts}, status=200 if is_healthy else 503
    )


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except Unhealthy as reason:
        return str(reason)
    return "ok"


def database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        raise Unhealthy(f"no answer ({type(error).__name__})") from error


def broker() -> None:
    try:
        with app.connection_for_write(connect_timeout=3) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            # A connection proves little where the broker is a folder; counting its messages does.
            channel: Any = link.default_channel
            channel.queue_declare(app.conf.task_default_queue)
    except (OperationalError, OSError) as error:
        raise Unhealthy(f"no answer ({type(error).__name__})") from error


def storage() -> None:
    try:
        if not default_storage.exists(PROBE):
            default_storage.save(PROBE, ContentFile(b"ok"))
    except (OSError, BotoCoreError, ClientError) as error:
        raise Unhealthy(f"no answer ({type(error).__name__})") from error


def scheduler() -> None:
    """The heartbeat is in the scheduler's rows: it writes them as it starts and as they fire."""
    try:
        own = PeriodicTask.objects.filter(name__in=settings.CELERY_BEAT_SCHEDULE)
        last = own.aggregate(last=Max("date_changed"))["last"]
    except Error as error:
        raise Unhealthy("unknown while the database does not answer") from error
    if last is None:
        raise Unhealthy("has not started yet")
    if timezone.now() - last > SCHEDULER_PATIENCE:
        raise Unhealthy(f"last heard of at {last:%Y-%m-%d %H:%M} UTC")


CHECKS: dict[str, Callable[[], None]] = {
    "database": database,
    "broker": broker,
    "storage": storage,
    "scheduler": scheduler,
}
