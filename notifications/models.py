from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import ClassVar

from allauth.account.models import EmailAddress
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Invitation, User


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, now: datetime) -> NotificationQuerySet:
        return self.filter(state=Notification.State.PENDING, next_attempt_at__lte=now)

    def abandoned(self, now: datetime) -> NotificationQuerySet:
        """Claimed for sending, and never heard of again: the mail may or may not be out."""
        return self.filter(
            state=Notification.State.SENDING, claimed_at__lt=now - Notification.PATIENCE
        )


class Notification(models.Model):
    """A mail in the outbox: written with the change it tells of, sent once afterwards."""

    class Kind(models.TextChoices):
        BRIEF = "brief", "daily brief"
        NO_BRIEF = "no_brief", "no guidance today"
        WRAP_UP = "wrap_up", "look back on a mission"
        CONNECTION = "connection", "a source needs its tester"
        ALERT = "alert", "operator alert"
        ACCOUNT = "account", "account mail"

    class State(models.TextChoices):
        PENDING = "pending", "waiting"
        SENDING = "sending", "being sent"
        SENT = "sent", "sent"
        UNKNOWN = "unknown", "outcome unknown"
        GIVEN_UP = "given_up", "given up"
        STOPPED = "stopped", "not sent: nobody wants it there"

    PATIENCE: ClassVar[timedelta] = timedelta(minutes=15)
    RETRY_FOR: ClassVar[timedelta] = timedelta(hours=24)

    dedupe_key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="notifications"
    )
    recipients = models.JSONField()
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True)
    picture = models.BinaryField(
        null=True, blank=True, help_text="A PNG that the HTML shows as `cid:picture`."
    )
    provider_id = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="What the mail provider calls it, so that its later word finds it.",
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["state", "next_attempt_at"], name="outbox_due"),
            models.Index(fields=["user"], condition=Q(state="given_up"), name="mail_given_up"),
            models.Index(
                fields=["provider_id"], condition=~Q(provider_id=""), name="mail_by_provider_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.dedupe_key} ({self.get_state_display()})"

    @property
    def is_to_nobody_known(self) -> bool:
        """To an address without an account: once it is out there is no reason to keep it."""
        return self.kind == self.Kind.ACCOUNT and self.user_id is None


class StoppedAddressQuerySet(models.QuerySet["StoppedAddress"]):
    def among(self, addresses: Iterable[str]) -> StoppedAddressQuerySet:
        return self.filter(address__in={address.lower() for address in addresses})

    def of_nobody(self) -> StoppedAddressQuerySet:
        """Those that no account has, or is about to take, and that nobody is invited at."""
        same = {"email": OuterRef("address")}
        kept = (Exists(model.objects.filter(**same)) for model in (User, EmailAddress, Invitation))
        return self.exclude(reduce(or_, kept))


class StoppedAddress(models.Model):
    """An address that mails are not sent to any more: they came back, or were complained of."""

    class Reason(models.TextChoices):
        BOUNCE = "bounce", "mails come back"
        COMPLAINT = "complaint", "marked as spam"

    address = models.EmailField(unique=True, help_text="In small letters.")
    reason = models.CharField(max_length=9, choices=Reason.choices)
    detail = models.CharField(max_length=300, blank=True, help_text="In the provider's words.")
    stopped_at = models.DateTimeField(default=timezone.now)

    objects = StoppedAddressQuerySet.as_manager()

    class Meta:
        ordering = ["-stopped_at"]

    def __str__(self) -> str:
        return f"{self.address}: {self.get_reason_display()}"
