from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Max, OuterRef, Q, Subquery, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import User, timezone_names, validate_timezone
from missions import availability, limits
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


def validate_name(name: str) -> None:
    """It stands in subjects, in mails and in what the model is told: one line of plain text."""
    if any(unicodedata.category(one)[0] == "C" and one not in limits.JOINERS for one in name):
        raise ValidationError("Write the name on one line, without characters that cannot be seen.")


def validate_points_schema(schema: object) -> None:
    if problems := problems_in(schema):
        raise ValidationError(problems)


def validate_week(minutes: object) -> None:
    if problems := availability.problems_in_week(minutes):
        raise ValidationError(problems)


def validate_blackouts(dates: object) -> None:
    if problems := availability.problems_in_blackouts(dates):
        raise ValidationError(problems)


def validate_targets(targets: object) -> None:
    if not isinstance(targets, dict) or not limits.TARGETS.keys() >= targets.keys():
        raise ValidationError(f"The targets are: {', '.join(limits.TARGETS)}.")
    for name, value in targets.items():
        limit = limits.TARGETS[name]
        if type(value) is not int or not limit.least <= value <= limit.most:
            raise ValidationError(
                f"The target {name.replace('_', ' ')} must be a whole number "
                f"from {limit.least} to {limit.most}."
            )


def place_of(timezone_name: str) -> str:
    """The place a time zone is named after, as people write it."""
    return timezone_name.rpartition("/")[2].replace("_", " ")


def usual_week() -> list[int]:
    return [90] * 7


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

    def with_game_marks(self) -> MissionQuerySet:
        """With when its game last moved, and by how much: `settled_at` and `stage_points`."""
        progress = EventProgress.objects.filter(mission=OuterRef("pk")).order_by()
        settled = progress.values("mission")
        return self.annotate(
            settled_at=Subquery(settled.annotate(last=Max("settled_at")).values("last")),
            stage_points=Subquery(settled.annotate(sum=Sum("points")).values("sum")),
        )

    def current_for(self, user: User) -> Mission | None:
        """The mission Home shows: the live one, else the one being prepared, else the last."""
        return self.owned_by(user).select_related("owner").current_first().first()

    def current_of(self, users: Iterable[User]) -> dict[int, Mission]:
        """The same for many testers at once, by their accounts; those without one are left out."""
        found: dict[int, Mission] = {}
        for mission in self.filter(owner__in=list(users)).current_first():
            found.setdefault(mission.owner_id, mission)
        return found

    def current_first(self) -> MissionQuerySet:
        rank = models.Case(
            models.When(state__in=Mission.LIVE, then=0),
            models.When(state=Mission.State.PREP, then=1),
            default=2,
        )
        return self.order_by(rank, "-event_start", "-created_at")


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

    class EventStyle(models.TextChoices):
        GC = "gc", "for the classification"
        BREAKAWAY = "breakaway", "for the breakaways"
        STEADY = "steady", "steady to the finish"

    class Wait(models.IntegerChoices):
        NOT = 0, "send the brief without it"
        HALF_AN_HOUR = 30, "wait up to 30 minutes"
        ONE_HOUR = 60, "wait up to 1 hour"
        TWO_HOURS = 120, "wait up to 2 hours"
        THREE_HOURS = 180, "wait up to 3 hours"
        FOUR_HOURS = 240, "wait up to 4 hours"

    class BriefDetail(models.TextChoices):
        FULL = "full", "everything"
        SHORT = "short", "only what to do, and why"

    LIVE = (State.TRAINING, State.EVENT_ACTIVE)
    MOST_DAYS = 60
    LEAST_WEEK, MOST_WEEK = 60, 3_000
    LIMITS = (
        "min_readiness",
        "min_tsb",
        "force_rest_readiness",
        "force_rest_tsb",
        "max_ramp_rate",
        "max_consecutive_hard_days",
        "max_hard_sessions_per_week",
        "max_rhr",
        "max_zone",
    )
    # The rest of what a coach's custom sets, and a tester may set differently.
    CONVENTIONS = (
        "rhr_rise_bpm",
        "max_days_without_rest",
        "usual_ramp_rate",
        "max_load_pct",
        "max_monotony",
        "new_tester_minutes",
        "jet_lag_hours",
    )
    EDITABLE_FIELDS = (
        "name",
        "mission_type",
        "event_style",
        "prep_start",
        "event_start",
        "event_end",
        "timezone",
        "send_time",
        "wait_minutes",
        "brief_detail",
        "is_brief_mailed",
        "weekly_minutes_min",
        "weekly_minutes",
        "weekday_minutes",
        "blackout_dates",
        "restrictions",
        *LIMITS,
        *CONVENTIONS,
        "targets",
        "points_schema",
        "notes",
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="missions")
    name = models.CharField(max_length=80, validators=[validate_name])
    mission_type = models.CharField("kind of event", max_length=20, choices=Type.choices)
    state = models.CharField(
        max_length=20, choices=State.choices, default=State.PREP, editable=False
    )
    event_style = models.CharField(
        "how you ride it", max_length=10, choices=EventStyle.choices, default=EventStyle.STEADY
    )
    prep_start = models.DateField(
        "preparation from", blank=True, help_text="Empty: from the day the mission is made."
    )
    event_start = models.DateField("first day of the event")
    event_end = models.DateField("last day of the event")
    timezone = models.CharField("time zone", max_length=64, validators=[validate_timezone])
    send_time = models.TimeField("brief at", default=time(6, 0))
    wait_minutes = models.PositiveSmallIntegerField(
        "if last night is not in yet",
        choices=Wait.choices,
        default=Wait.TWO_HOURS,
        db_default=Wait.TWO_HOURS,
        help_text="The brief comes as soon as your sleep is in, or after the wait without it.",
    )
    brief_detail = models.CharField(
        "the brief tells", max_length=5, choices=BriefDetail.choices, default=BriefDetail.FULL
    )
    is_brief_mailed = models.BooleanField(
        "send the brief by e-mail", default=True, help_text="It is always on Home."
    )
    weekly_minutes_min = models.PositiveSmallIntegerField(
        "least minutes a week",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_WEEK)],
        help_text="What you can ride even in a bad week.",
    )
    weekly_minutes = models.PositiveSmallIntegerField(
        "most minutes a week",
        default=420,
        validators=[MinValueValidator(LEAST_WEEK), MaxValueValidator(MOST_WEEK)],
        help_text="The most you can ride in a week.",
    )
    weekday_minutes = models.JSONField(
        "minutes on each day",
        default=usual_week,
        validators=[validate_week],
        help_text="The longest ride the coach may give you, Monday to Sunday; 0 for no time.",
    )
    blackout_dates = models.JSONField(
        "days without riding", default=list, blank=True, validators=[validate_blackouts]
    )
    restrictions = models.TextField(
        "injuries and other restrictions",
        max_length=1_000,
        blank=True,
        help_text="The coach reads it every morning.",
    )
    min_readiness = models.PositiveSmallIntegerField(
        "lowest readiness for hard work", **limits.MIN_READINESS.as_field()
    )
    min_tsb = models.SmallIntegerField(
        "lowest form (TSB) for hard work",
        **limits.MIN_TSB.as_field(),
        help_text="Form is fitness minus fatigue; -10 to -30 is normal in training.",
    )
    force_rest_readiness = models.PositiveSmallIntegerField(
        "readiness below which you rest", **limits.FORCE_REST_READINESS.as_field()
    )
    force_rest_tsb = models.SmallIntegerField(
        "form (TSB) below which you rest", **limits.FORCE_REST_TSB.as_field()
    )
    max_ramp_rate = models.PositiveSmallIntegerField(
        "most fitness (CTL) gained in a week", **limits.MAX_RAMP_RATE.as_field()
    )
    max_consecutive_hard_days = models.PositiveSmallIntegerField(
        "most hard days in a row", **limits.MAX_CONSECUTIVE_HARD_DAYS.as_field()
    )
    max_hard_sessions_per_week = models.PositiveSmallIntegerField(
        "most hard sessions a week", **limits.MAX_HARD_SESSIONS_PER_WEEK.as_field()
    )
    max_rhr = models.PositiveSmallIntegerField(
        "resting heart rate (bpm) above which nothing is hard",
        **limits.MAX_RHR.as_field(),
        help_text="Empty: the coach compares with your own usual rate.",
    )
    max_zone = models.PositiveSmallIntegerField(
        "highest power zone allowed",
        **limits.MAX_ZONE.as_field(),
        help_text="If a clinician has set you one, 1 to 7.",
    )
    rhr_rise_bpm = models.PositiveSmallIntegerField(
        "rise of the resting heart rate (bpm) from which nothing is hard",
        **limits.RHR_RISE_BPM.as_field(),
        help_text="Above your own usual rate.",
    )
    max_days_without_rest = models.PositiveSmallIntegerField(
        "days without rest after which you rest", **limits.MAX_DAYS_WITHOUT_REST.as_field()
    )
    usual_ramp_rate = models.PositiveSmallIntegerField(
        "fitness (CTL) gained in a week that is marked", **limits.USUAL_RAMP_RATE.as_field()
    )
    max_load_pct = models.PositiveSmallIntegerField(
        "load of a day that is marked (% of the highest in 30 days)",
        **limits.MAX_LOAD_PCT.as_field(),
    )
    max_monotony = models.PositiveSmallIntegerField(
        "monotony of a week that is marked",
        **limits.MAX_MONOTONY.as_field(),
        help_text="The mean of seven daily loads over how much they differ.",
    )
    new_tester_minutes = models.PositiveSmallIntegerField(
        "most minutes in the first two weeks", **limits.NEW_TESTER_MINUTES.as_field()
    )
    jet_lag_hours = models.PositiveSmallIntegerField(
        "hours of time shift after which a hard day is marked", **limits.JET_LAG_HOURS.as_field()
    )
    targets = models.JSONField(default=dict, blank=True, validators=[validate_targets])
    points_schema = models.JSONField(
        default=default_points_schema, validators=[validate_points_schema]
    )
    notes = models.TextField(max_length=2_000, blank=True)
    imported_from = models.CharField(
        max_length=200,
        blank=True,
        editable=False,
        help_text="The file of a mission that was ridden elsewhere: its points stay as recorded.",
    )
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    results_read_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the rides of a finished event were last looked at.",
    )
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
                condition=Q(event_start__gte=F("prep_start")),
                name="preparation_starts_before_the_event",
                violation_error_message="The preparation starts after the event.",
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
                fields=["timezone", "next_run_at"],
                condition=Q(next_run_at__isnull=False),
                name="mission_next_run_in_zone",
            ),
            models.Index(
                fields=["owner"],
                condition=Q(next_run_at__isnull=True, state__in=["TRAINING", "EVENT_ACTIVE"]),
                name="mission_without_morning",
            ),
            models.Index(
                fields=["event_start"], condition=Q(state="TRAINING"), name="mission_to_begin"
            ),
            models.Index(
                fields=["state", "event_end"],
                condition=Q(state__in=["EVENT_ACTIVE", "MISSION_COMPLETE"]),
                name="mission_to_end",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        if not self.prep_start:
            self.prep_start = min(self.local_date(), self.event_start)
        super().save(*args, **options)

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
        self._judge_time_and_limits()
        if self.state != self.State.MISSION_COMPLETE and self.event_end < self.local_date():
            raise ValidationError(
                {"event_end": "The event is over. Choose dates that are still to come."}
            )

    def _judge_time_and_limits(self) -> None:
        """Each by itself is right; together they must be too."""
        problems = {}
        if self.prep_start and self.prep_start > self.event_start:
            problems["prep_start"] = (
                "The preparation starts after the event. Choose an earlier day."
            )
        elif self.prep_start and self.event_start - self.prep_start > limits.FURTHEST:
            problems["prep_start"] = "That is more than two years of preparation. Begin later."
        if self.event_start - self.local_date() > limits.FURTHEST:
            problems["event_start"] = "That is more than two years away. Choose a nearer event."
        if not availability.problems_in_week(self.weekday_minutes) and (
            max(self.weekday_minutes) > self.weekly_minutes >= self.LEAST_WEEK
        ):
            problems["weekday_minutes"] = (
                "One day is more than your whole week. Lower it, or raise the week."
            )
        if self.weekly_minutes_min and self.weekly_minutes_min > self.weekly_minutes:
            problems["weekly_minutes_min"] = "The least is more than the most."
        if self.force_rest_readiness > self.min_readiness:
            problems["force_rest_readiness"] = (
                "Rest is forced before hard work stops. Make it at most the lowest readiness."
            )
        if self.force_rest_tsb > self.min_tsb:
            problems["force_rest_tsb"] = (
                "Rest is forced before hard work stops. Make it at most the lowest form."
            )
        if problems:
            raise ValidationError(problems)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def place(self) -> str:
        return place_of(self.timezone)

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

    def minutes_on(self, day: date) -> int:
        """The most minutes its tester has on a date; 0 on a blackout date."""
        return availability.minutes_on(day, self.weekday_minutes, self.blackout_dates)

    def stage_on(self, local_date: date) -> Stage | None:
        return self.stages.filter(date=local_date).first()

    def points_total(self) -> int:
        """The points of the stages and of the bonuses."""
        of_stages: int | None = self.progress.aggregate(total=Sum("points"))["total"]
        of_bonuses: int | None = self.awards.aggregate(total=Sum("points"))["total"]
        return (of_stages or 0) + (of_bonuses or 0)


class StageQuerySet(models.QuerySet["Stage"]):
    def owned_by(self, user: User) -> StageQuerySet:
        return self.filter(mission__owner=user)

    def between(self, first: date, last: date) -> StageQuerySet:
        """Those of these days, each with the mission it is of."""
        return self.filter(date__range=(first, last)).select_related("mission")


class Stage(models.Model):
    """One day of the event, as planned."""

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="stages")
    number = models.PositiveSmallIntegerField()
    date = models.DateField()
    stage_type = models.CharField(max_length=8, choices=StageType.choices)
    is_rest_day = models.BooleanField(default=False)

    objects = StageQuerySet.as_manager()

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["mission", "number"], name="one_stage_per_number"),
            models.UniqueConstraint(fields=["mission", "date"], name="one_stage_per_day"),
        ]

    def __str__(self) -> str:
        return f"stage {self.number} ({self.get_stage_type_display()})"


class MissionMove(models.Model):
    """One step of a mission's life: from where to where, by whom, when and why."""

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="moves")
    from_state = models.CharField(max_length=20, choices=Mission.State.choices)
    to_state = models.CharField(max_length=20, choices=Mission.State.choices)
    by = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the calendar.",
    )
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.mission}: {self.get_from_state_display()} to {self.get_to_state_display()}"


class MissionEdit(models.Model):
    """A change to a live mission that moved its days: what stood before and after, to undo it.

    Each side holds the values of `Mission.EDITABLE_FIELDS` and `stages`, as JSON.
    """

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="edits")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    before = models.JSONField()
    after = models.JSONField()
    at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.mission}, changed {self.at:%Y-%m-%d %H:%M}"


class EventProgress(models.Model):
    """A stage as it was ridden: the mode, the points it earned and the ride that counted.

    `ride_mode` is what it counts as; `classified_as` what the ride's numbers said, which its
    tester may have appealed against.
    """

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="progress")
    stage = models.OneToOneField(Stage, on_delete=models.CASCADE, related_name="progress")
    ride_mode = models.CharField(max_length=10, choices=RideMode.choices)
    classified_as = models.CharField(max_length=10, choices=RideMode.choices)
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


class Appeal(models.Model):
    """A tester's word against how a ride was classified; it holds for that ride alone."""

    progress = models.ForeignKey(EventProgress, on_delete=models.CASCADE, related_name="appeals")
    ride_key = models.CharField(max_length=140)
    from_mode = models.CharField(max_length=10, choices=RideMode.choices)
    to_mode = models.CharField(max_length=10, choices=RideMode.choices)
    classified_as = models.CharField(
        max_length=10, choices=RideMode.choices, help_text="What the ride's numbers said then."
    )
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.progress.stage}: {self.from_mode} to {self.to_mode}"

    @property
    def is_taken_back(self) -> bool:
        """Back to what the ride's numbers said is no appeal any more."""
        return self.to_mode == self.classified_as


class BonusAward(models.Model):
    """A bonus of the game that is earned, and the stage it was earned with."""

    mission = models.ForeignKey(Mission, on_delete=models.CASCADE, related_name="awards")
    name = models.CharField(max_length=40)
    points = models.PositiveSmallIntegerField()
    progress = models.ForeignKey(
        EventProgress, on_delete=models.SET_NULL, null=True, blank=True, related_name="awards"
    )
    awarded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["awarded_at", "name"]
        constraints = [
            models.UniqueConstraint(fields=["mission", "name"], name="one_award_per_bonus"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.points} points"
