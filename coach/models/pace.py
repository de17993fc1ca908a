from __future__ import annotations

from django.db import models
from django.utils import timezone


class ModelPace(models.Model):
    """How fast one server is asked, all workers together: what this minute (UTC) has used."""

    server = models.CharField(max_length=200, unique=True)
    minute_started_at = models.DateTimeField(default=timezone.now)
    requests = models.PositiveIntegerField(default=0)
    tokens = models.PositiveIntegerField(default=0)
    requests_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="A minute, as its answers tell; empty: it tells none."
    )
    tokens_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="A minute, as its answers tell; empty: it tells none."
    )
    closed_until = models.DateTimeField(
        null=True, blank=True, help_text="It asked to be left alone until then (429)."
    )

    class Meta:
        ordering = ["server"]
        verbose_name = "pace of a model’s server"
        verbose_name_plural = "paces of the model’s servers"

    def __str__(self) -> str:
        return self.server
