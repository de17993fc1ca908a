from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import User, timezone_names, validate_timezone
from missions.points import default_points_schema, problems_in


class StageType(models.TextChoices):
    FLAT = "flat", "flat"
    HILLY = "hilly", "hilly"
    MOUNTAIN = "mountain", "mountain"
    ITT = "itt", "time trial"
    MTN_ITT = "mtn_itt", "mountain time trial"


class RideMode(models.TextChoices):
    GC = "gc", "GC"
    BREAKAWAY = "breakaway", "breakaway"
    STEADY = "steady", "steady"
    REST = "rest", "rest"


def validate_points_schema(schema: object) -> None:
    if problems := problems_in(schema):
        raise ValidationError(problems)


class MissionQuerySet(models.QuerySet["Mission"]):
    def owned_by(self, user: User) -> MissionQuerySet:
        return self.filter(owner=user)

    def live(self) -> MissionQuerySet:
        return self.filter(state__in=Mission.LIVE)

    def due(self, now: datetime) -> MissionQuerySet:
        return self.live().filter(next_run_at__lte=now)

    def overtaken(self, now: datetime) -> MissionQuerySet:
        """Live missions whose date to move may have come, somewhere on earth."""
        tomorrow = (now + timedelta(days=1)).date()
        return self.filter(
            Q(state=Mission.State.TRAINING, event_start__lte=tomorrow)
            | Q(state=Mission.State.EVENT_ACTIVE, event_end__lt=tomorrow)
        )

    def current_for(self, user: User) -> Mission | None:
        """The mission Home shows: the live one, else the one being prepared, else the last."""
        rank = models.Case(
            models.When(state__in=Mission.LIVE, then=0),
            models.When(state=Mission.State.PREP, then=1),
            default=2,
        )
        return (
            self.owned_by(user)
            .select_related("owner")
            .order_by(rank, "-event_start", "-created_at")
            .first()
        )


class Mission(models.Model):
    """A tester's event goal, its limits and its game; `missions.lifecycle` alone writes `state`."""

    class Type(models.TextChoices):
        ROAD_STAGE_RACE = "road_stage_race", "road stage race"
        GRAVEL_ULTRA = "gravel_ultra", "gravel ultra"
        TT_SERIES = "tt_series", "time trial series"
        GRAN_FONDO = "gran_fondo", "gran fondo"
        CENTURY = "century", "century"
        INDOOR_TOUR = "indoor_tour", "indoor tour"
        OTHER = "other", "other"

    class State(models.TextChoices):
        PREP = "PREP", "preparation"
        TRAINING = "TRAINING", "training"
        EVENT_ACTIVE = "EVENT_ACTIVE", "event"
        MISSION_COMPLETE = "MISSION_COMPLETE", "complete"

    LIVE = (State.TRAINING, State.EVENT_ACTIVE)
    MOST_DAYS = 60
    LEAST_WEEK, MOST_WEEK, LONGEST_DAY = 60, 3_000, 720
    EDITABLE_FIELDS = (
        "name",
        "mission_type",
        "event_start",
        "event_end",
        "timezone",
        "send_time",
        "weekly_minutes",
        "daily_minutes",
        "min_readiness",
        "min_tsb",
        "points_schema",
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="missions")
    name = models.CharField(max_length=80)
    mission_type = models.CharField("kind of event", max_length=20, choices=Type.choices)
    state = models.CharField(
        max_length=20, choices=State.choices, default=State.PREP, editable=False
    )
    event_start = models.DateField("first day of the event")
    event_end = models.DateField("last day of the event")
    timezone = models.CharField("time zone", max_length=64, validators=[validate_timezone])
    send_time = models.TimeField("brief at", default=time(6, 0))
    weekly_minutes = models.PositiveSmallIntegerField(
        "minutes a week",
        default=420,
        validators=[MinValueValidator(LEAST_WEEK), MaxValueValidator(MOST_WEEK)],
        help_text="The most you can ride in a week.",
    )
    daily_minutes = models.PositiveSmallIntegerField(
        "minutes a day",
        default=90,
        validators=[MinValueValidator(20), MaxValueValidator(LONGEST_DAY)],
        help_text="The longest ride the coach may give you on one day.",
    )
    min_readiness = models.PositiveSmallIntegerField(
        "lowest readiness for hard work",
        default=70,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    min_tsb = models.SmallIntegerField(
        "lowest form (TSB) for hard work",
        default=-15,
        validators=[MinValueValidator(-60), MaxValueValidator(20)],
        help_text="Form is fitness minus fatigue; -10 to -30 is normal in training.",
    )
    points_schema = models.JSONField(
        default=default_points_schema, validators=[validate_points_schema]
    )
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MissionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(event_end__gte=F("event_start")),
                name="event_ends_after_it_starts",
                violation_error_message="The last day of the event is before the first.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PREP", "TRAINING", "EVENT_ACTIVE", "MISSION_COMPLETE"]),
                name="mission_state_is_legal",
            ),
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(state__in=["TRAINING", "EVENT_ACTIVE"]),
                name="one_live_mission_per_tester",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"],
                condition=Q(next_run_at__isnull=False),
                name="mission_next_run",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("missions:detail", args=[self.pk])

    def clean(self) -> None:
        """The rules that need more than one field; a field's own fault it has told already."""
        if not (self.event_start and self.event_end and self.timezone in timezone_names()):
            return
        if self.event_end < self.event_start:
            raise ValidationError({"event_end": "The last day of the event is before the first."})
        if (self.event_end - self.event_start).days >= self.MOST_DAYS:
            raise ValidationError(
                {
                    "event_end": f"An event of more than {self.MOST_DAYS} days is more than "
                    "we can plan."
                }
            )
        if self.LEAST_WEEK <= self.weekly_minutes < self.daily_minutes <= self.LONGEST_DAY:
            raise ValidationError(
                {"daily_minutes": "This is more than your whole week. Lower it, or raise the week."}
            )
        if self._state.adding and self.event_end < self.local_date():
            raise ValidationError(
                {"event_end": "The event is over. Choose dates that are still to come."}
            )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def place(self) -> str:
        """The time zone as people write it."""
        return self.timezone.replace("_", " ")

    @property
    def next_morning(self) -> datetime | None:
        """When the next brief comes; None when it would come after the event."""
        slot = self.next_run_at
        return slot if slot and self.local_date(slot) <= self.event_end else None

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE

    def local_date(self, now: datetime | None = None) -> date:
        return (now or timezone.now()).astimezone(self.zone).date()

    def days_to_event(self, local_date: date) -> int:
        return (self.event_start - local_date).days

    def stage_on(self, local_date: date) -> Stage | None:
        return self.stages.filter(date=local_date).first()

    def points_total(self) -> int:
        total: int | None = self.progress.aggregate(total=Sum("points"))["total"]
        return total or 0


class Stage(models.Model):
    """One day of the event, as planned."""

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="stages")
    number = models.PositiveSmallIntegerField()
    date = models.DateField()
    stage_type = models.CharField(max_length=8, choices=StageType.choices)
    is_rest_day = models.BooleanField(default=False)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["mission", "number"], name="one_stage_per_number"),
            models.UniqueConstraint(fields=["mission", "date"], name="one_stage_per_day"),
        ]

    def __str__(self) -> str:
        return f"stage {self.number} ({self.get_stage_type_display()})"


class EventProgress(models.Model):
    """A stage as it was ridden: the mode, the points it earned and the ride that counted."""

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="progress")
    stage = models.OneToOneField(Stage, on_delete=models.CASCADE, related_name="progress")
    ride_mode = models.CharField(max_length=10, choices=RideMode.choices)
    points = models.PositiveSmallIntegerField()
    ride_key = models.CharField(
        max_length=140, blank=True, help_text="Source and number of the ride that counted."
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["stage__number"]
        verbose_name_plural = "event progress"

    def __str__(self) -> str:
        return f"{self.stage}: {self.ride_mode}, {self.points} points"
