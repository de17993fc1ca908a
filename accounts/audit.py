"""The audit trail: what touched the safety of an account, written once and never changed."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import purging
from accounts.models import AuditEvent, User
from accounts.sessions import client_address, device_of


def record(
    kind: AuditEvent.Kind,
    *,
    user: User | None = None,
    actor: User | None = None,
    request: HttpRequest | None = None,
    **details: Any,
) -> AuditEvent:
    """Add one event; `details` names things, and never holds a secret or a health value."""
    return AuditEvent.objects.create(
        kind=kind,
        user=user,
        actor=actor,
        address=client_address(request) if request else None,
        device=device_of(request) if request else "",
        details=details,
    )


def purge(now: datetime) -> int:
    """Forget what is too old to be of use to anybody; how many events went."""
    old = AuditEvent.objects.older_than(now - timedelta(days=settings.AUDIT_KEEP_DAYS))
    return purging.in_batches(old)
