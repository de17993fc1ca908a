"""Addresses that get no more of our mail: it came back from there, or was marked as spam.

What nobody there asked for by hand stops: briefs, wrap-ups, words about a source. What goes on:

- account mails to somebody who has an account. They asked for it a moment ago, seldom (it is
  throttled), and a new password is the only way in to the button that lifts the stop. That the
  mailbox was full last week does not mean that it is today; the price is one more bounce.
- alerts. An operator who marks one as spam must still hear that the service is down.

An account mail to an address without an account, such as an invitation, stops: it opens no door
that anybody was locked out of.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts import audit, purging
from accounts.models import AuditEvent, User
from notifications import unsubscribing
from notifications.models import Notification, StoppedAddress

Kind, Reason = Notification.Kind, StoppedAddress.Reason
logger = logging.getLogger(__name__)


def why_not_sent(mail: Notification) -> str:
    """Why a mail of the outbox must not go, without an address; empty when it may."""
    if not unsubscribing.is_wanted(mail):
        return "its tester does not want such mails"
    if mail.kind == Kind.ALERT or (mail.kind == Kind.ACCOUNT and not mail.is_to_nobody_known):
        return ""
    stopped = list(StoppedAddress.objects.among(mail.recipients))
    if not stopped or len(stopped) < len(set(mail.recipients)):
        return ""
    return f"to that address: {stopped[0].get_reason_display()}"


def stop(address: str, reason: StoppedAddress.Reason, detail: str, at: datetime) -> None:
    """Once for an address; a complaint weighs more than a bounce, whichever is told first."""
    stopped, is_new = StoppedAddress.objects.get_or_create(
        address=address, defaults={"reason": reason, "detail": detail[:300], "stopped_at": at}
    )
    if is_new:
        logger.info("An address gets no more mail: %s.", reason.label)
    elif reason == Reason.COMPLAINT:
        same = StoppedAddress.objects.filter(pk=stopped.pk, reason=Reason.BOUNCE)
        same.update(reason=reason, detail=detail[:300])


@transaction.atomic
def lift(
    address: str, *, request: HttpRequest, user: User | None, actor: User | None = None
) -> bool:
    """Send to it again, on the word of its owner or of an operator; whether it was stopped."""
    lifted, _ = StoppedAddress.objects.filter(address=address).delete()
    if lifted:
        audit.record(AuditEvent.Kind.MAILS_AGAIN, user=user, actor=actor, request=request)
    return bool(lifted)


def is_lifted_since(address: str, moment: datetime) -> bool:
    """Whether what happened then is over: providers tell late, and tell twice."""
    lifted = AuditEvent.objects.filter(kind=AuditEvent.Kind.MAILS_AGAIN, user__email=address)
    return lifted.filter(at__gte=moment).exists()


def purge() -> int:
    """Forget the addresses that nobody here has any more: nothing is sent to them anyway."""
    return purging.in_batches(StoppedAddress.objects.of_nobody())
