"""What the best line is asked, and an oracle that rides every way there is."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from coach.best_line import MODES, BestLine, best_line
from coach.physiology.days import Day
from coach.physiology.form import DayForm
from coach.situation import Constraints
from missions.bonuses import GameStage, standings
from missions.points import DEFAULT_POINTS_SCHEMA, points_for

FIRST = date(2026, 7, 4)
KINDS = ("flat", "hilly", "mountain", "itt", "mtn_itt")
TOUR = json.loads((Path(__file__).parents[1] / "data" / "tour_2025.json").read_text())
LOOSE = Constraints(
    min_readiness=70,
    min_tsb=-60,
    force_rest_readiness=60,
    force_rest_tsb=-80,
    max_ramp_rate=8,
    max_consecutive_hard_days=4,
    max_hard_sessions_per_week=3,
)
USUAL = LOOSE.model_copy(
    update={"min_tsb": -15, "force_rest_tsb": -20, "max_consecutive_hard_days": 3}
)


@dataclass(frozen=True)
class Case:
    """Everything that is asked; a fresh rider with time for every stage unless said otherwise."""

    plan: list[GameStage]
    schema: Mapping[str, Any]
    minutes: Mapping[date, int]
    local_date: date = FIRST
    ctl: float | None = 70.0
    atl: float | None = 60.0
    readiness: int | None = 80
    hard_days: int | None = 0
    limits: Constraints = LOOSE

    def solved(self) -> BestLine:
        return best_line(
            self.plan,
            self.schema,
            local_date=self.local_date,
            ctl=self.ctl,
            atl=self.atl,
            readiness=self.readiness,
            hard_days=self.hard_days,
            minutes=self.minutes,
            limits=self.limits,
        )


def case(kinds: str, **changes: Any) -> Case:
    """A plan in letters: f, h, m, i, t for the kinds of stage, - for a rest day; 90 min each."""
    named = dict(zip("fhmit", KINDS, strict=True))
    plan = [
        GameStage(n + 1, FIRST + timedelta(days=n), named.get(letter, "flat"), None, letter == "-")
        for n, letter in enumerate(kinds)
    ]
    minutes = {one.date: 90 for one in plan}
    return replace(Case(plan, {**DEFAULT_POINTS_SCHEMA, "bonuses": {}}, minutes), **changes)


def with_bonuses(**bonuses: int) -> dict[str, Any]:
    """The usual prices, and bonuses that need as much as their names say, or everything."""
    return {
        **DEFAULT_POINTS_SCHEMA,
        "bonuses": {name: bonus(name, points) for name, points in bonuses.items()},
    }


def bonus(name: str, points: int, needed: int = 60) -> dict[str, int]:
    number = name.rpartition("_")[2]
    return {"threshold": int(number) if number.isdigit() else needed, "points": points}


def outcomes(asked: Case, letters: str) -> list[GameStage]:
    """The plan with the first days settled: g, b, s for a mode, x for missed, . for open."""
    modes = {"g": "gc", "b": "breakaway", "s": "steady", "x": "rest"}
    told = letters.ljust(len(asked.plan), ".")
    return [
        replace(one, ride_mode=modes.get(letter))
        for one, letter in zip(asked.plan, told, strict=True)
    ]


# --- the oracle ---------------------------------------------------------------------------------


def ways(asked: Case) -> Iterator[tuple[str | None, list[GameStage]]]:
    """Every way to ride on that the limits allow: today's mode, and the plan as it then ends."""
    assert asked.ctl is not None
    assert asked.atl is not None
    form = DayForm(asked.local_date - timedelta(days=1), asked.ctl, asked.atl)
    row = 99 if asked.hard_days is None else asked.hard_days
    for ridden in ridden_on(asked, form, row, list(asked.plan)):
        today = [one for one in ridden if one.date == asked.local_date and not one.is_rest_day]
        yield (today[0].ride_mode if today else None), ridden


def ridden_on(
    asked: Case, form: DayForm, row: int, plan: list[GameStage]
) -> Iterator[list[GameStage]]:
    day = form.local_date + timedelta(days=1)
    if day > max(one.date for one in plan):
        yield plan
        return
    at = next((n for n, one in enumerate(plan) if one.date == day and not one.is_rest_day), None)
    if at is None:
        yield from ridden_on(asked, form.after(Day()), 0, plan)
        return
    stage = plan[at]
    modes = [stage.ride_mode] if stage.ride_mode else MODES
    for mode in modes:
        if stage.is_open and not is_allowed(asked, form, row, day, mode):
            continue
        intensity = {"rest": 0.0, "gc": 0.75, "steady": 0.75, "breakaway": 0.88}[mode]
        load = asked.minutes[day] / 60 * intensity**2 * 100
        after = form.after(Day(ctl_load=load, atl_load=load))
        on = [*plan[:at], replace(stage, ride_mode=mode), *plan[at + 1 :]]
        yield from ridden_on(asked, after, row + 1 if mode == "breakaway" else 0, on)


def is_allowed(asked: Case, form: DayForm, row: int, day: date, mode: str) -> bool:
    limits, is_today = asked.limits, day == asked.local_date
    if mode == "rest":
        return True
    if asked.minutes[day] < 30 or form.tsb < limits.force_rest_tsb:
        return False
    if is_today and asked.readiness is not None:
        if asked.readiness < limits.force_rest_readiness:
            return False
        if mode == "breakaway" and asked.readiness < limits.min_readiness:
            return False
    is_unknown = is_today and asked.readiness is None
    is_hard_too_often = row >= limits.max_consecutive_hard_days or form.tsb < limits.min_tsb
    return mode == "gc" or not (is_unknown or is_hard_too_often)


def worth(asked: Case, plan: list[GameStage]) -> int:
    stages = [one for one in plan if not one.is_rest_day and one.ride_mode]
    of_stages = (points_for(asked.schema, one.stage_type, str(one.ride_mode)) for one in stages)
    earned = (one.points for one in standings(asked.schema, plan) if one.is_earned)
    return sum(points or 0 for points in of_stages) + sum(earned)


def check(asked: Case) -> None:
    """What is told is the best of all ways, today's modes too, and its own modes bring it."""
    totals: dict[str | None, int] = {}
    lines: dict[tuple[str | None, ...], int] = {}
    ahead = [
        n
        for n, one in enumerate(asked.plan)
        if one.is_open and not one.is_rest_day and one.date >= asked.local_date
    ]
    for today, plan in ways(asked):
        total = worth(asked, plan)
        totals[today] = max(total, totals.get(today, 0))
        lines[tuple(plan[n].ride_mode for n in ahead)] = total

    told = asked.solved()

    assert told.reason is None
    assert told.is_exact
    assert told.points_total == max(totals.values()), asked
    assert told.points_so_far == worth(asked, asked.plan)
    assert told.stage_numbers == tuple(asked.plan[n].number for n in ahead)
    assert lines[told.modes] == told.points_total, asked
    is_open_today = any(asked.plan[n].date == asked.local_date for n in ahead)
    expected = {mode: totals.get(mode) for mode in MODES} if is_open_today else {}
    assert told.points_today == expected, asked


def drawn(rng: random.Random, ahead: int) -> Case:
    """A case of any kind: past days, gaps between dates, form about as good as its limits ask.

    In a wide one what was ridden weeks ago still tells, and a rider who rested is the worse for it.
    """
    is_wide = rng.random() < 0.4
    past = sorted(rng.sample(range(-6, 0), rng.randint(0, 6)))
    future = sorted(rng.sample(range(5 * ahead if is_wide else ahead + 3), ahead))
    plan = [
        GameStage(
            number=number,
            date=FIRST + timedelta(days=n),
            stage_type=rng.choice(KINDS),
            ride_mode=rng.choice(["rest", "gc", "breakaway", "steady", None]) if n < 0 else None,
            is_rest_day=n != future[-1] and rng.random() < 0.1,
        )
        for number, n in enumerate([*past, *future], start=1)
    ]
    force_rest_tsb = rng.randint(-5, 15) if is_wide else rng.randint(-35, -5)
    ctl = rng.uniform(15, 40 if is_wide else 100)
    times = rng.choice([[45, 60, 90], [60, 90, 120, 180], [0, 20, 30, 60, 240]])
    return Case(
        plan=plan,
        schema=drawn_schema(rng),
        minutes={one.date: rng.choice(times) for one in plan},
        ctl=ctl,
        atl=max(ctl - force_rest_tsb - rng.uniform(-5, 30), 0),
        readiness=rng.choice([None, 40, 60, 65, 70, 90, 90, 90, 90]),
        hard_days=rng.choice([None, 0, 0, 1, 2, 5]),
        limits=LOOSE.model_copy(
            update={
                "force_rest_tsb": force_rest_tsb,
                "min_tsb": force_rest_tsb + rng.randint(0, 15),
                "max_consecutive_hard_days": rng.randint(1, 4),
            }
        ),
    )


def drawn_schema(rng: random.Random) -> dict[str, Any]:
    names = [f"{kind}_{n}" for kind in ("consecutive", "breakaway") for n in range(1, 7)]
    names += ["all_mountains_breakaway", "final_week_complete", "all_gc"] * 2
    prices = {
        kind: {"gc": rng.choice([0, 0, 3, 7, 12]), "breakaway": rng.choice([0, 4, 11, 18])}
        for kind in KINDS
        if rng.random() < 0.95
    }
    chosen = rng.sample(names, rng.randint(0, 6))
    bonuses = {name: bonus(name, rng.choice([0, 3, 8, 25]), rng.randint(1, 9)) for name in chosen}
    return {**prices, "bonuses": bonuses}


def tour() -> Case:
    """The stages of a three-week tour with all its bonuses; a trained rider who has two hours."""
    start, end = (date.fromisoformat(TOUR[key]) for key in ("event_start", "event_end"))
    kinds = iter(TOUR["stage_types"])
    plan = []
    for n in range((end - start).days + 1):
        day = start + timedelta(days=n)
        is_rest_day = day.isoformat() in TOUR["rest_days"]
        kind = "flat" if is_rest_day else next(kinds)
        plan.append(GameStage(n + 1, day, kind, None, is_rest_day))
    return Case(
        plan=plan,
        schema={**DEFAULT_POINTS_SCHEMA, "bonuses": TOUR["bonuses"]},
        minutes={one.date: 120 for one in plan},
        local_date=start,
        ctl=60.0,
        atl=50.0,
        limits=USUAL,
    )


def the_day_after(asked: Case, mode: str) -> Case:
    """The next morning, today ridden in a mode."""
    assert asked.ctl is not None
    assert asked.atl is not None
    today = asked.local_date
    load = {"rest": 0.0, "gc": 112.5, "breakaway": 154.88}[mode]
    form = DayForm(today - timedelta(days=1), asked.ctl, asked.atl)
    form = form.after(Day(ctl_load=load, atl_load=load))
    settled = [
        replace(one, ride_mode=mode) if one.date == today and not one.is_rest_day else one
        for one in asked.plan
    ]
    row = (asked.hard_days or 0) + 1 if mode == "breakaway" else 0
    return replace(
        asked,
        plan=settled,
        local_date=today + timedelta(days=1),
        ctl=form.ctl,
        atl=form.atl,
        hard_days=row,
    )


def best_without_form(asked: Case) -> int:
    """The most points under the limit on hard days alone, day by day."""
    best = {0: 0}
    for one in asked.plan:
        after: dict[int, int] = {}
        for row, points in best.items():
            for mode in ("rest", "gc", "breakaway") if not one.is_rest_day else ("rest",):
                is_hard = mode == "breakaway"
                if is_hard and row == asked.limits.max_consecutive_hard_days:
                    continue
                on = row + 1 if is_hard else 0
                won = 0 if one.is_rest_day else points_for(asked.schema, one.stage_type, mode) or 0
                after[on] = max(after.get(on, 0), points + won)
        best = after
    return max(best.values())
