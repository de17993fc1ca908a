from uuid import UUID

from celery import shared_task
from django.utils import timezone

from connections import apple_uploads, retention, ride_files
from connections import sync as syncing
from connections.models import AppleHealthUpload, Connection


@shared_task(name="connections.sync")
def sync(connection_id: int) -> None:
    connection = Connection.objects.select_related("user").filter(pk=connection_id).first()
    if connection is not None:
        syncing.sync(connection, timezone.now())


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
    ride_files.purge(now)


@shared_task(name="connections.sweep")
def sweep() -> None:
    """Whatever got lost on its way to a worker is handed to one again."""
    now = timezone.now()
    for upload in AppleHealthUpload.objects.claimable(now):
        apple_uploads.publish(upload)
    for connection in Connection.objects.never_read(now):
        syncing.request(connection)
    apple_uploads.remove_leftovers(now)
    ride_files.publish_again(now)
    ride_files.remove_leftovers(now)
