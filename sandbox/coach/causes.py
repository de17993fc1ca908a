"""The vocabulary of the rules: how far a rule lets the rider go, and why."""

from dataclasses import dataclass
from enum import IntEnum

from sandbox.coach.situation import Situation


class Ceiling(IntEnum):
    REST = 0  # no riding at all
    RECOVER = 1  # a short spin in Z1
    EASY = 2  # Z1 and Z2
    STEADY = 3  # nothing in Z4 or above
    FREE = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """One rule that applies today; evidence is the paths of the numbers its sentence names."""

    flag: str
    ceiling: Ceiling
    sentence: str
    evidence: tuple[str, ...] = ()
    max_minutes: float | None = None
    is_health: bool = False


def shown(value: float) -> str:
    """As it was given, with a minus sign that does not break from its figure."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def below(situation: Situation, path: str, limit_name: str) -> tuple[float, float] | None:
    """The value and the mission's limit when the value is known and under it."""
    value, limit = situation.number(path), situation.limit(limit_name)
    return (value, limit) if value is not None and limit is not None and value < limit else None
