"""What a tester has to know of their mails: that they do not reach them, and why."""

from datetime import datetime, timedelta

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from accounts.models import User
from notifications.models import Notification, StoppedAddress

TOLD_FOR = timedelta(days=7)
BRIEFS = (Notification.Kind.BRIEF, Notification.Kind.NO_BRIEF)

State = Notification.State


def delivery_trouble(user: User, now: datetime) -> str:
    """In words for their page; empty when the newest brief that was sent or given up arrived.

    No mail service says that a mail was read: one that was taken counts as arrived.
    """
    mail = _lost(user, now).order_by("-pk").only("recipients").first()
    if mail is None:
        return ""
    return (
        f"Your brief could not be delivered to {', '.join(mail.recipients)}. Check your address in "
        "Settings; until then you find every brief here."
    )


def stopped_address_of(user: User) -> StoppedAddress | None:
    """Theirs, when nothing is sent there any more."""
    return StoppedAddress.objects.among([user.email]).first()


def is_there_any(user: User, now: datetime) -> ExpressionWrapper[Q]:
    """Either of the two, for a query that is made anyway."""
    stopped = Exists(StoppedAddress.objects.among([user.email]))
    return ExpressionWrapper(Exists(_lost(user, now)) | stopped, output_field=BooleanField())


def _lost(user: User, now: datetime) -> QuerySet[Notification]:
    briefs = Notification.objects.filter(user=user, kind__in=BRIEFS)
    later = briefs.filter(state=State.SENT, pk__gt=OuterRef("pk"))
    lost = briefs.filter(state=State.GIVEN_UP, created_at__gt=now - TOLD_FOR)
    return lost.exclude(Exists(later))
