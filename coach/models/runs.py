from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Now, TruncMonth
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from coach.models.asked import Asked
from missions.models import Mission


class MissionRunQuerySet(models.QuerySet["MissionRun"]):
    def owned_by(self, user: User) -> MissionRunQuerySet:
        return self.filter(mission__owner=user)

    def between(self, first: date, last: date) -> MissionRunQuerySet:
        return self.filter(local_date__range=(first, last))

    def decided_since(self, local_date: date) -> MissionRunQuerySet:
        """For a calendar: each with its decision and its mission, not with its numbers."""
        decided = self.filter(outcome=MissionRun.Outcome.DECIDED, local_date__gte=local_date)
        return decided.select_related("mission").defer("situation", "flagged", "superseded", "done")

    def in_short(self) -> models.QuerySet[MissionRun, Any]:
        """What a month of history tells of each, oldest first; its long texts stay unread."""
        return self.order_by("local_date", "opened_at").values(
            "id",
            "local_date",
            "outcome",
            mission_name=F("mission__name"),
            word=F("feedback__word"),
            action=F("decision__action"),
            minutes=F("decision__workout_plan__duration_minutes"),
            ridden_minutes=F("done__minutes"),
        )

    def by_month(self) -> dict[date, int]:
        """How many there are in each month that has any, by the month's first day."""
        months = self.order_by().annotate(month=TruncMonth("local_date")).values("month")
        return dict(months.annotate(count=Count("local_date")).values_list("month", "count"))

    def newest_decided(self, mission: Mission) -> MissionRun | None:
        """With its mission; the brief its tester had last."""
        decided = self.filter(mission=mission, outcome=MissionRun.Outcome.DECIDED)
        return decided.select_related("mission__owner").order_by("-local_date").first()

    def unfinished(self) -> MissionRunQuerySet:
        return self.filter(outcome__in=MissionRun.OPEN)

    def free(self, now: datetime) -> MissionRunQuerySet:
        """Unfinished, and no worker at it whose lease still runs."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.unfinished().filter(is_free)

    def waiting(self, now: datetime) -> MissionRunQuerySet:
        """Those a worker is to be told of for the first time, the longest due first."""
        ready = self.free(now).filter(published=0, publish_at__lte=now)
        return ready.order_by("publish_at", "pk")

    def unheard(self, now: datetime) -> MissionRunQuerySet:
        """Those a worker was told of some time ago, and none is at them."""
        told = self.free(now).filter(published__gt=0, publish_at__lte=now)
        return told.order_by("publish_at", "pk")

    def in_flight(self, now: datetime) -> MissionRunQuerySet:
        """Those a worker is at or has been told of, whether or not the message got lost.

        Not those that were told of so often that something else must be wrong with them.
        """
        is_held = Q(lease_until__gt=now)
        is_told = Q(published__lt=MissionRun.TOLD_IN_VAIN, start_at__lte=now)
        return self.unfinished().filter(is_held | is_told, published__gt=0)

    def too_late(self, now: datetime) -> MissionRunQuerySet:
        """Those that may not begin any more, and nobody is at."""
        return self.free(now).filter(give_up_at__lte=now).exclude(_may_be_finished(now))


def _may_begin(now: datetime) -> Q:
    return Q(give_up_at__isnull=True) | Q(give_up_at__gt=now) | _may_be_finished(now)


def _may_be_finished(now: datetime) -> Q:
    """One whose answer is there already, and paid for, has an hour longer."""
    answered = MissionRun.objects.filter(
        pk=OuterRef("pk"),
        calls__outcome__in=["answered", "accepted"],
        calls__attempt__gte=F("asked") * 2 - 1,
    )
    return Q(Exists(answered), give_up_at__gt=now - MissionRun.TO_FINISH)


class MissionRun(Asked):
    """The coaching of one mission on one local date; there is never a second row for it."""

    # A brief whose answer is stored is finished so long after it should have begun at the latest.
    TO_FINISH: ClassVar[timedelta] = timedelta(hours=1)
    # After so many messages in vain, a quarter of an hour, its place is another's.
    TOLD_IN_VAIN: ClassVar[int] = 6

    class Outcome(models.TextChoices):
        DUE = "due", "waiting"
        UNDER_WAY = "under_way", "under way"
        DECIDED = "decided", "done"
        FAILED = "failed", "failed"
        MISSED = "missed", "missed"

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
    due_at = models.DateTimeField(
        default=timezone.now,
        db_default=Now(),
        help_text="The send time of its local date, or when it was asked for.",
    )
    start_at = models.DateTimeField(
        default=timezone.now,
        db_default=Now(),
        help_text="Not before: it waits for the night, or for the model.",
    )
    wait_until = models.DateTimeField(
        null=True, blank=True, help_text="How long it waits for last night; empty: not at all."
    )
    give_up_at = models.DateTimeField(
        null=True, blank=True, help_text="Not begun by then it is missed; empty: never."
    )
    publish_at = models.DateTimeField(
        default=timezone.now,
        db_default=Now(),
        editable=False,
        help_text="When a worker is told of it next.",
    )
    published = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="How often workers were told without any coming.",
    )
    setbacks = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="How often the model could not be asked."
    )
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
                condition=~Q(outcome__in=["failed", "missed"]) | Q(decision__isnull=True),
                name="a_failed_run_gives_no_advice",
            ),
        ]
        indexes = [
            models.Index(fields=["local_date", "id"], name="run_by_day"),
            models.Index(
                fields=["publish_at", "id"],
                condition=Q(outcome__in=["due", "under_way"], published=0),
                name="run_to_publish",
            ),
            models.Index(
                fields=["publish_at"],
                condition=Q(outcome__in=["due", "under_way"], published__gt=0),
                name="run_told_of",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(outcome="under_way"), name="run_in_hand"
            ),
            models.Index(
                fields=["give_up_at"],
                condition=Q(outcome__in=["due", "under_way"]),
                name="run_to_give_up",
            ),
            models.Index(
                fields=["file_due_at"], condition=Q(file_due_at__isnull=False), name="run_file_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mission} on {self.local_date} ({self.get_outcome_display()})"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])

    @classmethod
    def claimable(cls, now: datetime) -> models.QuerySet[MissionRun]:
        """As others; one that waits for its time is nobody's before, nor when it is too late."""
        return super().claimable(now).filter(_may_begin(now), start_at__lte=now)

    @property
    def why_again(self) -> str:
        """What made somebody ask last (see `coach.again.Why`); empty on its first asking."""
        # Lines of long ago do not say: then it was what the tester told.
        return str(self.superseded[-1].get("why", "check_in")) if self.superseded else ""

    @property
    def owner(self) -> User:
        return self.mission.owner
