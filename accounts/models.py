from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, NoReturn
from zoneinfo import ZoneInfo, available_timezones

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

# Names that zoneinfo knows but that are no place on earth a morning happens in.
NOT_PLACES = ("Etc/", "SystemV/", "posix/", "right/")
# Nobody travels to and fro in less.
SLIP = timedelta(hours=1)


def timezone_names() -> list[str]:
    """The zones a tester can live in, such as "Europe/Paris", sorted; "UTC" first."""
    places = {name for name in available_timezones() if "/" in name}
    return ["UTC", *sorted(name for name in places if not name.startswith(NOT_PLACES))]


def validate_timezone(name: str) -> None:
    if name not in timezone_names():
        raise ValidationError(
            "%(name)s is not a time zone. Choose one from the list, such as Europe/Paris.",
            params={"name": name},
        )


def validate_birth_year(year: int) -> None:
    if not 1900 <= year <= timezone.now().year:
        raise ValidationError("Write the year you were born in with four figures, such as 1984.")


class UserManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The one spelling an address is stored and looked up in, however it is typed."""
        return super().normalize_email(email).strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        user.confirm_address()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.normalize_email(username))


class User(AbstractUser):
    """Someone who signs in with an e-mail address: a tester, or an operator (`is_staff`)."""

    class Sex(models.TextChoices):
        FEMALE = "F", "female"
        MALE = "M", "male"

    class Units(models.TextChoices):
        METRIC = "metric", "kilometres and metres"
        IMPERIAL = "imperial", "miles and feet"

    class Clock(models.TextChoices):
        H24 = "24", "18:30"
        H12 = "12", "6:30 pm"

    class DateOrder(models.TextChoices):
        DAY_FIRST = "dmy", "24 November 2026"
        MONTH_FIRST = "mdy", "November 24, 2026"
        YEAR_FIRST = "ymd", "2026 November 24"

    class Weekday(models.IntegerChoices):
        """The days that a week begins with somewhere, by Python's numbers."""

        MONDAY = 0, "Monday"
        SATURDAY = 5, "Saturday"
        SUNDAY = 6, "Sunday"

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    timezone = models.CharField(
        "time zone", max_length=64, default="UTC", validators=[validate_timezone]
    )
    units = models.CharField(max_length=8, choices=Units.choices, default=Units.METRIC)
    clock = models.CharField(
        "times", max_length=2, choices=Clock.choices, default=Clock.H24, db_default=Clock.H24
    )
    date_order = models.CharField(
        "dates",
        max_length=3,
        choices=DateOrder.choices,
        default=DateOrder.DAY_FIRST,
        db_default=DateOrder.DAY_FIRST,
    )
    first_weekday = models.PositiveSmallIntegerField(
        "week begins on",
        choices=Weekday.choices,
        default=Weekday.MONDAY,
        db_default=Weekday.MONDAY,
    )
    wants_briefs = models.BooleanField(
        "the morning's brief",
        default=True,
        db_default=True,
        help_text="Or, when none could be made, the mail that says so.",
    )
    wants_wrap_ups = models.BooleanField(
        "the look back on a mission", default=True, db_default=True
    )
    wants_connection_mails = models.BooleanField(
        "a source that needs you", default=True, db_default=True
    )
    send_time = models.TimeField(
        "brief at", default=time(6, 0), help_text="New missions begin with it."
    )
    sex = models.CharField(
        max_length=1,
        choices=Sex.choices,
        blank=True,
        help_text="Only sets the curve that turns heart rate into load.",
    )
    birth_year = models.PositiveSmallIntegerField(
        "year of birth",
        null=True,
        blank=True,
        validators=[validate_birth_year],
        help_text="Riders under 18 get a day off a week, and no word about weight.",
    )
    has_reds = models.BooleanField(
        "low energy availability (REDs)",
        default=False,
        help_text="A clinician has spoken of it: the coach then says no word about weight.",
    )
    timezone_before = models.CharField(max_length=64, blank=True, editable=False)
    timezone_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    hr_max_bpm = models.PositiveSmallIntegerField(
        "maximum heart rate (bpm)",
        null=True,
        blank=True,
        validators=[MinValueValidator(120), MaxValueValidator(230)],
    )
    lthr_bpm = models.PositiveSmallIntegerField(
        "threshold heart rate (bpm)",
        null=True,
        blank=True,
        validators=[MinValueValidator(90), MaxValueValidator(220)],
        help_text="About what you can hold for an hour. Rides without a power meter need it.",
    )

    health_consent_at = models.DateTimeField(
        "health data may be read since",
        null=True,
        blank=True,
        help_text="Empty: not given, or withdrawn. Nothing is read and no run is made.",
    )
    deletion_requested_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lthr_bpm__isnull=True)
                | Q(hr_max_bpm__isnull=True)
                | Q(lthr_bpm__lt=F("hr_max_bpm")),
                name="threshold_heart_rate_below_maximum",
                violation_error_message=(
                    "The threshold heart rate must be below the maximum heart rate."
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["deletion_requested_at"],
                condition=Q(deletion_requested_at__isnull=False),
                name="account_to_delete",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **options: Any) -> None:
        """Whichever page or program moves a tester to another time zone, that is noted."""
        saved = options.get("update_fields")
        may_have_moved = not self._state.adding and (saved is None or "timezone" in saved)
        if may_have_moved and self._note_move(timezone.now()) and saved is not None:
            options["update_fields"] = {*saved, "timezone_before", "timezone_changed_at"}
        super().save(*args, **options)

    def _note_move(self, now: datetime) -> bool:
        """Keep the zone they come from, and when; whether there was anything to keep."""
        stored = User.objects.filter(pk=self.pk).first()
        # Before their consent nobody is coached, and the zone was a guess.
        if stored is None or not stored.has_consented or stored.timezone == self.timezone:
            return False
        if stored.has_just_left(self.timezone, now):
            self.timezone_before, self.timezone_changed_at = "", None
        else:
            self.timezone_before, self.timezone_changed_at = stored.timezone, now
        return True

    def has_just_left(self, name: str, now: datetime) -> bool:
        """Whether that zone was theirs a moment ago: going back to it corrects a slip."""
        left_at = self.timezone_changed_at
        return self.timezone_before == name and left_at is not None and now - left_at < SLIP

    @property
    def has_consented(self) -> bool:
        """Whether their health data may be read, and a model asked about it."""
        return self.health_consent_at is not None

    def age_on(self, day: date) -> int | None:
        """In whole years, the lower of the two that a year of birth allows; None when not given."""
        return None if self.birth_year is None else max(day.year - self.birth_year - 1, 0)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def confirm_address(self) -> None:
        """Take the address as theirs without a mail: an operator, or an invitation, vouches."""
        EmailAddress.objects.update_or_create(
            user=self, email=self.email, defaults={"verified": True, "primary": True}
        )

    def local_date(self, now: datetime | None = None) -> date:
        return (now or timezone.now()).astimezone(self.zone).date()


class FtpQuerySet(models.QuerySet["Ftp"]):
    def valid_on(self, day: date) -> Ftp | None:
        return self.filter(effective_date__lte=day).order_by("-effective_date").first()


class Ftp(models.Model):
    """A functional threshold power and the day from which it holds; history is never rescaled."""

    class Source(models.TextChoices):
        TESTER = "tester", "you"
        STRAVA = "strava", "Strava"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ftps")
    effective_date = models.DateField("from")
    power_w = models.PositiveSmallIntegerField(
        "FTP (W)", validators=[MinValueValidator(40), MaxValueValidator(600)]
    )
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.TESTER)

    objects = FtpQuerySet.as_manager()

    class Meta:
        ordering = ["-effective_date"]
        constraints = [
            models.UniqueConstraint(fields=["user", "effective_date"], name="one_ftp_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.power_w} W from {self.effective_date}"


class Artifact(models.Model):
    """A file we keep for someone, under a key that says whose, and the day it must be gone."""

    class Retention(models.TextChoices):
        REASONING = "reasoning-log-180d", "what the coach was asked and answered, 180 days"
        EXPORT = "export-24h", "everything of an account, for its owner to download, 24 hours"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="artifacts")
    key = models.CharField(max_length=255, unique=True)
    retention = models.CharField(max_length=32, choices=Retention.choices)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.key


class AppendOnly(models.QuerySet["AuditEvent"]):
    """Rows are added, and go with the account they belong to or with their age; never changed."""

    def update(self, **_: Any) -> NoReturn:
        raise TypeError("An audit event is never changed.")

    def older_than(self, moment: datetime) -> AppendOnly:
        return self.filter(at__lt=moment)


class AuditEvent(models.Model):
    """Something that touched the safety of an account: who, what, when, from where.

    `details` names things (a provider, a changed field), never a secret and never a health value.
    """

    class Kind(models.TextChoices):
        REGISTERED = "registered", "account created"
        CONFIRMED = "confirmed", "e-mail address confirmed"
        SIGNED_IN = "signed_in", "signed in"
        SIGN_IN_FAILED = "sign_in_failed", "sign-in failed"
        SIGNED_OUT = "signed_out", "signed out"
        SESSION_ENDED = "session_ended", "session ended"
        TOKEN_REUSED = "token_reused", "an old refresh token was used again"
        RESET_ASKED = "reset_asked", "password reset asked for"
        PASSWORD_CHANGED = "password_changed", "password changed"
        EMAIL_CHANGED = "email_changed", "e-mail address changed"
        SECOND_FACTOR_ADDED = "second_factor_added", "second factor added"
        SECOND_FACTOR_REMOVED = "second_factor_removed", "second factor removed"
        SECOND_FACTOR_RENEWED = "second_factor_renewed", "recovery codes renewed"
        INVITED = "invited", "invited"
        CONSENT_GIVEN = "consent_given", "health data may be read"
        CONSENT_WITHDRAWN = "consent_withdrawn", "consent withdrawn"
        CONNECTED = "connected", "source connected"
        DISCONNECTED = "disconnected", "source disconnected"
        CALENDAR_MADE = "calendar_made", "calendar address made"
        CALENDAR_RENEWED = "calendar_renewed", "calendar address renewed"
        CALENDAR_REMOVED = "calendar_removed", "calendar address removed"
        EXPORTED = "exported", "everything exported"
        EXPORT_FETCHED = "export_fetched", "export downloaded"
        DELETION_ASKED = "deletion_asked", "account deletion asked for"
        DELETED = "deleted", "account deleted"
        APPEALED = "appealed", "stage classification appealed"
        RERUN = "rerun", "run started again by an operator"
        MAILS_OFF = "mails_off", "mails switched off by the link of one"
        MAILS_ON = "mails_on", "mails switched on again by the link of one"
        MAILS_AGAIN = "mails_again", "mails go to the address again"
        LOOKED_AT = "looked_at", "what the coach replied was read"
        ADMIN_ADDED = "admin_added", "added in the admin"
        ADMIN_CHANGED = "admin_changed", "changed in the admin"
        ADMIN_DELETED = "admin_deleted", "deleted in the admin"

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="audit_events"
    )
    actor = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The operator who did it; empty for the tester's own doing.",
    )
    kind = models.CharField(max_length=24, choices=Kind.choices)
    at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField("from", null=True, blank=True)
    device = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["user", "-at"], name="audit_of_a_tester"),
            models.Index(fields=["at"], name="audit_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("An audit event is never changed.")
        super().save(*args, **options)


class Invitation(models.Model):
    """An operator's word that an address may register; its link proves that address."""

    email = models.EmailField("e-mail address", unique=True)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    invited_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["-invited_at"]

    def __str__(self) -> str:
        return self.email


class TokenFamily(models.Model):
    """One sign-in of a program: a chain of refresh tokens of which only the newest is alive."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    refresh_id = models.UUIDField(help_text="Of the one refresh token that is still good.")
    auth_hash = models.CharField(
        max_length=64, help_text="Ties the family to the password it was made with."
    )
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    device = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-last_used_at"]
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return f"{self.device or 'a program'} since {self.created_at:%Y-%m-%d}"


class DataExport(models.Model):
    """A tester's wish for everything we keep of them; made by a worker, kept for a day."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state="waiting"),
                name="one_waiting_export_per_tester",
            ),
        ]

    def __str__(self) -> str:
        return f"export of {self.asked_at:%Y-%m-%d} ({self.get_state_display()})"
