"""What a tester has to know of their mails: that their brief did not reach them."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from notifications.models import Notification

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


def has_lost_mail(user: User, now: datetime) -> Exists:
    """The same as a condition, for a query that is made anyway."""
    return Exists(_lost(user, now))


def _lost(user: User, now: datetime) -> QuerySet[Notification]:
    briefs = Notification.objects.filter(user=user, kind__in=BRIEFS)
    later = briefs.filter(state=State.SENT, pk__gt=OuterRef("pk"))
    lost = briefs.filter(state=State.GIVEN_UP, created_at__gt=now - TOLD_FOR)
    return lost.exclude(Exists(later))
