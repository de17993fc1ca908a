from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from missions.models import Mission


class Asked(models.Model):
    """Something the model is asked for: by one worker at a time, and never twice for nothing.

    `fence` counts how often it was claimed; whoever held it before cannot write any more.
    """

    # Longer than the longest single call to the outside, which is one question to the model.
    LEASE: ClassVar[timedelta] = timedelta(minutes=4)
    MOST_ATTEMPTS: ClassVar[int] = 5
    DUE, UNDER_WAY = "due", "under_way"
    OPEN = (DUE, UNDER_WAY)

    # Related managers, made by the foreign keys of those models.
    calls: Any
    incidents: Any
    outcome = models.CharField(max_length=10, default=DUE)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def claimable(cls, now: datetime) -> models.QuerySet[Any]:
        """Those that are due, and those whose worker stopped renewing its lease."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return cls._default_manager.filter(is_free, outcome__in=cls.OPEN)

    @property
    def is_finished(self) -> bool:
        return self.outcome not in self.OPEN

    @property
    def owner(self) -> User:
        """Whose it is: nothing is asked without their consent."""
        raise NotImplementedError


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


class MissionDraftQuerySet(models.QuerySet["MissionDraft"]):
    def owned_by(self, user: User) -> MissionDraftQuerySet:
        return self.filter(user=user)

    def unconfirmed(self) -> MissionDraftQuerySet:
        """Those no mission was made of yet."""
        return self.filter(mission__isnull=True)

    def forgotten(self, now: datetime) -> MissionDraftQuerySet:
        """Those that nobody touched for so long that they are discarded."""
        return self.unconfirmed().filter(updated_at__lt=now - MissionDraft.KEPT_FOR)

    def awaiting_artifacts(self) -> MissionDraftQuerySet:
        """Those of which a model was asked, and whose texts still lie in the rows."""
        return self.exclude(outcome__in=MissionDraft.OPEN).filter(calls__prompt__gt="").distinct()


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
        indexes = [models.Index(fields=["outcome", "lease_until"], name="reflection_to_write")]

    def __str__(self) -> str:
        return f"{self.mission}, looking back ({self.get_outcome_display()})"

    @property
    def owner(self) -> User:
        return self.mission.owner


def _one_of_them() -> Q:
    """A record is of exactly one: a run, a draft or a reflection."""
    return (
        Q(run__isnull=False, draft__isnull=True, reflection__isnull=True)
        | Q(run__isnull=True, draft__isnull=False, reflection__isnull=True)
        | Q(run__isnull=True, draft__isnull=True, reflection__isnull=False)
    )


class ModelCall(models.Model):
    """One question to the model, for a run, a draft or a reflection.

    The texts leave for the artifact once what was asked for is there, or failed.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        ANSWERED = "answered", "answered, not checked yet"
        REJECTED = "rejected", "answered, not usable"
        UNANSWERED = "unanswered", "no answer"

    run = models.ForeignKey(
        MissionRun, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
    draft = models.ForeignKey(
        MissionDraft, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
    reflection = models.ForeignKey(
        Reflection, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
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
        ordering = ["run", "draft", "reflection", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt"], name="one_call_per_attempt"),
            models.UniqueConstraint(fields=["draft", "attempt"], name="one_call_per_draft_attempt"),
            models.UniqueConstraint(
                fields=["reflection", "attempt"], name="one_call_per_reflection_attempt"
            ),
            models.CheckConstraint(condition=_one_of_them(), name="a_call_is_about_one"),
        ]

    def __str__(self) -> str:
        return f"{self.model}, attempt {self.attempt} ({self.get_outcome_display()})"


class Incident(models.Model):
    """A run, a draft or a reflection that failed, for an operator to look at."""

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

    run = models.ForeignKey(
        MissionRun, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    draft = models.ForeignKey(
        MissionDraft, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    reflection = models.ForeignKey(
        Reflection, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    detail = models.TextField()
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(condition=_one_of_them(), name="an_incident_is_about_one"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.about}"

    @property
    def about(self) -> Asked:
        about = self.run or self.draft or self.reflection
        assert about is not None  # noqa: S101  the database sees to it
        return about
