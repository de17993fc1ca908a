from contextlib import suppress
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from connections import apple_uploads, events, refresh, retention, ride_files
from connections import sync as syncing
from connections.models import AppleHealthUpload, Connection


@shared_task(name=syncing.SYNC)
def sync(connection_id: int, *, is_urgent: bool = False) -> None:
    connection = Connection.objects.select_related("user").filter(pk=connection_id).first()
    if connection is None:
        return
    with suppress(syncing.BeingRead):
        syncing.sync(connection, timezone.now(), is_urgent=is_urgent)


@shared_task(name=events.HANDLE)
def handle_events(connection_id: int) -> None:
    events.handle(connection_id, timezone.now())


@shared_task(name="connections.refresh")
def refresh_due() -> None:
    refresh.sweep(timezone.now())


# A reading takes minutes; one that hangs is ended, and its upload handed to another worker.
@shared_task(name=apple_uploads.IMPORT, time_limit=3600)
def import_apple_health(upload_id: str) -> None:
    apple_uploads.run_import(UUID(upload_id))


# Of fifty files each takes a second as a rule, and half a minute at most.
@shared_task(name=ride_files.READ, time_limit=3600)
def read_ride_files(user_id: int) -> None:
    ride_files.read_waiting(user_id)


@shared_task(name="connections.purge")
def purge() -> None:
    now = timezone.now()
    retention.purge(now)
    retention.purge_attempts(now)
    events.purge(now)
    ride_files.purge(now)


@shared_task(name="connections.sweep")
def sweep() -> None:
    """Whatever got lost on its way to a worker is handed to one again."""
    now = timezone.now()
    for upload in AppleHealthUpload.objects.claimable(now):
        apple_uploads.publish(upload)
    events.publish_again(now)
    apple_uploads.remove_leftovers(now)
    ride_files.publish_again(now)
    ride_files.remove_leftovers(now)
