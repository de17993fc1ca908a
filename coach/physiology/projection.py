"""The form an event will start with, under the loads planned until then; pure.

What nobody planned is taken from the tester's own last four weeks, scaled by the phase. That is an
assumption and is named as one wherever the numbers go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean
from typing import Literal

from coach.physiology.days import ONE_DAY, Day, first_load, last_days
from coach.physiology.form import DayForm, Form, project

Reason = Literal["no_form", "event_has_begun"]

USUAL_DAYS = 28
# Half in the taper: volume less by 41 to 60 %, intensity kept (Bosquet 2007, a meta-analysis). Nine
# tenths in the peak is a convention without a trial behind it.
SHARE_OF_USUAL: Mapping[str, float] = {"Base": 1.0, "Build": 1.0, "Peak": 0.9, "Taper": 0.5}


@dataclass(frozen=True)
class UsualWeek:
    """A mean day for each weekday, Monday first, and how many days that rests on."""

    days: Sequence[Day]
    known_days: int

    @property
    def load(self) -> float:
        """A whole week's load on the TSS scale, strength included."""
        return sum(day.atl_load for day in self.days)

    def on(self, local_date: date, share: float) -> Day:
        """The load of a date's weekday, scaled; strength stays out of CTL as in the past."""
        usual = self.days[local_date.weekday()]
        return Day(ctl_load=share * usual.ctl_load, atl_load=share * usual.atl_load)


@dataclass(frozen=True, kw_only=True)
class Projection:
    """CTL, ATL and TSB as the event's first morning starts, and the days on the way there.

    `days` go from yesterday to the eve of the event. Without numbers `reason` says why.
    """

    event_date: date
    days: tuple[DayForm, ...] = ()
    ctl: float | None = None
    atl: float | None = None
    tsb: float | None = None
    assumptions: tuple[str, ...] = ()
    reason: Reason | None = None


def usual_week(local_date: date, days: Mapping[date, Day]) -> UsualWeek | None:
    """The mean load of each weekday over the last 28 days, on the TSS scale.

    Days that are unknown and days before the history are left out, not taken for rest. None when
    that leaves a weekday without any.
    """
    begins = first_load(days, local_date - ONE_DAY)
    if begins is None:
        return None
    by_weekday: dict[int, list[Day]] = {weekday: [] for weekday in range(7)}
    for ago, day in enumerate(last_days(days, local_date, USUAL_DAYS), start=1):
        on = local_date - ago * ONE_DAY
        if on >= begins and day.is_known:
            by_weekday[on.weekday()].append(day)
    if not all(by_weekday.values()):
        return None
    return UsualWeek(
        days=[_mean_day(known) for _, known in sorted(by_weekday.items())],
        known_days=sum(map(len, by_weekday.values())),
    )


def projected(
    morning: Form,
    planned_loads: Mapping[date, float],
    *,
    event_date: date,
    usual: UsualWeek | None,
    phase_on: Callable[[date], str | None],
) -> Projection:
    """From this morning's form to that of the event's first morning.

    `planned_loads` are on the TSS scale, today's among them. A date without one is like its weekday
    in the `usual` week, times the share of its phase; without a usual week it is rest. KeyError for
    a phase that has no share.
    """
    ahead = (event_date - morning.local_date).days
    if ahead < 0:
        return Projection(event_date=event_date, reason="event_has_begun")
    dates = [morning.local_date + n * ONE_DAY for n in range(ahead)]
    planned = {on: Day(ctl_load=load, atl_load=load) for on, load in planned_loads.items()}
    unplanned = [on for on in dates if on not in planned]
    if usual is not None:
        planned |= {on: usual.on(on, SHARE_OF_USUAL[phase_on(on) or ""]) for on in unplanned}
    days = project(morning, planned, event_date=event_date)
    if days is None:
        return Projection(event_date=event_date, reason="no_form")
    eve = days[-1]
    return Projection(
        event_date=event_date,
        days=tuple(days),
        ctl=eve.ctl,
        atl=eve.atl,
        tsb=eve.tsb,
        assumptions=tuple(_assumed(usual)) if unplanned else (),
    )


def _assumed(usual: UsualWeek | None) -> Iterator[str]:
    if usual is None:
        yield "Days without a planned load are rest."
        return
    yield (
        f"Days without a planned load are like those of the last {USUAL_DAYS} days, of which "
        f"{usual.known_days} are known: {usual.load:.0f} TSS a week."
    )
    peak, taper = SHARE_OF_USUAL["Peak"], SHARE_OF_USUAL["Taper"]
    yield (
        f"In the peak phase they have {peak:.0%} of that load (a convention), in the taper "
        f"{taper:.0%} (Bosquet 2007)."
    )


def _mean_day(days: Sequence[Day]) -> Day:
    return Day(
        ctl_load=fmean(day.ctl_load for day in days), atl_load=fmean(day.atl_load for day in days)
    )
