from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from connections.fields import EncryptedTextField


def digest_of(token: str) -> str:
    """A token is as long as a key: a plain hash of it cannot be turned round."""
    return hashlib.sha256(token.encode()).hexdigest()


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def opened_by(self, token: str) -> CalendarFeed | None:
        """The calendar a token opens; None also when its account is closed."""
        feeds = self.filter(digest=digest_of(token), user__is_active=True)
        return feeds.select_related("user").first()

    def note_read(self, feed: CalendarFeed, now: datetime) -> None:
        """To the hour: some calendars ask every few minutes."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        is_older = Q(read_at__isnull=True) | Q(read_at__lte=now - timedelta(hours=1))
        self.filter(is_older, pk=feed.pk, digest=feed.digest).update(read_at=hour)


class CalendarFeed(models.Model):
    """The private address of a tester's calendar; whoever has it can read along."""

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="calendar_feed"
    )
    # Looked up by the digest; the token itself is kept to be shown again.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    token = EncryptedTextField(editable=False)
    made_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(
        null=True, blank=True, help_text="When a calendar last asked for it, to the hour."
    )

    objects = CalendarFeedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"calendar of {self.user}"
