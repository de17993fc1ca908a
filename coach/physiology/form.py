"""CTL, ATL and TSB by the intervals.icu recurrence: this morning, the past, and the days ahead."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Literal

from coach.physiology.days import (
    ONE_DAY,
    REST,
    Day,
    first_load,
    last_days,
    monotony,
    strain,
)

CtlStatus = Literal["no_history", "gap_unexplained", "warming_up", "settling", "settled"]

CTL_DAYS = 42
ATL_DAYS = 7
CTL_GAIN = 1 - math.exp(-1 / CTL_DAYS)
ATL_GAIN = 1 - math.exp(-1 / ATL_DAYS)
SETTLED_DAYS = 3 * CTL_DAYS  # 5 % of the error of a zero seed is left
MAX_UNKNOWN_DAYS = 2


@dataclass(frozen=True)
class DayForm:
    """CTL and ATL at the end of a local date, its rides included."""

    local_date: date
    ctl: float
    atl: float

    @property
    def tsb(self) -> float:
        """CTL - ATL: what the next morning starts with."""
        return self.ctl - self.atl

    def after(self, day: Day) -> "DayForm":
        """The end of the next day (intervals.icu recurrence, the day's own load included)."""
        return DayForm(
            self.local_date + ONE_DAY,
            self.ctl + (day.ctl_load - self.ctl) * CTL_GAIN,
            self.atl + (day.atl_load - self.atl) * ATL_GAIN,
        )


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a local date starts: everything as of the end of yesterday, so no ride of today moves it.

    Loads on the TSS scale; ramp in CTL per 7 days. A number is None when its days are not there.
    `unknown_days` counts within the last 42.
    """

    local_date: date
    ctl: float | None = None
    atl: float | None = None
    tsb: float | None = None
    ramp_7d: float | None = None
    load_7d: float | None = None
    monotony: float | None = None
    strain: float | None = None
    max_load_30d: float | None = None
    history_days: int = 0
    unknown_days: int = 0
    ctl_status: CtlStatus = "no_history"
    reason: Literal["no_history"] | None = "no_history"


def form_series(
    days: Mapping[date, Day], *, through: date, seed: DayForm | None = None
) -> list[DayForm]:
    """Every calendar day to `through`, after the seed: a day not in `days` is a rest day.

    The seed, zero on the day before the first load unless given, is the first entry. Empty when
    there is neither a load nor a seed up to `through`.
    """
    start = seed if seed is not None and seed.local_date <= through else _zero_seed(days, through)
    return [] if start is None else _stepped(start, days, through)


def _zero_seed(days: Mapping[date, Day], through: date) -> DayForm | None:
    first = first_load(days, through)
    return None if first is None else DayForm(first - ONE_DAY, 0.0, 0.0)


def _stepped(start: DayForm, days: Mapping[date, Day], through: date) -> list[DayForm]:
    count = (through - start.local_date).days
    dates = (start.local_date + n * ONE_DAY for n in range(1, count + 1))
    steps = accumulate((days.get(on, REST) for on in dates), DayForm.after, initial=start)
    return list(steps)


def form_on(local_date: date, days: Mapping[date, Day], *, seed: DayForm | None = None) -> Form:
    """The form a local date starts with; all None with a reason when there is no history."""
    yesterday = local_date - ONE_DAY
    series = form_series(days, through=yesterday, seed=seed)
    if not series:
        return Form(local_date=local_date)
    first = first_load(days, yesterday)
    history_days = 0 if first is None else (local_date - first).days
    stepped = [point.local_date for point in series[1:]]
    unknown_days = sum(not days.get(on, REST).is_known for on in stepped[-CTL_DAYS:])
    week = last_days(days, local_date, 7)
    loads = [day.atl_load for day in week]
    is_whole_week = len(stepped) >= len(week) and all(day.is_known for day in week)
    now = series[-1]
    return Form(
        local_date=local_date,
        ctl=now.ctl,
        atl=now.atl,
        tsb=now.tsb,
        ramp_7d=now.ctl - series[-8].ctl if len(stepped) >= len(week) else None,
        load_7d=sum(loads),
        monotony=monotony(loads) if is_whole_week else None,
        strain=strain(loads) if is_whole_week else None,
        max_load_30d=max(day.atl_load for day in last_days(days, local_date, 30)),
        history_days=history_days,
        unknown_days=unknown_days,
        ctl_status=_status(history_days, unknown_days),
        reason=None,
    )


def _status(history_days: int, unknown_days: int) -> CtlStatus:
    if unknown_days > MAX_UNKNOWN_DAYS:
        return "gap_unexplained"
    if history_days < CTL_DAYS:
        return "warming_up"
    return "settling" if history_days < SETTLED_DAYS else "settled"


def project(
    morning: Form, planned: Mapping[date, Day], *, event_date: date
) -> list[DayForm] | None:
    """The days from yesterday to the eve of the event under planned loads; unplanned is rest.

    The last entry's tsb is what the event starts with. None when the morning has no numbers;
    ValueError for an event before it.
    """
    if event_date < morning.local_date:
        raise ValueError("the event has begun before this morning")
    if morning.ctl is None or morning.atl is None:
        return None
    start = DayForm(morning.local_date - ONE_DAY, morning.ctl, morning.atl)
    return _stepped(start, planned, event_date - ONE_DAY)
