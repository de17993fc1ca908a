from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from missions.models import Mission


class MissionRunQuerySet(models.QuerySet["MissionRun"]):
    def owned_by(self, user: User) -> MissionRunQuerySet:
        return self.filter(mission__owner=user)

    def unfinished(self) -> MissionRunQuerySet:
        return self.filter(outcome__in=MissionRun.OPEN)

    def claimable(self, now: datetime) -> MissionRunQuerySet:
        """Open runs that no worker holds, or whose holder stopped renewing its lease."""
        return self.unfinished().filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))

    def awaiting_artifacts(self) -> MissionRunQuerySet:
        return self.exclude(outcome__in=MissionRun.OPEN).filter(artifacts_at__isnull=True)


class MissionRun(models.Model):
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

    OPEN = (Outcome.DUE, Outcome.UNDER_WAY)
    # Longer than the longest single call to the outside, which is one question to the model.
    LEASE: ClassVar[timedelta] = timedelta(minutes=4)
    MOST_ATTEMPTS: ClassVar[int] = 5

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="runs")
    local_date = models.DateField()
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.DUE)
    opened_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    situation = models.JSONField(null=True, blank=True)
    decision = models.JSONField(null=True, blank=True)
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
    def is_finished(self) -> bool:
        return self.outcome not in self.OPEN


class ModelCall(models.Model):
    """One question to the model; the texts leave for the artifact once the run is recorded."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        ANSWERED = "answered", "answered, not checked yet"
        REJECTED = "rejected", "answered, not usable"
        UNANSWERED = "unanswered", "no answer"

    run = models.ForeignKey(MissionRun, on_delete=models.CASCADE, related_name="calls")
    attempt = models.PositiveSmallIntegerField()
    model = models.CharField(max_length=80)
    prompt_version = models.CharField(max_length=80)
    prompt_sha256 = models.CharField(max_length=64)
    reply_sha256 = models.CharField(max_length=64, blank=True)
    prompt = models.TextField(blank=True)
    reply = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=20, blank=True)
    refusal = models.CharField(max_length=300, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_cached = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    problem_kind = models.CharField(max_length=20, blank=True)
    problem = models.TextField(blank=True)
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["run", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt"], name="one_call_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.model}, attempt {self.attempt} ({self.get_outcome_display()})"


class Incident(models.Model):
    """A run that failed, for an operator to look at."""

    class Kind(models.TextChoices):
        INVALID_REPLY = "invalid_reply", "the reply was not usable"
        REFUSAL = "refusal", "the model refused"
        CUT_OFF = "cut_off", "the reply was cut off"
        FILTERED = "filtered", "the reply was filtered"
        TIMEOUT = "timeout", "the model did not answer in time"
        RATE_LIMITED = "rate_limited", "the model is rate limited"
        QUOTA = "quota", "the model's quota is used up"
        MODEL_ERROR = "model_error", "the model answered with an error"
        CRASH = "crash", "the run kept breaking off"

    # These do not depend on what was asked: when one run has them, the others do too.
    OF_THE_MODEL = (Kind.TIMEOUT, Kind.RATE_LIMITED, Kind.QUOTA, Kind.MODEL_ERROR)

    run = models.ForeignKey(MissionRun, on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    detail = models.TextField()
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.run}"
