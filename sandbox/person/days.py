"""What a day outside the rides looks like: steps, weight, energy."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import sin

from sandbox.person.recording import totals
from sandbox.person.rider import WEIGHT_KG, luck
from sandbox.person.rides import ride_on


@dataclass(frozen=True, slots=True)
class Day:
    local_date: date
    steps: int
    active_kcal: int
    weight_kg: float
    stress_high_s: int
    recovery_high_s: int


@lru_cache(maxsize=4096)
def day_of(local_date: date) -> Day:
    dice = luck(local_date, "day")
    ride = ride_on(local_date)
    return Day(
        local_date=local_date,
        steps=dice.randrange(4200, 11500),
        # Muscles waste as much as makes one kJ on the pedals cost about one kcal.
        active_kcal=dice.randrange(280, 460) + (round(totals(ride).work_kj) if ride else 0),
        weight_kg=round(WEIGHT_KG + 0.5 * sin(local_date.toordinal() / 23) + dice.gauss(0, 0.2), 1),
        stress_high_s=900 * dice.randrange(1, 14),
        recovery_high_s=900 * dice.randrange(0, 10),
    )
