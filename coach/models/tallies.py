from __future__ import annotations

from django.db import models


class RuleTally(models.Model):
    """How many decisions of a model broke a rule, ever: rows of them are purged."""

    model = models.CharField(max_length=80)
    rule = models.CharField(max_length=4)
    is_flag = models.BooleanField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "rule tallies"
        constraints = [
            models.UniqueConstraint(fields=["model", "rule"], name="one_tally_per_model_and_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.model}, {self.rule}: {self.count}"
