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

    @property
    def usual(self) -> int:
        """Its default, of a limit that no mission goes without."""
        if self.default is None:
            raise ValueError("This limit has no default.")
        return self.default

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
# Conventions of coaching, which no trial supports: a tester sees them and may set their own.
RHR_RISE_BPM = Limit(7, 3, 20)
MAX_DAYS_WITHOUT_REST = Limit(6, 3, 14)
USUAL_RAMP_RATE = Limit(5, 1, 15)
MAX_LOAD_PCT = Limit(150, 100, 300)
MAX_MONOTONY = Limit(2, 1, 5)
NEW_TESTER_MINUTES = Limit(75, 20, 240)
JET_LAG_HOURS = Limit(3, 1, 12)

# What a mission may aim at, in its unit.
TARGETS = {
    "ctl": Limit(None, 1, 200),
    "long_ride_minutes": Limit(None, 20, 720),
    "climb_minutes": Limit(None, 1, 720),
    "threshold_minutes": Limit(None, 1, 180),
}
