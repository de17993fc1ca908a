"""The most points a plan still has in it under the tester's limits, and the modes that bring them.

A number for the coach to weigh, never an order: it goes by points, form, hard days and this
morning's readiness, and knows nothing of pain, sleep, weather or will. It is exact under the
assumptions that it carries; `coach.line_search` has the proof. Pure: numbers in, numbers out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Protocol

from coach.line_search import Bonus, Choice, Label, Search, TooManyLines
from coach.physiology.load import tss_at
from missions.bonuses import COUNTED, BonusStanding, GameStage, row_under_way, standings
from missions.points import points_for

Mode = Literal["rest", "gc", "breakaway"]
Reason = Literal["no_stages", "stages_out_of_order", "no_form", "no_minutes", "too_many_lines"]

MODES: tuple[Mode, ...] = ("rest", "gc", "breakaway")
# Shares of FTP; coach.classify takes a ride for a breakaway from 0.85 on. Steady is ridden as gc.
EXPECTED_IF: Mapping[str, float] = {"gc": 0.75, "steady": 0.75, "breakaway": 0.88}
# coach.classify takes no shorter ride for a stage.
LEAST_MINUTES = 30
ONE_DAY = timedelta(days=1)
NO_STAGE = Choice(mode="rest", points=0, load=0.0, is_hard=False, counts=None)

REASONS: Mapping[Reason, str] = {
    "no_stages": "There is no stage left to ride.",
    "stages_out_of_order": "The stages are not numbered in the order of their dates.",
    "no_form": "Without a known form (CTL and ATL) the limits of the coming days cannot be kept.",
    "no_minutes": "How much time there is for a stage is not known.",
    "too_many_lines": "There are too many ways to ride on to compare them all.",
}


class Limits(Protocol):
    """The limits of a mission in its event, named as in `coach.situation.Constraints`."""

    @property
    def min_readiness(self) -> int: ...
    @property
    def min_tsb(self) -> float: ...
    @property
    def force_rest_readiness(self) -> int: ...
    @property
    def force_rest_tsb(self) -> float: ...
    @property
    def max_consecutive_hard_days(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class BestLine:
    """The most points by the end of the event, those so far and all bonuses included.

    `points_today` has the same for each way to ride today, None where the limits forbid it; it is
    empty when today has no stage to ride. `modes` are those of `stage_numbers`: one line, where
    several may be worth as much. Without a line the points are None and `reason` says why.
    """

    points_total: int | None = None
    points_so_far: int | None = None
    points_today: Mapping[Mode, int | None] = field(default_factory=dict)
    stage_numbers: tuple[int, ...] = ()
    modes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    reason: Reason | None = None

    @property
    def is_exact(self) -> bool:
        """Under its assumptions no line within the limits has more points."""
        return self.points_total is not None


def best_line(
    plan: Sequence[GameStage],
    points_schema: Mapping[str, Any],
    *,
    local_date: date,
    ctl: float | None,
    atl: float | None,
    readiness: int | None,
    hard_days: int | None,
    minutes: Mapping[date, int],
    limits: Limits,
) -> BestLine:
    """The best line from `local_date` on; no points and a reason when none can be told.

    The plan holds every day of the event, with the outcomes so far. `ctl` and `atl` are what this
    morning starts with, on the TSS scale; `hard_days` those in a row up to yesterday; `minutes` how
    long the stage of a date is. Without a form there is no line: the TSB of the coming days could
    not be followed, and a total that ignores its limits would draw the coach beyond them.
    """
    game = _Game(sorted(plan, key=lambda one: one.date), points_schema, local_date, minutes)
    problem = game.problem()
    if problem is not None:
        return BestLine(reason=problem)
    if ctl is None or atl is None:
        return BestLine(reason="no_form")
    # Not knowing the row of hard days, it may be as long as it can be.
    row = limits.max_consecutive_hard_days if hard_days is None else hard_days
    start = Label(game.points(game.as_today_begins), ctl, atl, row, game.counts_so_far())
    try:
        lines = _lines_today(_search(game, readiness, limits), start)
    except TooManyLines:
        return BestLine(reason="too_many_lines")
    # Of equals the easiest today.
    best = max(lines.values(), key=lambda line: line.points)
    points = {mode: lines[mode].points if mode in lines else None for mode in MODES}
    return BestLine(
        points_total=best.points,
        points_so_far=game.points(game.plan),
        points_today=points if game.ahead[0].date == local_date else {},
        stage_numbers=tuple(one.number for one in game.ahead),
        modes=tuple(best.modes[(one.date - local_date).days] for one in game.ahead),
        assumptions=tuple(_assumptions(game, readiness, hard_days)),
    )


def _search(game: "_Game", readiness: int | None, limits: Limits) -> Search:
    first, *later = game.days()
    return Search(
        days=[_left_by_readiness(first, readiness, limits), *later],
        bonuses=game.bonuses(),
        min_tsb=limits.min_tsb,
        force_rest_tsb=limits.force_rest_tsb,
        max_hard_days=limits.max_consecutive_hard_days,
    )


def _left_by_readiness(
    choices: Sequence[Choice], readiness: int | None, limits: Limits
) -> Sequence[Choice]:
    if readiness is not None and readiness < limits.force_rest_readiness:
        return choices[:1]
    is_ready = readiness is not None and readiness >= limits.min_readiness
    return choices if is_ready else choices[:2]


def _lines_today(search: Search, start: Label) -> dict[str, Label]:
    """The best line by the mode of today, of those that today allows."""
    _, *later = search.days
    return {
        choice.mode: replace(search, days=[(choice,), *later]).best(start)
        for choice in search.allowed(0, start.ctl - start.atl, start.hard_days)
    }


def _assumptions(game: "_Game", readiness: int | None, hard_days: int | None) -> Iterator[str]:
    yield (
        f"A stage takes the time there is for it, for GC at {EXPECTED_IF['gc']} of FTP and in the "
        f"breakaway at {EXPECTED_IF['breakaway']}."
    )
    yield "Days without a stage bring no load."
    yield "From tomorrow on readiness is never below its limits."
    yield "No limits but those on readiness, form and hard days in a row are counted."
    if readiness is None:
        yield "Today’s readiness is not known, so today is no breakaway."
    if hard_days is None:
        yield "Whether yesterday was hard is not known, so today is no breakaway."
    if game.ridden_already:
        yield "The stage ridden today had the load expected of its mode."
    if game.overdue:
        yield "Earlier stages without an outcome were not ridden."


@dataclass(frozen=True)
class _Game:
    """What is asked, with the days of the plan in the order of their dates."""

    plan: Sequence[GameStage]
    schema: Mapping[str, Any]
    local_date: date
    minutes: Mapping[date, int]

    @cached_property
    def stages(self) -> list[GameStage]:
        return [one for one in self.plan if not one.is_rest_day]

    @cached_property
    def ahead(self) -> list[GameStage]:
        return [one for one in self.stages if one.is_open and one.date >= self.local_date]

    @property
    def overdue(self) -> list[GameStage]:
        return [one for one in self.stages if one.is_open and one.date < self.local_date]

    @property
    def ridden_already(self) -> list[GameStage]:
        return [one for one in self.stages if one.is_ridden and one.date >= self.local_date]

    @cached_property
    def as_today_begins(self) -> list[GameStage]:
        """The plan with no outcome of today; an earlier stage without one was not ridden."""
        return [
            replace(one, ride_mode=None if one.date >= self.local_date else one.ride_mode or "rest")
            for one in self.plan
        ]

    @cached_property
    def in_reach(self) -> list[BonusStanding]:
        told = standings(self.schema, self.as_today_begins)
        return [one for one in told if one.is_attainable and not one.is_earned]

    def problem(self) -> Reason | None:
        if not self.ahead:
            return "no_stages"
        if any(a.number >= b.number or a.date == b.date for a, b in pairwise(self.stages)):
            return "stages_out_of_order"
        has_minutes = all(one.date in self.minutes for one in self.ahead) and all(
            self.minutes.get(one.date, 0) >= LEAST_MINUTES for one in self.ridden_already
        )
        return None if has_minutes else "no_minutes"

    def points(self, plan: Sequence[GameStage]) -> int:
        """What the settled stages of a plan brought, with the bonuses they earned."""
        stages = sum(
            self._price(one, one.ride_mode)
            for one in plan
            if one.ride_mode is not None and not one.is_rest_day
        )
        return stages + sum(one.points for one in standings(self.schema, plan) if one.is_earned)

    def bonuses(self) -> list[Bonus]:
        return [Bonus(one.needed, one.points, _is_row(one)) for one in self.in_reach]

    def counts_so_far(self) -> tuple[int, ...]:
        row = row_under_way(self.as_today_begins)
        return tuple(row if _is_row(one) else one.count for one in self.in_reach)

    def days(self) -> list[Sequence[Choice]]:
        """The choices of each day from today to that of the last stage."""
        by_date = {one.date: one for one in self.stages}
        length = (self.ahead[-1].date - self.local_date).days + 1
        dates = (self.local_date + n * ONE_DAY for n in range(length))
        return [self._choices(by_date.get(on)) for on in dates]

    def _choices(self, stage: GameStage | None) -> Sequence[Choice]:
        if stage is None:
            return (NO_STAGE,)
        if stage.ride_mode is not None:
            return (self._choice(stage, stage.ride_mode),)
        has_time = self.minutes[stage.date] >= LEAST_MINUTES
        return [self._choice(stage, mode) for mode in (MODES if has_time else MODES[:1])]

    def _choice(self, stage: GameStage, mode: str) -> Choice:
        is_ridden = mode != "rest"
        return Choice(
            mode=mode,
            points=self._price(stage, mode),
            load=tss_at(60 * self.minutes[stage.date], EXPECTED_IF[mode]) if is_ridden else 0.0,
            is_hard=mode == "breakaway",
            counts=self._counts(stage, mode),
        )

    def _counts(self, stage: GameStage, mode: str) -> tuple[bool, ...]:
        """Towards which of the bonuses in reach it counts, as the rules of the game have it."""
        alone = [replace(one, ride_mode=mode if one is stage else None) for one in self.plan]
        counts = {one.name: one.count for one in standings(self.schema, alone)}
        return tuple(counts[one.name] > 0 for one in self.in_reach)

    def _price(self, stage: GameStage, mode: str) -> int:
        # As in missions.points, a stage without a price is worth nothing.
        return points_for(self.schema, stage.stage_type, mode) or 0


def _is_row(bonus: BonusStanding) -> bool:
    counted = COUNTED.fullmatch(bonus.name)
    return counted is not None and counted[1] == "consecutive"
