"""Planned against done: the prescribed workout beside the ride that followed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from coach.figures import shown
from coach.matched import by_day, is_before, ride_of
from coach.models import MissionRun
from coach.replies import Decision, WorkoutPlan
from coach.scored import ScoredRide, last_told_of, ride_key, score
from coach.situation import Fact
from coach.workouts import ZONE_WORDS
from connections.readings import Readings
from missions.models import Mission

# Late uploads arrive under old dates; a source is read that far back each time.
LOOKED_BACK = timedelta(days=7)
UNKNOWN = "unknown"
NONE_PLANNED = "no riding"
NO_RIDE = "no ride"
METHOD_WORDS = {
    "power": "by power",
    "hrss": "by heart rate",
    "session_rpe": "by your effort",
    "suffer_score": "by Strava’s relative effort",
}


class Done(Fact):
    """What was ridden on the day of a workout. Without a ride its minutes are 0, if it is known
    that there was none; what a ride did not tell is None."""

    minutes: int
    load: float | None
    load_method: str | None = None
    hard_minutes: float | None
    zones: dict[str, float] | None = None
    # Of what was planned; None where nothing was, or where either is unknown.
    minutes_pct: int | None = None
    load_pct: int | None = None
    ride_key: str = ""
    source: str = ""
    is_before_brief: bool = False
    # On other rides of the day.
    other_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, in words."""

    label: str
    planned: str
    done: str
    share: str = ""
    cue: str = ""


def look_back(mission: Mission, readings: Readings, *, local_date: date) -> None:
    """Match the workouts of the last days with what the coach may know was ridden, and keep it.

    A ride that is not here any more stays matched, unless its source is kept back by now.
    """
    runs = mission.runs.filter(
        outcome=MissionRun.Outcome.DECIDED,
        local_date__range=(local_date - LOOKED_BACK, local_date - timedelta(days=1)),
    ).defer("situation", "flagged", "superseded")
    scored = score(mission.owner, readings)
    days = by_day(mission, (one.ride for one in scored))
    told_until = last_told_of(mission, readings)
    for run in runs:
        ridden = _of_ride(run, scored, ride_of(run, days), days.get(run.local_date, ()))
        if ridden is None:
            is_told = told_until is not None and run.local_date < told_until
            ridden = _without_ride(run, readings, is_told=is_told)
        kept = ridden.model_dump(mode="json") if ridden else None
        if kept != run.done:
            MissionRun.objects.filter(pk=run.pk).update(done=kept)


def of(run: MissionRun) -> Done | None:
    """What was kept of a run; None where it was not looked for yet, or nobody could tell."""
    return Done.model_validate(run.done) if run.done is not None else None


def context_for(run: MissionRun, now: datetime) -> dict[str, Any]:
    """What the run page prints of it: the table, or why there is none."""
    if run.decision is None:
        return {}
    ridden = of(run)
    return {
        "done": ridden,
        "done_rows": list(rows(_plan(run), ridden)) if ridden else [],
        "is_day_over": run.local_date < run.mission.local_date(now),
    }


def rows(plan: WorkoutPlan | None, ridden: Done) -> Iterator[Row]:
    """Planned and done in words; the zones only where a ride told them."""
    is_planned = plan is not None and plan.duration_minutes > 0
    yield Row(
        "Time",
        f"{plan.duration_minutes} min" if plan and is_planned else NONE_PLANNED,
        f"{ridden.minutes} min" if ridden.minutes else NO_RIDE,
        _of_planned(ridden.minutes_pct),
    )
    yield Row(
        "Load",
        _planned_load(plan),
        _unit(ridden.load, "points"),
        _of_planned(ridden.load_pct),
        METHOD_WORDS.get(ridden.load_method or "", ""),
    )
    yield Row(
        "Hard (Z4 and above)",
        f"{_hard_minutes(plan)} min" if plan else "0 min",
        _unit(ridden.hard_minutes, "min"),
    )
    planned = plan.zones.model_dump() if plan else {}
    for zone, minutes in (ridden.zones or {}).items():
        if round(minutes) or planned.get(zone):
            label = f"{zone} {ZONE_WORDS[zone]}"
            yield Row(label, f"{planned.get(zone, 0)} min", _unit(minutes, "min"))


def _of_ride(
    run: MissionRun, scored: Sequence[ScoredRide], ride: object, of_day: Sequence[object]
) -> Done | None:
    one = next((one for one in scored if one.ride is ride), None)
    if one is None:
        return None
    plan = _plan(run)
    zones = one.zone_minutes
    return Done(
        minutes=one.minutes,
        load=_rounded(one.load.load),
        load_method=one.load.method,
        hard_minutes=_rounded(one.measured_hard_minutes),
        zones={zone: round(minutes, 1) for zone, minutes in zones.items()} if zones else None,
        minutes_pct=_share(one.minutes, plan.duration_minutes if plan else None),
        load_pct=_share(one.load.load, plan.estimated_load if plan else None),
        ride_key=ride_key(one.ride),
        source=one.ride.source,
        is_before_brief=is_before(one.ride, run),
        other_minutes=sum(
            other.minutes for other in scored if other.ride in of_day and other is not one
        ),
    )


def _without_ride(run: MissionRun, readings: Readings, *, is_told: bool) -> Done | None:
    before = of(run)
    if before is not None and before.ride_key and before.source not in readings.kept_back:
        return before
    if not is_told:
        return None
    plan = _plan(run)
    return Done(
        minutes=0,
        load=0.0,
        hard_minutes=0.0,
        minutes_pct=_share(0, plan.duration_minutes if plan else None),
        load_pct=_share(0, plan.estimated_load if plan else None),
    )


def _plan(run: MissionRun) -> WorkoutPlan | None:
    return Decision.model_validate(run.decision).workout_plan


def _hard_minutes(plan: WorkoutPlan) -> int:
    return sum(minutes for zone, minutes in plan.zones.model_dump().items() if zone >= "Z4")


def _planned_load(plan: WorkoutPlan | None) -> str:
    if plan is None or not plan.duration_minutes:
        return "0 points"
    return _unit(plan.estimated_load, "points")


def _share(ridden: float | None, planned: float | None) -> int | None:
    return round(100 * ridden / planned) if ridden is not None and planned else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _unit(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else f"{shown(round(value))} {unit}"


def _of_planned(percent: int | None) -> str:
    return f"{percent} % of it" if percent else ""
