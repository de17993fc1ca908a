"""The bonuses of the game, pure: from the stages of a plan to what is earned and what is in reach.

The names are a small language: `consecutive_5` and `breakaway_10` with any number,
`all_mountains_breakaway`, `final_week_complete` and `all_gc`. The last three want every stage they
are about, or as many as a lower threshold says.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

COUNTED = re.compile(r"(consecutive|breakaway)_([1-9][0-9]{0,3})")
FINAL_WEEK = timedelta(days=7)
TITLES = {
    "all_mountains_breakaway": "Every mountain stage in the breakaway",
    "final_week_complete": "Every stage of the last seven days",
    "all_gc": "Every stage for GC",
}
SOME_OF = {
    "all_mountains_breakaway": "mountain stages in the breakaway",
    "final_week_complete": "stages of the last seven days",
    "all_gc": "stages for GC",
}
FOR_GC = ("gc", "steady")


@dataclass(frozen=True, slots=True)
class GameStage:
    """A stage as the game sees it; `ride_mode` is None while it is open, "rest" once missed."""

    number: int
    date: date
    stage_type: str
    ride_mode: str | None = None
    is_rest_day: bool = False

    @property
    def is_open(self) -> bool:
        return self.ride_mode is None

    @property
    def is_ridden(self) -> bool:
        return self.ride_mode not in (None, "rest")

    @property
    def is_missed(self) -> bool:
        return self.ride_mode == "rest"


@dataclass(frozen=True, slots=True)
class BonusStanding:
    """How far a bonus is: `count` of `needed`, and the number of the stage that completed it."""

    name: str
    title: str
    count: int
    needed: int
    points: int
    is_earned: bool
    is_attainable: bool
    stage_number: int | None


Test = Callable[[GameStage], bool]


def problem_in_name(name: str, threshold: int) -> str | None:
    """What is wrong with the name of a bonus, in a sentence."""
    counted = COUNTED.fullmatch(name)
    if counted is None and name not in TITLES:
        return (
            f'"{name}" is not a bonus of this game; use consecutive_5 or breakaway_10, with any '
            f"number, {', '.join(TITLES)}."
        )
    if counted is not None and int(counted[2]) != threshold:
        return f'The bonus "{name}" needs the threshold {int(counted[2])}, as its name says.'
    return None


def title_of(name: str) -> str:
    counted = COUNTED.fullmatch(name)
    if counted is None:
        return TITLES.get(name, name)
    number = int(counted[2])
    stages = "1 stage" if number == 1 else f"{number} stages"
    return f"{stages} {'in a row' if counted[1] == 'consecutive' else 'in the breakaway'}"


def standings(schema: Mapping[str, Any], plan: Sequence[GameStage]) -> list[BonusStanding]:
    """Every bonus of a points schema, over the stages ridden so far; in one order everywhere.

    The plan holds every day of the event, its rest days too: they say when the last week begins.
    """
    bonuses: Mapping[str, Any] = schema.get("bonuses", {})
    names = (name for name in bonuses if not problem_in_name(name, bonuses[name]["threshold"]))
    return [_standing(name, bonuses[name], plan) for name in sorted(names, key=_place)]


def _place(name: str) -> tuple[int, int]:
    """Rows first, then breakaways, the smaller before the greater; then the others as above."""
    counted = COUNTED.fullmatch(name)
    if counted is not None:
        return int(counted[1] == "breakaway"), int(counted[2])
    return 2, list(TITLES).index(name)


def _standing(name: str, bonus: Mapping[str, int], plan: Sequence[GameStage]) -> BonusStanding:
    stages, threshold, title = _in_order(plan), bonus["threshold"], title_of(name)
    counted = COUNTED.fullmatch(name)
    if counted is not None and counted[1] == "consecutive":
        count, needed, is_possible, number = _in_a_row(stages, threshold)
    elif counted is not None:
        count, needed, is_possible, number = _so_many(stages, _in_breakaway, threshold)
    else:
        wanted, counts = _all_of(name, plan, stages)
        needed = min(threshold, len(wanted))
        count, needed, is_possible, number = _so_many(wanted, counts, needed)
        if needed < len(wanted):
            title = f"{needed} of the {SOME_OF[name]}"
    return BonusStanding(
        name=name,
        title=title,
        count=count,
        needed=needed,
        points=bonus["points"],
        is_earned=number is not None,
        is_attainable=is_possible,
        stage_number=number,
    )


def _all_of(
    name: str, plan: Sequence[GameStage], stages: Sequence[GameStage]
) -> tuple[Sequence[GameStage], Test]:
    """The stages that such a bonus is about, and when one of them counts."""
    if name == "all_mountains_breakaway":
        return [one for one in stages if one.stage_type == "mountain"], _in_breakaway
    if name == "final_week_complete":
        return final_week(plan), _ridden
    return stages, _for_gc


def final_week(plan: Sequence[GameStage]) -> list[GameStage]:
    """The stages in the last seven calendar days of the event."""
    if not plan:
        return []
    week_before = max(one.date for one in plan) - FINAL_WEEK
    return [one for one in _in_order(plan) if one.date > week_before]


def _in_order(plan: Sequence[GameStage]) -> list[GameStage]:
    return sorted((one for one in plan if not one.is_rest_day), key=lambda one: one.number)


def _so_many(
    stages: Sequence[GameStage], counts: Test, needed: int
) -> tuple[int, int, bool, int | None]:
    """Count, needed, whether it can still be, and the number of the stage that made it so many."""
    numbers = [one.number for one in stages if counts(one)]
    is_possible = 0 < needed <= len(numbers) + sum(one.is_open for one in stages)
    number = numbers[needed - 1] if 0 < needed <= len(numbers) else None
    return min(len(numbers), needed), needed, is_possible, number


def _in_a_row(stages: Sequence[GameStage], needed: int) -> tuple[int, int, bool, int | None]:
    rows = list(_rows(stages, _ridden))
    longest = max((len(row) for row in rows), default=0)
    number = next((row[needed - 1].number for row in rows if len(row) >= needed), None)
    in_reach = max((len(row) for row in _rows(stages, _not_missed)), default=0)
    return min(longest, needed), needed, in_reach >= needed, number


def _rows(stages: Sequence[GameStage], belongs: Test) -> Iterator[list[GameStage]]:
    """The unbroken rows of stages that belong."""
    row: list[GameStage] = []
    for stage in stages:
        if belongs(stage):
            row.append(stage)
        else:
            yield row
            row = []
    yield row


def row_under_way(plan: Sequence[GameStage]) -> int:
    """How many stages in a row were ridden up to the last one whose outcome is known."""
    settled = [one for one in _in_order(plan) if not one.is_open]
    *_, last = _rows(settled, _ridden)
    return len(last)


def _ridden(stage: GameStage) -> bool:
    return stage.is_ridden


def _not_missed(stage: GameStage) -> bool:
    return not stage.is_missed


def _in_breakaway(stage: GameStage) -> bool:
    return stage.ride_mode == "breakaway"


def _for_gc(stage: GameStage) -> bool:
    return stage.ride_mode in FOR_GC
