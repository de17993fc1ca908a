"""The forerunner's event game, pure: its plan and its record of points, as values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from missions.bonuses import COUNTED, TITLES, BonusStanding, GameStage, standings
from missions.legacy.file import Flag
from missions.points import points_for

# Their name of a bonus, where it is not ours with "_stages" behind it.
RENAMED = MappingProxyType({"all_gc_mode": "all_gc"})


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A day of the event: `number` None is a rest day, `stage_type` None is not told."""

    day: date
    number: int | None
    stage_type: str | None


@dataclass(frozen=True, slots=True)
class RiddenStage:
    """A stage as its record tells it, the day it is filed on included; `ride_key` "" is unknown."""

    number: int
    day: date
    stage_type: str
    ride_mode: str
    points: int
    completed_at: datetime
    ride_key: str


@dataclass(frozen=True, slots=True)
class Award:
    """A bonus as it counts in the recorded total; `theirs` is the name it has in the file."""

    name: str
    theirs: str
    points: int


@dataclass(frozen=True, slots=True)
class Record:
    """The stages and bonuses that can be stored, and the totals that the file claims."""

    ridden: tuple[RiddenStage, ...] = ()
    awards: tuple[Award, ...] = ()
    total_points: int | None = None
    stages_completed: int | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Game:
    """What the mission file says of the event, to hold the record against."""

    days: tuple[PlannedStage, ...]
    schema: Mapping[str, Any]

    def stage(self, number: int | None) -> PlannedStage | None:
        return next((one for one in self.days if number and one.number == number), None)

    def on(self, day: date) -> PlannedStage | None:
        return next((one for one in self.days if one.day == day), None)

    def price(self, stage_type: str, ride_mode: str) -> int | None:
        return points_for(self.schema, stage_type, ride_mode)

    def standings(self, ridden: Iterable[RiddenStage]) -> dict[str, BonusStanding]:
        """How far the bonuses are by our rules, to hold what is claimed against."""
        modes = {one.number: one.ride_mode for one in ridden}
        plan = [
            GameStage(one.number, one.day, one.stage_type or "", modes.get(one.number, "rest"))
            for one in self.days
            if one.number
        ]
        return {one.name: one for one in standings(self.schema, plan)}

    def price_of(self, bonus: str) -> int | None:
        found = self.schema.get("bonuses", {}).get(bonus)
        return None if found is None else int(found["points"])


def our_bonus(name: object) -> str | None:
    """Our name of a bonus of theirs; None for one that is not counted here."""
    if not isinstance(name, str):
        return None
    ours = RENAMED.get(name, name.removesuffix("_stages"))
    is_known = COUNTED.fullmatch(ours) or ours in TITLES
    return ours if is_known else None
