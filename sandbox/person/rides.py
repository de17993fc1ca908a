"""The rides: four or five a week, three weeks of building and one easy, with a few odd ones."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import sqrt
from typing import Literal

from sandbox.person.rider import FIRST_DATE, HOME, at_home, luck

Kind = Literal["intervals", "tempo", "easy", "endurance", "long"]
Power = Literal["meter", "estimated", "none"]

MONTHS_INDOORS = {11, 12, 1, 2}
# Where the week puts each ride, how likely it happens, and when it starts.
WEEK: dict[int, tuple[Kind, float, tuple[int, int]]] = {
    1: ("intervals", 0.96, (18, 10)),
    2: ("easy", 0.68, (12, 15)),
    3: ("tempo", 0.96, (18, 20)),
    5: ("endurance", 0.88, (9, 30)),
    6: ("long", 0.95, (8, 40)),
}
NAMES: dict[Kind, tuple[str, ...]] = {
    "intervals": ("Tuesday intervals", "Côte de Seyssins, repeats", "4x8 and home"),
    "tempo": ("Tempo along the Isère", "Sweet spot & a headwind <3", "Two long blocks"),
    "easy": ("Lunch spin", "Legs round", "Coffee and back"),
    "endurance": ("Saturday loop", "Vercors foothills", "Steady with Jo"),
    "long": ("Col de Porte and around", "Long one, Chartreuse", "Sunday club ride"),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """A stretch at one power, as a share of FTP; grade as a fraction, 0.06 = 6 %."""

    seconds: int
    share: float
    grade: float = 0.0


@dataclass(frozen=True, slots=True)
class Ride:
    id: int
    local_date: date
    kind: Kind
    name: str
    start_at: datetime
    efforts: tuple[Effort, ...]
    pause_s: int
    power: Power
    has_heartrate: bool
    is_indoor: bool
    is_manual: bool
    is_private: bool
    is_start_hidden: bool

    @property
    def moving_s(self) -> int:
        return sum(effort.seconds for effort in self.efforts)

    @property
    def elapsed_s(self) -> int:
        return self.moving_s + self.pause_s

    @property
    def end_at(self) -> datetime:
        return self.start_at + timedelta(seconds=self.elapsed_s)

    @property
    def shown_start_at(self) -> datetime:
        """A hidden start arrives as one second after local midnight."""
        return at_home(self.local_date, 0, 0, 1) if self.is_start_hidden else self.start_at

    def load(self) -> float:
        """What the ride costs, on the TSS scale."""
        fourth = sum(effort.seconds * effort.share**4 for effort in self.efforts)
        return self.moving_s / 36 * sqrt(fourth / self.moving_s)


def rides_between(first: date, last: date) -> list[Ride]:
    """Oldest first, both days included."""
    days = (last - first).days + 1
    rides = (ride_on(first + timedelta(days=n)) for n in range(days))
    return [ride for ride in rides if ride]


def rides_until(now: datetime) -> list[Ride]:
    """Every ride that has ended, oldest first."""
    today = now.astimezone(HOME).date()
    return [ride for ride in rides_between(FIRST_DATE, today) if ride.end_at <= now]


def ride_numbered(ride_id: int) -> Ride | None:
    ordinal = ride_id - _ID_BASE
    if not FIRST_DATE.toordinal() <= ordinal <= date.max.toordinal():
        return None
    return ride_on(date.fromordinal(ordinal))


_ID_BASE = 15_000_000_000


@lru_cache(maxsize=4096)
def ride_on(local_date: date) -> Ride | None:
    """The ride of that day, if there is one."""
    planned = WEEK.get(local_date.weekday())
    dice = luck(local_date, "ride")
    if local_date < FIRST_DATE or planned is None or dice.random() > planned[1]:
        return None
    kind, _, (hour, minute) = planned
    if is_easy_week(local_date) and kind == "intervals":
        kind = "easy"
    return _ride(local_date, kind, at_home(local_date, hour, minute), dice)


def is_easy_week(local_date: date) -> bool:
    return (local_date.toordinal() - 1) // 7 % 4 == 3


def load_on(local_date: date) -> float:
    ride = ride_on(local_date)
    return ride.load() if ride else 0.0


def _ride(local_date: date, kind: Kind, usual_start: datetime, dice: random.Random) -> Ride:
    is_indoor = kind in ("intervals", "tempo") and local_date.month in MONTHS_INDOORS
    efforts = tuple(_efforts(kind, dice, is_easy_week(local_date)))
    oddity = dice.random()
    is_manual = not is_indoor and oddity < 0.04
    is_estimated = 0.04 <= oddity < 0.12 and not is_indoor
    return Ride(
        id=_ID_BASE + local_date.toordinal(),
        local_date=local_date,
        kind=kind,
        name=dice.choice(NAMES[kind]),
        start_at=(usual_start + timedelta(seconds=dice.randrange(-1200, 1200))).astimezone(UTC),
        efforts=efforts,
        pause_s=dice.randrange(240, 1500) if kind == "long" else 0,
        power="none" if is_manual else "estimated" if is_estimated else "meter",
        has_heartrate=not is_manual and not 0.12 <= oddity < 0.19,
        is_indoor=is_indoor,
        is_manual=is_manual,
        is_private=0.19 <= oddity < 0.24,
        is_start_hidden=not is_manual and 0.24 <= oddity < 0.30,
    )


def _efforts(kind: Kind, dice: random.Random, is_easy_week: bool) -> list[Effort]:
    if kind == "intervals":
        return _intervals(dice)
    if kind == "tempo":
        return _tempo(dice, blocks=1 if is_easy_week else 2)
    if kind == "long":
        return _long(dice, climbs=1 if is_easy_week else dice.choice((3, 3, 4)))
    if kind == "endurance":
        return [Effort(60 * dice.randrange(80, 116), dice.uniform(0.67, 0.74))]
    return [Effort(60 * dice.randrange(50, 71), dice.uniform(0.55, 0.61))]


def _intervals(dice: random.Random) -> list[Effort]:
    count, minutes, share = dice.choice(((5, 4, 1.12), (4, 8, 1.0), (6, 3, 1.14), (3, 12, 0.94)))
    pair = [Effort(60 * minutes, share), Effort(60 * max(3, minutes // 2), 0.48)]
    warm_up = [Effort(600, 0.55), Effort(300, 0.75)]
    return [*warm_up, *pair * count, Effort(60 * dice.randrange(8, 16), 0.52)]


def _tempo(dice: random.Random, *, blocks: int) -> list[Effort]:
    block = [Effort(60 * dice.choice((16, 18, 20)), dice.uniform(0.86, 0.93)), Effort(300, 0.55)]
    return [Effort(720, 0.58), *block * blocks, Effort(60 * dice.randrange(12, 26), 0.68)]


def _long(dice: random.Random, *, climbs: int) -> list[Effort]:
    """Valley, climb, descent, again; the descents are coasted."""
    efforts = [Effort(60 * dice.randrange(25, 40), 0.66)]
    for _ in range(climbs):
        climb_s = 60 * dice.randrange(13, 22)
        efforts.append(Effort(climb_s, dice.uniform(0.85, 0.95), grade=0.06))
        efforts.append(Effort(climb_s // 3, 0.0, grade=-0.055))
        efforts.append(Effort(60 * dice.randrange(14, 24), dice.uniform(0.66, 0.73)))
    return [*efforts, Effort(60 * dice.randrange(20, 35), 0.62)]
