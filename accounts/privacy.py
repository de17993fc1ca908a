"""What a tester may ask of us about their data: consent, a copy of everything, to be forgotten."""

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.models import AuditEvent, User

READABLE = {"is_active": True, "health_consent_at__isnull": False}
NOT_ALLOWED = "Your health data may not be read. Allow it in Settings, under Privacy."


class NotAllowed(Exception):
    """The tester has not given consent, or has withdrawn it; the message is for them."""

    def __init__(self) -> None:
        super().__init__(NOT_ALLOWED)


def require_consent(user_id: int) -> None:
    """Raises NotAllowed."""
    if not may_be_read(user_id):
        raise NotAllowed


def require_consent_for_now(user_id: int) -> None:
    """Within a transaction, and good until its end; raises NotAllowed."""
    if not is_allowed_for_now(user_id):
        raise NotAllowed


def may_be_read(user_id: int) -> bool:
    """Asked of the database each time: consent can be withdrawn while work is under way."""
    return User.objects.filter(pk=user_id, **READABLE).exists()


def is_allowed_for_now(user_id: int) -> bool:
    """Within a transaction: true until its end, for a withdrawal waits for it."""
    return User.objects.select_for_update(no_key=True).filter(pk=user_id, **READABLE).exists()


def give_consent(user: User, request: HttpRequest | None, now: datetime) -> bool:
    """Health data may be read and coached from now on; False when it was so already."""
    return _set_consent(user, request, now, AuditEvent.Kind.CONSENT_GIVEN)


def withdraw_consent(user: User, request: HttpRequest | None, now: datetime) -> bool:
    """Nothing is read and no run is made from now on; False when it was so already."""
    return _set_consent(user, request, None, AuditEvent.Kind.CONSENT_WITHDRAWN)


def _set_consent(
    user: User, request: HttpRequest | None, given_at: datetime | None, kind: AuditEvent.Kind
) -> bool:
    was_given = given_at is None
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, health_consent_at__isnull=not was_given).update(
            health_consent_at=given_at
        )
        if changed:
            audit.record(kind, user=user, request=request)
    user.refresh_from_db(fields=["health_consent_at"])
    return bool(changed)
