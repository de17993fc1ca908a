from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from coach.models.asked import Asked
from missions.models import Mission


class Reflection(Asked):
    """What the model says of a mission that is complete, once, and the facts it was told."""

    class Outcome(models.TextChoices):
        DUE = "due", "waiting"
        UNDER_WAY = "under_way", "being written"
        WRITTEN = "written", "written"
        FAILED = "failed", "could not be written"

    mission = models.OneToOneField(Mission, on_delete=models.CASCADE, related_name="reflection")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.DUE)
    facts = models.JSONField(null=True, blank=True)
    reply = models.JSONField(null=True, blank=True)
    asked = models.PositiveSmallIntegerField(
        default=1, help_text="How often it was asked for; each time makes up to two calls."
    )
    opened_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    artifacts_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(outcome="written") | Q(reply__isnull=False),
                name="a_written_reflection_has_its_reply",
            ),
        ]
        indexes = [
            models.Index(fields=["outcome", "lease_until"], name="reflection_to_write"),
            models.Index(
                fields=["file_due_at"],
                condition=Q(file_due_at__isnull=False),
                name="reflection_file_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mission}, looking back ({self.get_outcome_display()})"

    @property
    def owner(self) -> User:
        return self.mission.owner
