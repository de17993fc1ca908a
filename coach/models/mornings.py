from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from coach.models.runs import MissionRun


class CheckInQuerySet(models.QuerySet["CheckIn"]):
    def on(self, local_date: date) -> CheckIn | None:
        return self.filter(local_date=local_date).first()

    def newest_of(self, owner: models.OuterRef) -> CheckInQuerySet:
        """For a query that is made anyway: the last one of its row's tester."""
        return self.filter(user=owner).order_by("-local_date")[:1]


class CheckIn(models.Model):
    """How a tester says they are this morning; what they left out is empty, and unknown."""

    class Feel(models.IntegerChoices):
        AWFUL = 1, "awful"
        TIRED = 2, "tired"
        OKAY = 3, "okay"
        GOOD = 4, "good"
        GREAT = 5, "great"

    class Soreness(models.IntegerChoices):
        NONE = 0, "none"
        SOME = 1, "some"
        MUCH = 2, "much"

    class Illness(models.TextChoices):
        NONE = "none", "not ill"
        ABOVE_NECK = "above_neck", "a cold, above the neck"
        BELOW_NECK = "below_neck", "below the neck: chest, stomach, aching"
        FEVER = "fever", "fever"

    class RedFlag(models.TextChoices):
        CHEST = "chest pain or pressure", "chest pain or pressure"
        FAINTING = "fainting or near fainting", "fainting, or nearly"
        BREATH = "unusual shortness of breath", "unusual shortness of breath"
        PALPITATIONS = "palpitations", "a racing or irregular heartbeat"

    class InjuryPlace(models.TextChoices):
        KNEE = "knee", "knee"
        BACK = "back", "back"
        HIP = "hip", "hip"
        ANKLE = "ankle or foot", "ankle or foot"
        NECK = "neck or shoulder", "neck or shoulder"
        HAND = "wrist or hand", "wrist or hand"
        OTHER = "somewhere else", "somewhere else"

    class Source(models.TextChoices):
        PAGE = "page", "the page"
        LINK = "link", "a link in the brief"
        API = "api", "a program"

    MOST_RED_FLAGS: ClassVar[int] = 4

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="check_ins")
    local_date = models.DateField()
    feel = models.PositiveSmallIntegerField(choices=Feel.choices, null=True, blank=True)
    soreness = models.PositiveSmallIntegerField(choices=Soreness.choices, null=True, blank=True)
    illness = models.CharField(max_length=10, choices=Illness.choices, blank=True)
    injury_place = models.CharField(max_length=20, choices=InjuryPlace.choices, blank=True)
    injury_pain = models.PositiveSmallIntegerField(
        "how much it hurts, 1 to 10",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
    )
    red_flags = models.JSONField(default=list, blank=True)
    minutes_today = models.PositiveSmallIntegerField(
        "minutes to ride today", null=True, blank=True, validators=[MaxValueValidator(720)]
    )
    note = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=4, choices=Source.choices, default=Source.PAGE)
    said_at = models.DateTimeField(default=timezone.now)

    objects = CheckInQuerySet.as_manager()

    class Meta:
        ordering = ["-local_date"]
        constraints = [
            models.UniqueConstraint(fields=["user", "local_date"], name="one_check_in_a_day"),
            models.CheckConstraint(
                condition=Q(feel__isnull=True) | Q(feel__range=(1, 5)), name="feel_is_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.local_date}"

    def clean(self) -> None:
        known = [flag.value for flag in self.RedFlag]
        if not isinstance(self.red_flags, list) or any(
            flag not in known for flag in self.red_flags
        ):
            raise ValidationError({"red_flags": "Choose from the list."})
        self.red_flags = [flag for flag in known if flag in self.red_flags]
        if self.injury_pain is not None and not self.injury_place:
            raise ValidationError({"injury_place": "Say where it hurts."})

    @property
    def injury(self) -> str | None:
        """In words of ours, with the pain where it was given: "knee, pain 5 of 10"."""
        if not self.injury_place:
            return None
        pain = "" if self.injury_pain is None else f", pain {self.injury_pain} of 10"
        return f"{self.injury_place}{pain}"


class Feedback(models.Model):
    """What a tester says of a workout afterwards: done, changed or skipped, and how hard it was."""

    class Word(models.TextChoices):
        DONE = "done", "done"
        CHANGED = "changed", "changed"
        SKIPPED = "skipped", "skipped"

    run = models.OneToOneField(MissionRun, on_delete=models.CASCADE, related_name="feedback")
    word = models.CharField(max_length=8, choices=Word.choices)
    rpe = models.PositiveSmallIntegerField(
        "effort, 1 to 10",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
    )
    said_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rpe__isnull=True) | Q(rpe__range=(1, 10)), name="effort_is_1_to_10"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.get_word_display()}"
