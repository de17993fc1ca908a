from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from coach.models.asked import Asked
from missions.models import Mission


class MissionDraftQuerySet(models.QuerySet["MissionDraft"]):
    def owned_by(self, user: User) -> MissionDraftQuerySet:
        return self.filter(user=user)

    def unconfirmed(self) -> MissionDraftQuerySet:
        """Those no mission was made of yet."""
        return self.filter(mission__isnull=True)

    def forgotten(self, now: datetime) -> MissionDraftQuerySet:
        """Those that nobody touched for so long that they are discarded."""
        return self.unconfirmed().filter(updated_at__lt=now - MissionDraft.KEPT_FOR)


class MissionDraft(Asked):
    """A tester's survey, what the model made of it, and what the tester made of that.

    It becomes a mission when it is confirmed; left alone it is discarded after 30 days.
    """

    class Outcome(models.TextChoices):
        SURVEY = "survey", "being answered"
        DUE = "due", "waiting"
        UNDER_WAY = "under_way", "being drafted"
        DRAFTED = "drafted", "drafted"
        FAILED = "failed", "could not be drafted"

    KEPT_FOR: ClassVar[timedelta] = timedelta(days=30)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mission_drafts")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.SURVEY)
    survey = models.JSONField(default=dict, help_text="The answers so far, by question.")
    asked = models.PositiveSmallIntegerField(
        default=0, help_text="How often a draft was asked for; each time makes up to two calls."
    )
    drafted = models.JSONField(null=True, blank=True, help_text="The model's reply, unchanged.")
    proposal = models.JSONField(
        null=True, blank=True, help_text="The draft as its tester changed it since."
    )
    failure = models.CharField(
        max_length=20, blank=True, help_text="The kind of the last failure; see Incident."
    )
    mission = models.OneToOneField(
        Mission, on_delete=models.CASCADE, null=True, blank=True, related_name="draft"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = MissionDraftQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(outcome="drafted") | Q(proposal__isnull=False),
                name="a_drafted_draft_has_its_proposal",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="failed") | ~Q(failure=""),
                name="a_failed_draft_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["outcome", "lease_until"], name="draft_to_make"),
            models.Index(fields=["updated_at"], name="draft_by_age"),
            models.Index(
                fields=["file_due_at"],
                condition=Q(file_due_at__isnull=False),
                name="draft_file_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"draft of {self.created_at:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return reverse("coach:draft", args=[self.pk])

    @property
    def name(self) -> str:
        """The name of its event, as far as anybody has given one."""
        return str((self.proposal or {}).get("name") or self.survey.get("event_name") or "")

    @property
    def owner(self) -> User:
        return self.user
