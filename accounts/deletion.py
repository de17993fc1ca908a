"""Deleting an account: asked for once, then carried out step by step, wherever it broke off."""

import logging
from datetime import datetime

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from celery import current_app
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts import artifacts, audit, sessions, tokens, tombstones
from accounts.models import AuditEvent, Invitation, User

DELETE = "accounts.delete"
logger = logging.getLogger(__name__)


class Postponed(Exception):
    """A step cannot be taken now; the sweep comes back to it. The message names nobody."""


def ask(user: User, request: HttpRequest | None, now: datetime) -> bool:
    """Close the account at once and have a worker delete it; False when it was asked before."""
    with transaction.atomic():
        asked = User.objects.filter(pk=user.pk, deletion_requested_at=None).update(
            deletion_requested_at=now, is_active=False
        )
        if asked:
            audit.record(AuditEvent.Kind.DELETION_ASKED, user=user, request=request)
            close(user, now)
            transaction.on_commit(lambda: publish(user.pk), robust=True)
    user.refresh_from_db(fields=["deletion_requested_at", "is_active"])
    return bool(asked)


def close(user: User, now: datetime) -> None:
    """End every browser session and every program's tokens."""
    sessions.end_other_browsers(user, None)
    tokens.end_all(user, now)


def publish(user_id: int) -> None:
    current_app.send_task(DELETE, args=[user_id])


def carry_out(user_id: int, now: datetime) -> bool:
    """Take every step in turn; False when one has to be tried again later.

    Each step may be taken twice: a worker that dies leaves the rest to the next one.
    """
    user = User.objects.filter(pk=user_id, deletion_requested_at__isnull=False).first()
    if user is None or user.deletion_requested_at is None:
        return True
    try:
        stone = tombstones.leave(user.pk, user.deletion_requested_at)
        for name in settings.ACCOUNT_DELETION_STEPS:
            import_string(name)(user, now)
    except Postponed as reason:
        logger.warning("An account is deleted later: %s", reason)
        return False
    sessions.forget_unfinished(user)
    finish(user, tell=not stone.is_second_of(user))
    return True


@transaction.atomic
def finish(user: User, *, tell: bool = True) -> None:
    """The account itself, with everything that hangs on it, and the receipt that says so.

    Not to those who got theirs before a restored backup brought the account back.
    """
    locked = User.objects.select_for_update().filter(pk=user.pk).first()
    if locked is None:
        return
    email, asked_at = locked.email, locked.deletion_requested_at
    artifacts.delete_all_of(locked)
    close(locked, asked_at or locked.date_joined)
    _forget_beside(locked)
    locked.delete()
    audit.record(AuditEvent.Kind.DELETED)
    if tell:
        get_adapter().send_mail("account/email/deleted", email, {"asked_at": asked_at})


def addresses_of(user: User) -> set[str]:
    """Every address an account has or is about to take."""
    others = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    return {user.email, *others}


def _forget_beside(user: User) -> None:
    """Rows about the account that no foreign key ties to it."""
    addresses = addresses_of(user)
    Invitation.objects.filter(email__in=addresses).delete()
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    for address in addresses:
        about |= Q(object_repr__icontains=address) | Q(change_message__icontains=address)
    LogEntry.objects.filter(about).delete()
