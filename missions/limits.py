"""What a mission's limits may be: for each its default and the range that is sane.

The names are those of the coaching rubric. One place, so that a form, the API, a drafted mission
and the database mean the same.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator

# A mission is prepared for at most two years.
FURTHEST = timedelta(days=730)
# What joins letters and emoji, and is part of how names are written.
JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Limit:
    """`default` None: a limit that a mission may go without."""

    default: int | None
    least: int
    most: int

    def as_field(self) -> dict[str, Any]:
        """The options of the model field that stores it."""
        return {
            **({"null": True, "blank": True} if self.default is None else {}),
            "default": self.default,
            "validators": self.validators(),
        }

    def validators(self) -> list[BaseValidator]:
        return [MinValueValidator(self.least), MaxValueValidator(self.most)]


MIN_READINESS = Limit(70, 1, 100)
MIN_TSB = Limit(-15, -60, 20)
FORCE_REST_READINESS = Limit(60, 0, 100)
FORCE_REST_TSB = Limit(-20, -80, 20)
MAX_RAMP_RATE = Limit(8, 1, 15)
MAX_CONSECUTIVE_HARD_DAYS = Limit(2, 1, 4)
MAX_HARD_SESSIONS_PER_WEEK = Limit(3, 0, 7)
MAX_RHR = Limit(None, 30, 120)
MAX_ZONE = Limit(None, 1, 7)

# What a mission may aim at, in its unit.
TARGETS = {
    "ctl": Limit(None, 1, 200),
    "long_ride_minutes": Limit(None, 20, 720),
    "climb_minutes": Limit(None, 1, 720),
    "threshold_minutes": Limit(None, 1, 180),
}
