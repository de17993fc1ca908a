from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from connections import sources
from connections.fields import EncryptedTextField

# So long the page says that a source is being read, unless it hears of the end.
READING_PATIENCE = timedelta(minutes=2)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def working(self) -> ConnectionQuerySet:
        """Those that can be read without the tester's help."""
        return self.exclude(state=Connection.State.BROKEN)

    def with_last_reason(self) -> Any:
        """Each with `last_reason`: why the newest attempt failed, wholly or in part; else empty."""
        newest = SyncAttempt.objects.filter(connection=OuterRef("pk")).order_by("-started_at")
        return self.annotate(last_reason=Subquery(newest.values("reason")[:1]))

    def due(self, now: datetime) -> ConnectionQuerySet:
        """Those that a worker is to read without being asked; see slots.py for when."""
        return self.working().filter(next_read_at__lte=now)

    def free(self, now: datetime) -> ConnectionQuerySet:
        """Those that no worker is reading, or one that has not come back in time."""
        return self.filter(Q(reading_until__isnull=True) | Q(reading_until__lte=now))


class Connection(models.Model):
    """A tester's consent to read one provider: its tokens, and how reading it went last."""

    class State(models.TextChoices):
        OK = "ok", "connected"
        BROKEN = "broken", "needs you"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="connections")
    provider = models.CharField(max_length=16, choices=sources.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OK)
    external_id = models.CharField(max_length=64, blank=True)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.CharField(max_length=200, blank=True)
    connected_at = models.DateTimeField(auto_now_add=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    history_read_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last asked to be read; empty once it was."
    )
    epoch = models.PositiveIntegerField(
        default=0, help_text="Raised by every consent: what an older one read is not kept."
    )
    last_error = models.CharField(max_length=300, blank=True)
    next_read_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When it is read next without being asked."
    )
    reading_until = models.DateTimeField(
        null=True, blank=True, help_text="How long the worker that reads it may take at most."
    )
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when no reading has worked; empty while they do."
    )
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When a brief told the tester that it fails."
    )
    waits_for = models.DateField(
        null=True, blank=True, help_text="The local date the provider knows nothing about yet."
    )

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["provider"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "provider"], name="one_connection_per_provider"
            ),
            models.UniqueConstraint(
                fields=["provider", "external_id"],
                condition=~Q(external_id=""),
                name="one_tester_per_provider_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} of {self.user_id}"

    @property
    def granted_scopes(self) -> frozenset[str]:
        """As the provider wrote them: Strava with commas, others with spaces."""
        return frozenset(self.scopes.replace(",", " ").split())

    def is_being_read(self, now: datetime) -> bool:
        """Asked for, and a worker is at it or has yet to come to it."""
        is_held = self.reading_until is not None and self.reading_until > now
        return self.asked_at is not None and (is_held or now - self.asked_at < READING_PATIENCE)

    @property
    def is_news(self) -> bool:
        """Whether it fails and no brief has said so."""
        return bool(self.last_error) and self.told_at is None

    def is_fresh(self, now: datetime, lasts: timedelta) -> bool:
        """Whether reading it once more would bring nothing: it told all it has a moment ago."""
        is_complete = not self.last_error and self.waits_for is None
        read_at = self.last_success_at
        return is_complete and read_at is not None and now - read_at < lasts

    def is_token_stale(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now + timedelta(minutes=5)


class Turn(models.Model):
    """One of the places at something outside that takes so many of us at once; see turns.py."""

    of = models.CharField(max_length=40)
    number = models.PositiveSmallIntegerField()
    held_until = models.DateTimeField(null=True, blank=True)
    holder = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["of", "number"]
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="one_turn_a_number")]

    def __str__(self) -> str:
        return f"{self.of} {self.number}"


class SyncAttempt(models.Model):
    """One attempt to read a provider, and what came of it, in words without any value."""

    # The reason of one that worked, but for a part.
    INCOMPLETE: ClassVar[str] = "incomplete"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    is_success = models.BooleanField(default=False)
    rides = models.PositiveIntegerField(default=0)
    nights = models.PositiveIntegerField(default=0)
    samples = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=16, blank=True, help_text="The kind of failure.")
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.connection}: {'read' if self.is_success else self.error or 'under way'}"

    @property
    def took(self) -> timedelta | None:
        """None while it is under way, or when its worker was killed."""
        return None if self.finished_at is None else self.finished_at - self.started_at


class FailureTally(models.Model):
    """How many readings of a source have failed for one reason, ever: rows of them are purged."""

    source = models.CharField(max_length=16, choices=sources.choices)
    reason = models.CharField(max_length=16)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "failure tallies"
        constraints = [
            models.UniqueConstraint(fields=["source", "reason"], name="one_tally_per_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.reason}: {self.count}"


class RateBudget(models.Model):
    """What a provider grants this service, all testers together, and what is used up of it."""

    source = models.CharField(max_length=16, choices=sources.choices, unique=True)
    quarter_started_at = models.DateTimeField()
    quarter_limit = models.PositiveIntegerField()
    quarter_used = models.PositiveIntegerField(default=0)
    day = models.DateField(help_text="In UTC.")
    day_limit = models.PositiveIntegerField()
    day_used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.source}: {self.quarter_used} of {self.quarter_limit} this quarter of an hour"


class SourceOrder(models.Model):
    """Which source counts first for one metric, where the tester has chosen it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="source_orders")
    metric = models.CharField(max_length=16)
    order = models.JSONField(help_text="Names of sources, the first one counts if it has told.")

    class Meta:
        ordering = ["metric"]
        constraints = [
            models.UniqueConstraint(fields=["user", "metric"], name="one_order_per_metric"),
        ]

    def __str__(self) -> str:
        return f"{self.metric}: {', '.join(self.order)}"


class Ride(models.Model):
    """A recorded effort of any sport, as one source tells it; `local_date` is the tester's."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="rides")
    source = models.CharField(max_length=16, choices=sources.choices)
    external_id = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    local_date = models.DateField()
    name = models.CharField(max_length=200, blank=True)
    sport = models.CharField(max_length=40)
    duration_s = models.PositiveIntegerField()
    elapsed_s = models.PositiveIntegerField()
    distance_m = models.FloatField(null=True, blank=True)
    climb_m = models.FloatField(null=True, blank=True)
    energy_kj = models.FloatField(null=True, blank=True)
    average_power_w = models.FloatField(null=True, blank=True)
    np_w = models.FloatField("normalised power (W)", null=True, blank=True)
    has_power_meter = models.BooleanField(default=False)
    average_hr_bpm = models.FloatField(null=True, blank=True)
    max_hr_bpm = models.FloatField(null=True, blank=True)
    suffer_score = models.FloatField(null=True, blank=True)
    is_stream_read = models.BooleanField(
        default=False, help_text="Whether its power was asked for second by second, for NP."
    )
    power_histogram = models.JSONField(
        null=True,
        blank=True,
        help_text="Seconds in each 10 W from 0 W up; empty where no stream was read.",
    )
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "source", "external_id"], name="one_row_per_recording"
            ),
        ]
        indexes = [models.Index(fields=["user", "local_date"], name="ride_by_day")]

    def __str__(self) -> str:
        return f"{self.sport} on {self.local_date} ({self.source})"

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.elapsed_s)


class Night(models.Model):
    """One night of sleep, filed under the local date of waking up, as one source tells it."""

    class HrvKind(models.TextChoices):
        RMSSD = "rmssd", "rMSSD"
        SDNN = "sdnn", "SDNN"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="nights")
    source = models.CharField(max_length=16, choices=sources.choices)
    local_date = models.DateField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    asleep_s = models.PositiveIntegerField(null=True, blank=True)
    deep_s = models.PositiveIntegerField(null=True, blank=True)
    rem_s = models.PositiveIntegerField(null=True, blank=True)
    awake_s = models.PositiveIntegerField(null=True, blank=True)
    hrv_ms = models.FloatField(null=True, blank=True)
    hrv_kind = models.CharField(max_length=8, choices=HrvKind.choices, blank=True)
    resting_hr_bpm = models.FloatField(null=True, blank=True)
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-local_date"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "source", "local_date"], name="one_night_per_source_and_day"
            ),
            models.CheckConstraint(
                condition=Q(hrv_ms__isnull=True) | ~Q(hrv_kind=""),
                name="hrv_says_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"night to {self.local_date} ({self.source})"

    @property
    def measured_at(self) -> datetime:
        """When it ended; where nobody says, when it was read."""
        return self.ended_at or self.read_at


class DailySample(models.Model):
    """One number a source gives for a local day, with its unit and the instant it stands for."""

    class Kind(models.TextChoices):
        READINESS = "readiness", "readiness score"
        TEMPERATURE_DEVIATION = "temperature_deviation", "temperature deviation"
        RESTING_HR = "resting_hr", "resting heart rate"
        HRV_SDNN = "hrv_sdnn", "HRV (SDNN)"
        WEIGHT = "weight", "weight"
        STEPS = "steps", "steps"
        ACTIVE_ENERGY = "active_energy", "active energy"
        WALKING_DISTANCE = "walking_distance", "walking distance"
        RESPIRATORY_RATE = "respiratory_rate", "respiratory rate"
        VO2MAX = "vo2max", "VO2max"
        SLEEP_SCORE = "sleep_score", "sleep score"
        ACTIVITY_SCORE = "activity_score", "activity score"
        STRESS = "stress", "time under stress"
        RECOVERY = "recovery", "time in recovery"
        REST_MODE = "rest_mode", "rest mode"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="samples")
    source = models.CharField(max_length=16, choices=sources.choices)
    local_date = models.DateField()
    kind = models.CharField(max_length=24, choices=Kind.choices)
    value = models.FloatField()
    unit = models.CharField(max_length=12)
    measured_at = models.DateTimeField(null=True, blank=True)
    details = models.JSONField(default=dict, blank=True)
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-local_date", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "source", "local_date", "kind"], name="one_sample_per_day_and_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.local_date} ({self.source})"


class ProviderEventQuerySet(models.QuerySet["ProviderEvent"]):
    def unhandled(self) -> ProviderEventQuerySet:
        return self.filter(handled_at=None)

    def claimable(self, now: datetime) -> ProviderEventQuerySet:
        """Those that nobody is at, or whose worker has not come back, and that need not wait."""
        return self.unhandled().filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))


class ProviderEvent(models.Model):
    """Something a provider says has happened, by itself: told twice, it is one row."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="events")
    object_id = models.CharField(max_length=64)
    aspect = models.CharField(max_length=16)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then a worker is at it, or it waits its turn."
    )
    attempts = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often it could not be looked into."
    )
    given_up_at = models.DateTimeField(null=True, blank=True)

    objects = ProviderEventQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "object_id", "aspect", "happened_at"],
                name="one_row_per_event",
            ),
        ]
        indexes = [
            models.Index(
                fields=["received_at"],
                condition=Q(handled_at__isnull=True),
                name="event_unhandled",
            )
        ]

    def __str__(self) -> str:
        return f"{self.aspect} of {self.object_id}"


class PushSubscription(models.Model):
    """Our standing order with a provider to be told what happens; one per provider."""

    source = models.CharField(max_length=16, choices=sources.choices, unique=True)
    external_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.source}: {self.external_id}"


class AppleHealthUploadQuerySet(models.QuerySet["AppleHealthUpload"]):
    def owned_by(self, user: User) -> AppleHealthUploadQuerySet:
        return self.filter(user=user)

    def unfinished(self) -> AppleHealthUploadQuerySet:
        return self.filter(status__in=AppleHealthUpload.OPEN)

    def claimable(self, now: datetime) -> AppleHealthUploadQuerySet:
        """Uploads that wait, or whose worker stopped renewing its lease."""
        return self.unfinished().filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))

    def not_cancelled(self) -> AppleHealthUploadQuerySet:
        """Those that say something of Apple Health; one its tester stopped does not."""
        return self.exclude(status=AppleHealthUpload.Status.CANCELLED)

    def newest_import(self) -> AppleHealthUpload | None:
        """The one that was exported last, which need not be the one uploaded last."""
        return (
            self.filter(status=AppleHealthUpload.Status.DONE)
            .order_by(F("exported_at").desc(nulls_last=True), "-uploaded_at")
            .first()
        )


class AppleHealthUpload(models.Model):
    """An export on its way from the tester's phone into nights, samples and rides."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        READING = "reading", "reading"
        DONE = "done", "imported"
        FAILED = "failed", "not imported"
        CANCELLED = "cancelled", "cancelled"

    OPEN = (Status.WAITING, Status.READING)
    LEASE: ClassVar[timedelta] = timedelta(minutes=5)
    MOST_ATTEMPTS: ClassVar[int] = 5

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="apple_uploads")
    file_name = models.CharField(max_length=200)
    stored_name = models.CharField(max_length=200)
    size_bytes = models.PositiveBigIntegerField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.WAITING)
    bytes_read = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    uploaded_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    exported_at = models.DateTimeField(null=True, blank=True)
    days = models.PositiveIntegerField(default=0)
    nights = models.PositiveIntegerField(default=0)
    samples = models.PositiveIntegerField(default=0)
    rides = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=400, blank=True)

    objects = AppleHealthUploadQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(status__in=["waiting", "reading"]),
                name="one_unfinished_upload_per_tester",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_status_display()})"

    def get_absolute_url(self) -> str:
        return reverse("connections:upload-status", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status not in self.OPEN

    @property
    def percent(self) -> int | None:
        """How far the reading is, or None before its size is known."""
        return round(100 * self.bytes_read / self.bytes_total) if self.bytes_total else None

    @property
    def is_read(self) -> bool:
        """Whether every byte was read; what is left is to keep the days that are new."""
        return 0 < self.bytes_total == self.bytes_read

    def claim(self, now: datetime) -> bool:
        """Take this upload for one worker; False when another holds it or it is finished."""
        taken = (
            AppleHealthUpload.objects.claimable(now)
            .filter(pk=self.pk)
            .update(
                status=self.Status.READING,
                lease_until=now + self.LEASE,
                attempts=F("attempts") + 1,
                bytes_read=0,
            )
        )
        if taken:
            self.refresh_from_db()
        return bool(taken)

    def cancel(self, now: datetime) -> bool:
        """Stop it wherever it is; False when it has finished already. Its worker keeps nothing."""
        mine = AppleHealthUpload.objects.unfinished().filter(pk=self.pk)
        return bool(mine.update(status=self.Status.CANCELLED, finished_at=now, lease_until=None))


class RideFileQuerySet(models.QuerySet["RideFile"]):
    def owned_by(self, user: User) -> RideFileQuerySet:
        return self.filter(user=user)

    def claimable(self, now: datetime) -> RideFileQuerySet:
        """Files that wait, or whose worker has been at them for longer than one takes."""
        return self.waiting().filter(
            Q(tried_at__isnull=True) | Q(tried_at__lt=now - RideFile.PATIENCE)
        )

    def waiting(self) -> RideFileQuerySet:
        return self.filter(status=RideFile.Status.WAITING)

    def finished(self) -> RideFileQuerySet:
        return self.exclude(status=RideFile.Status.WAITING)

    def sent_last(self, user: User) -> RideFileQuerySet:
        """The files of a tester's newest upload, in the order they were sent in."""
        newest = self.owned_by(user).order_by("-uploaded_at").values("uploaded_at")[:1]
        return self.owned_by(user).filter(uploaded_at=Subquery(newest)).order_by("pk")


class RideFile(models.Model):
    """A FIT, TCX or GPX file on its way from the tester into rides, and what came of it."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        DONE = "done", "read"
        FAILED = "failed", "not read"

    PATIENCE: ClassVar[timedelta] = timedelta(minutes=5)
    MOST_ATTEMPTS: ClassVar[int] = 3

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ride_files")
    file_name = models.CharField(max_length=200)
    stored_name = models.CharField(max_length=200, blank=True)
    size_bytes = models.PositiveBigIntegerField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    uploaded_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    rides = models.PositiveIntegerField(default=0)
    rides_new = models.PositiveIntegerField(
        default=0, help_text="How many of them were not here already."
    )
    error = models.CharField(max_length=400, blank=True)

    objects = RideFileQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at", "pk"]
        indexes = [models.Index(fields=["user", "uploaded_at"], name="ride_file_by_upload")]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_status_display()})"

    @property
    def words(self) -> str:
        """What came of it, for the tester."""
        if self.status == self.Status.WAITING:
            return "Waiting to be read."
        if self.status == self.Status.FAILED:
            return f"Not read. {self.error}"
        if not self.rides_new:
            return "Here already; nothing changed."
        if self.rides_new < self.rides:
            return f"{self.rides} rides, {self.rides_new} of them new."
        return f"{self.rides} new ride{'' if self.rides == 1 else 's'}."

    @property
    def mark(self) -> str:
        """The icon of its state, as those of the sources are named."""
        marks = {self.Status.DONE: "ok", self.Status.FAILED: "broken"}
        return marks.get(self.Status(self.status), "pending")

    def claim(self, now: datetime) -> bool:
        """Take this file for one worker; False when another is at it or it is finished."""
        taken = (
            RideFile.objects.claimable(now)
            .filter(pk=self.pk)
            .update(tried_at=now, attempts=F("attempts") + 1)
        )
        self.attempts += taken
        return bool(taken)
