from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from coach.models.asked import Asked
from coach.models.drafts import MissionDraft
from coach.models.reflections import Reflection
from coach.models.runs import MissionRun


def _one_of_them() -> Q:
    """A record is of exactly one: a run, a draft or a reflection."""
    return (
        Q(run__isnull=False, draft__isnull=True, reflection__isnull=True)
        | Q(run__isnull=True, draft__isnull=False, reflection__isnull=True)
        | Q(run__isnull=True, draft__isnull=True, reflection__isnull=False)
    )


def _one_of_them_or_a_task() -> Q:
    """Or it is of none of them, but of a task that broke off."""
    is_a_task = Q(run__isnull=True, draft__isnull=True, reflection__isnull=True) & ~Q(task="")
    return (_one_of_them() & Q(task="")) | is_a_task


class ModelCall(models.Model):
    """One question to the model, for a run, a draft or a reflection.

    The texts leave for the artifact once what was asked for is there, or failed.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        ANSWERED = "answered", "answered, not checked yet"
        REJECTED = "rejected", "answered, not usable"
        UNANSWERED = "unanswered", "no answer"

    class Purpose(models.TextChoices):
        DAY = "day", "a day"
        DRAFT = "draft", "a mission draft"
        WRAP_UP = "wrap_up", "a look back"

    run = models.ForeignKey(
        MissionRun, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
    draft = models.ForeignKey(
        MissionDraft, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
    reflection = models.ForeignKey(
        Reflection, on_delete=models.CASCADE, null=True, blank=True, related_name="calls"
    )
    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="model_calls"
    )
    purpose = models.CharField(max_length=10, choices=Purpose.choices, blank=True)
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
    cost_usd = models.DecimalField(
        "cost (USD)",
        max_digits=10,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="By the prices of that day; empty where the model has no price here.",
    )
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    problem_kind = models.CharField(max_length=20, blank=True)
    problem = models.TextField(blank=True)
    violations = models.JSONField(
        default=list, blank=True, help_text="The rules it broke: rule, observed, allowed."
    )
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
        indexes = [
            models.Index(fields=["owner", "asked_at"], name="call_by_owner_and_time"),
            # Few: the texts leave for a file once it is stored.
            models.Index(fields=["asked_at"], condition=~Q(prompt=""), name="call_with_its_texts"),
        ]

    def __str__(self) -> str:
        return f"{self.model}, attempt {self.attempt} ({self.get_outcome_display()})"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> IncidentQuerySet:
        return self.filter(resolved_at=None)

    def resolve(self, pk: int, now: datetime, *, by: User, note: str) -> bool:
        """Close one that is open, for good; False when somebody else did."""
        one = self.open().filter(pk=pk)
        return bool(one.update(resolved_at=now, resolved_by=by, note=note))


class Incident(models.Model):
    """A run, a draft, a reflection or a task that failed, for an operator to look at."""

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
        BUDGET = "budget", "the month’s tokens are used up"
        MISSED = "missed", "the morning went by without a run"
        STORAGE = "storage", "its file could not be stored"
        TASK = "task", "a task broke off"

    # These do not depend on what was asked: when one run has them, the others do too.
    OF_THE_MODEL = (Kind.TIMEOUT, Kind.RATE_LIMITED, Kind.QUOTA, Kind.MODEL_ERROR)
    OF_ALL_ALIKE = (*OF_THE_MODEL, Kind.MISSED, Kind.STORAGE)

    run = models.ForeignKey(
        MissionRun, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    draft = models.ForeignKey(
        MissionDraft, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    reflection = models.ForeignKey(
        Reflection, on_delete=models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    task = models.CharField(
        max_length=120,
        blank=True,
        db_default="",
        help_text="The name of the task, where it is about none.",
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    detail = models.TextField()
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The operator; empty where its cause was mended without one, or they have left.",
    )
    note = models.TextField(blank=True, help_text="What it was, and what was done about it.")

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                condition=_one_of_them_or_a_task(), name="an_incident_is_about_one"
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at"], name="incident_by_age"),
            models.Index(fields=["kind"], condition=Q(resolved_at=None), name="incident_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.about}"

    @property
    def about(self) -> Asked | str:
        """What failed: the row, or the name of the task."""
        return self.run or self.draft or self.reflection or self.task

    @property
    def owner(self) -> User | None:
        """The tester it happened to; None where a task broke off."""
        return None if isinstance(self.about, str) else self.about.owner


class KnownModel(models.Model):
    """A model in use, and the day its provider switches it off, as its own list told last."""

    name = models.CharField(max_length=80, unique=True)
    shutdown_date = models.DateField(null=True, blank=True)
    is_listed = models.BooleanField(default=True)
    checked_at = models.DateTimeField(default=timezone.now)
    warned_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TokenUse(models.Model):
    """The tokens of one calendar month (UTC): of one tester, or without one, of all together.

    What all used stays counted when a tester is deleted.
    """

    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="token_use"
    )
    month_date = models.DateField("first day of the month")
    tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-month_date"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "month_date"], name="one_use_a_month"),
            models.UniqueConstraint(
                fields=["month_date"], condition=Q(owner=None), name="one_use_of_all_a_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner or 'all'}, {self.month_date:%B %Y}: {self.tokens} tokens"
