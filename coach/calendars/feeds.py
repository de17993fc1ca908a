"""The private address of a tester's calendar: made, renewed, taken away, and what it answers."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, time

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEvent, User
from coach.calendars import ics, items
from coach.models import CalendarFeed
from coach.models.feeds import digest_of

NAME = "Lanterne Rouge"
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Version:
    """A calendar as it is now; `changed_at` is never older than what changed it."""

    content: bytes
    etag: str
    changed_at: datetime


def of(user: User) -> CalendarFeed | None:
    return CalendarFeed.objects.filter(user=user).first()


def give(user: User, request: HttpRequest, now: datetime) -> CalendarFeed:
    """A new address; the one before is good no longer."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {"digest": digest_of(token), "token": token, "made_at": now, "read_at": None}
    with transaction.atomic():
        feed, is_first = CalendarFeed.objects.update_or_create(user=user, defaults=values)
        kind = AuditEvent.Kind.CALENDAR_MADE if is_first else AuditEvent.Kind.CALENDAR_RENEWED
        audit.record(kind, user=user, request=request)
    return feed


def remove(user: User, request: HttpRequest) -> bool:
    """Take the address away; False where there was none."""
    with transaction.atomic():
        removed, _ = CalendarFeed.objects.filter(user=user).delete()
        if removed:
            audit.record(AuditEvent.Kind.CALENDAR_REMOVED, user=user, request=request)
    return bool(removed)


def address_of(feed: CalendarFeed) -> str:
    return f"{settings.SITE_URL}{reverse('coach:calendar-feed', args=[feed.token])}"


def subscription_of(feed: CalendarFeed) -> str:
    """The same for programs that open it as a calendar, not as a page."""
    return f"webcal://{address_of(feed).partition('://')[2]}"


def version_of(feed: CalendarFeed, now: datetime) -> Version:
    user = feed.user
    local_date = user.local_date(now)
    found = items.items_of(user, local_date)
    content = ics.feed(NAME, user.timezone, found)
    # Each midnight a day falls out of it. What is deleted shows in the ETag alone, until then.
    midnight = datetime.combine(local_date, time(), tzinfo=user.zone)
    return Version(
        content=content,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        changed_at=max([midnight, feed.made_at, *(item.changed_at for item in found)]),
    )
