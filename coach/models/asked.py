from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import User


class Asked(models.Model):
    """Something the model is asked for: by one worker at a time, and never twice for nothing.

    `fence` counts how often it was claimed; whoever held it before cannot write any more.
    """

    # Longer than the longest single call to the outside, which is one question to the model, asked
    # twice by its library; with a minute between two sweeps a killed worker costs four minutes.
    LEASE: ClassVar[timedelta] = timedelta(minutes=3)
    MOST_ATTEMPTS: ClassVar[int] = 5
    DUE, UNDER_WAY = "due", "under_way"
    OPEN = (DUE, UNDER_WAY)

    # Related managers, made by the foreign keys of those models.
    calls: Any
    incidents: Any
    outcome = models.CharField(max_length=10, default=DUE)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    # With defaults of the database: while a new version is rolled out, processes of the one before,
    # which know nothing of these columns, still write rows.
    attempts = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="How often a worker took it and did not hand it back; see MOST_ATTEMPTS.",
    )
    file_due_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its file is to be stored next; empty: stored, given up, or not finished.",
    )
    file_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

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
