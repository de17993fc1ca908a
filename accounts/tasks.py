from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts import (
    artifacts,
    audit,
    deletion,
    exports,
    invitations,
    registering,
    sessions,
    tokens,
    tombstones,
)
from accounts.models import User


@shared_task(name=exports.MAKE, time_limit=exports.TIME_LIMIT_S)
def export(export_id: str) -> None:
    exports.make(UUID(export_id), timezone.now())


@shared_task(name=deletion.DELETE)
def delete(user_id: int) -> None:
    deletion.carry_out(user_id, timezone.now())


@shared_task(name="accounts.sweep")
def sweep() -> None:
    """Whatever got lost on its way to a worker, or has to be tried again, is handed to one."""
    for row in exports.claimable(timezone.now())[:100]:
        exports.publish(row)
    asked = User.objects.filter(deletion_requested_at__isnull=False)
    for pk in asked.order_by("deletion_requested_at").values_list("pk", flat=True)[:100]:
        deletion.publish(pk)


@shared_task(name="accounts.purge", time_limit=3600)
def purge() -> None:
    now = timezone.now()
    artifacts.purge(now)
    exports.purge(now)
    tokens.purge(now)
    sessions.purge(now)
    invitations.purge(now)
    registering.purge(now)
    audit.purge(now)
    tombstones.purge(now)
