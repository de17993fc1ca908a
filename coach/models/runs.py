from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from coach.models.asked import Asked
from missions.models import Mission


class MissionRunQuerySet(models.QuerySet["MissionRun"]):
    def owned_by(self, user: User) -> MissionRunQuerySet:
        return self.filter(mission__owner=user)

    def unfinished(self) -> MissionRunQuerySet:
        return self.filter(outcome__in=MissionRun.OPEN)

    def awaiting_artifacts(self) -> MissionRunQuerySet:
        return self.exclude(outcome__in=MissionRun.OPEN).filter(artifacts_at__isnull=True)


class MissionRun(Asked):
    """The coaching of one mission on one local date; there is never a second row for it."""

    class Outcome(models.TextChoices):
        DUE = "due", "waiting"
        UNDER_WAY = "under_way", "under way"
        DECIDED = "decided", "done"
        FAILED = "failed", "failed"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "the morning schedule"
        COMMAND = "command", "the command line"
        TESTER = "tester", "the tester"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="runs")
    local_date = models.DateField()
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.DUE)
    opened_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    situation = models.JSONField(null=True, blank=True)
    decision = models.JSONField(null=True, blank=True)
    flagged = models.JSONField(
        default=list,
        blank=True,
        help_text="Rules that the decision breaks and that only flag: rule, observed, allowed.",
    )
    asked = models.PositiveSmallIntegerField(
        default=1, help_text="How often it was asked for; each time makes up to two calls."
    )
    superseded = models.JSONField(
        default=list,
        blank=True,
        help_text="The summaries of earlier askings of this day, oldest first, and when.",
    )
    done = models.JSONField(
        null=True, blank=True, help_text="The ride that followed, matched to the workout."
    )
    artifacts_at = models.DateTimeField(null=True, blank=True)

    objects = MissionRunQuerySet.as_manager()

    class Meta:
        ordering = ["-local_date"]
        constraints = [
            models.UniqueConstraint(
                fields=["mission", "local_date"], name="one_run_per_mission_and_local_date"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="decided") | Q(decision__isnull=False),
                name="a_decided_run_has_its_decision",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="failed") | Q(decision__isnull=True),
                name="a_failed_run_gives_no_advice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mission} on {self.local_date} ({self.get_outcome_display()})"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])

    @property
    def owner(self) -> User:
        return self.mission.owner
