"""A points schema as the rows that a person fills in: the prices of the stages, and the bonuses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from missions import bonuses
from missions.models import Mission, RideMode, StageType
from missions.points import (
    DEFAULT_POINTS_SCHEMA,
    MOST_BONUSES,
    MOST_POINTS,
    PRICED_MODES,
    STAGE_TYPES,
    problems_in,
)

# A whole number, or the text that is none, or None where nothing was typed.
Typed = int | str | None

# Bonuses that count up to a number of the tester's choosing; the others want all there is.
COUNTED = {"consecutive": "Stages in a row", "breakaway": "Stages in the breakaway"}
BONUS_KINDS = (*COUNTED, *bonuses.TITLES)
ALL_THERE_ARE = Mission.MOST_DAYS


def kind_of(name: str) -> str:
    """`consecutive_5` is of the kind `consecutive`; every other name is its own kind."""
    counted = bonuses.COUNTED.fullmatch(name)
    return counted[1] if counted else name


@dataclass(frozen=True, slots=True)
class StageRow:
    """A kind of stage has both prices, or none."""

    kind: str
    gc: Typed = None
    breakaway: Typed = None

    @property
    def title(self) -> str:
        return StageType(self.kind).label.capitalize()

    @property
    def prices(self) -> dict[str, Typed]:
        return {"gc": self.gc, "breakaway": self.breakaway}

    @property
    def cells(self) -> list[tuple[str, str, Typed]]:
        """Each mode, its label, and what stands there."""
        return [(mode, str(RideMode(mode).label), one) for mode, one in self.prices.items()]

    @property
    def is_left_out(self) -> bool:
        return all(price is None for price in self.prices.values())

    @property
    def problem(self) -> str:
        missing = [label for _, label, price in self.cells if price is None]
        if len(missing) == 1:
            return f"{self.title}: give points for {missing[0]} too, or leave both empty."
        if not missing and problems_in({self.kind: self.prices}):
            return f"{self.title}: give whole numbers from 0 to {MOST_POINTS}."
        return ""


@dataclass(frozen=True, slots=True)
class BonusRow:
    """A bonus without points is left out."""

    kind: str
    threshold: Typed = None
    points: Typed = None
    problem: str = ""
    is_another: bool = False

    @property
    def is_counted(self) -> bool:
        return self.kind in COUNTED

    @property
    def is_left_out(self) -> bool:
        return self.points is None

    @property
    def is_empty(self) -> bool:
        return self.points is None and (self.threshold is None or not self.is_counted)

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.threshold}" if self.is_counted else self.kind

    @property
    def bonus(self) -> dict[str, Typed]:
        return {"threshold": self.threshold, "points": self.points}

    @property
    def title(self) -> str:
        """Of its kind: the number stands beside it."""
        title = COUNTED.get(self.kind) or bonuses.title_of(self.kind)
        return f"Another bonus for {title.lower()}" if self.is_another else title

    @property
    def words(self) -> str:
        """With its number, where that is one."""
        return bonuses.title_of(self.name) if kind_of(self.name) in BONUS_KINDS else self.title

    @property
    def how_many(self) -> str:
        """Of a bonus that is not counted: a threshold below what a plan can hold is a limit."""
        is_limit = isinstance(self.threshold, int) and self.threshold < ALL_THERE_ARE
        return f"all, at most {self.threshold}" if is_limit else "all of them"

    def judged(self) -> "BonusRow":
        return replace(self, problem=self._problem())

    def _problem(self) -> str:
        if self.is_left_out:
            return ""
        if self.threshold is None:
            return f"{self.title}: say how many, or leave the points empty."
        if not problems_in({**DEFAULT_POINTS_SCHEMA, "bonuses": {self.name: self.bonus}}):
            return ""
        if self.is_counted:
            return (
                f"{self.words}: give whole numbers, from 1 to {MOST_POINTS} for how many and "
                f"from 0 to {MOST_POINTS} for the points."
            )
        return f"{self.words}: give a whole number of points, from 0 to {MOST_POINTS}."


@dataclass(frozen=True, slots=True)
class PriceList:
    stages: tuple[StageRow, ...]
    bonuses: tuple[BonusRow, ...]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "PriceList":
        """Every kind of stage; the bonuses in the order the game tells them."""
        rows = (
            BonusRow(kind_of(name), one["threshold"], one["points"])
            for name, one in schema.get("bonuses", {}).items()
        )
        return cls(
            tuple(StageRow(kind, **schema.get(kind, {})) for kind in STAGE_TYPES),
            tuple(sorted(rows, key=_place)),
        )

    def as_schema(self) -> dict[str, Any]:
        prices = {row.kind: row.prices for row in self.stages if not row.is_left_out}
        chosen = {row.name: row.bonus for row in self.bonuses if not row.is_left_out}
        return {**prices, "bonuses": chosen} if chosen else prices

    def with_offers(self) -> "PriceList":
        """An empty row more for each bonus that can be added; of a counted kind always one."""
        there = {row.kind for row in self.bonuses if row.is_empty or not row.is_counted}
        offers = (
            BonusRow(kind, None if kind in COUNTED else ALL_THERE_ARE)
            for kind in BONUS_KINDS
            if kind not in there
        )
        return replace(self, bonuses=(*self.bonuses, *offers))

    def judged(self) -> "PriceList":
        """Each bonus as it stands beside the others, with what is wrong with it."""
        return replace(self, bonuses=tuple(self._judged_bonuses()))

    def _judged_bonuses(self) -> Iterator[BonusRow]:
        names: set[str] = set()
        kinds = {row.kind for row in self.bonuses if not row.is_empty}
        for row in (one.judged() for one in self.bonuses):
            if row.is_empty and row.is_counted:
                yield replace(row, is_another=row.kind in kinds)
            elif row.problem or row.is_left_out:
                yield row
            elif row.name in names:
                yield replace(row, problem=f"{row.words}: this bonus is here twice. Leave one out.")
            elif len(names) == MOST_BONUSES:
                too_many = f"{row.words}: {MOST_BONUSES} bonuses are the most. Leave one out."
                yield replace(row, problem=too_many)
            else:
                names.add(row.name)
                yield row

    def problems(self) -> list[str]:
        told = [row.problem for row in self.stages]
        told += [row.problem for row in self.judged().bonuses]
        return [problem for problem in told if problem]

    def words(self) -> str:
        priced = [row for row in self.stages if not row.is_left_out]
        prices = [f"{row.title.lower()} {row.gc} and {row.breakaway}" for row in priced]
        brought = [f"{row.words} {row.points}" for row in self.bonuses if not row.is_left_out]
        modes = " and ".join(str(RideMode(mode).label) for mode in PRICED_MODES)
        return f"{modes}: {', '.join(prices)}. Bonuses: {', '.join(brought) or 'none'}."


def _place(row: BonusRow) -> tuple[int, int]:
    return BONUS_KINDS.index(row.kind), row.threshold if isinstance(row.threshold, int) else 0
