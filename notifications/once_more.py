"""A mail that was given up, or whose outcome nobody knows, sent once more by an operator's wish."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from notifications import outbox
from notifications.models import Notification

State = Notification.State
# Of the second kind the first one may have arrived: only a person may decide to send it again.
LOST = (State.GIVEN_UP, State.UNKNOWN)


def sendable(mails: QuerySet[Notification]) -> QuerySet[Notification]:
    """Not those whose link was taken away when they were lost: there is nothing left to send."""
    return mails.filter(state__in=LOST).exclude(text="", html="")


@transaction.atomic
def send(mail: Notification, now: datetime) -> bool:
    """Put it back into the outbox; False when it is not lost any more, or has nothing to say.

    Of two who ask at once one does it. A sender that comes back from its first claim meanwhile
    finds the mail waiting, or another's, and writes nothing.
    """
    lost = sendable(Notification.objects.filter(pk=mail.pk, attempts=mail.attempts))
    if not lost.update(state=State.PENDING, next_attempt_at=now, claimed_at=None, last_error=""):
        return False
    pk = mail.pk
    transaction.on_commit(lambda: outbox.publish(pk), robust=True)
    return True
