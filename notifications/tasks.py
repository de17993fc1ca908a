from celery import shared_task
from django.utils import timezone

from notifications import outbox, stopping


@shared_task(name=outbox.SEND)
def send(notification_id: int) -> None:
    outbox.send(notification_id, timezone.now())


@shared_task(name="notifications.sweep")
def sweep() -> None:
    outbox.sweep(timezone.now())


@shared_task(name="notifications.purge")
def purge() -> None:
    stopping.purge()
