"""The stage plan and its settling: each ridden stage earns its points, each bonus comes once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction

from missions.bonuses import GameStage, standings
from missions.models import (
    Appeal,
    BonusAward,
    EventProgress,
    Mission,
    RideMode,
    Stage,
    StageType,
)
from missions.points import points_for

USUAL_STAGE = {
    Mission.Type.TT_SERIES: StageType.ITT,
    Mission.Type.GRAVEL_ULTRA: StageType.HILLY,
    Mission.Type.GRAN_FONDO: StageType.HILLY,
}

# For so long after an event a late ride, a deleted one or an appeal still changes its results.
OPEN_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class StageRidden:
    """The ride that counts for a stage: the mode it was ridden in, and which ride it was."""

    ride_mode: RideMode
    ride_key: str
    completed_at: datetime


def plan_stages(mission: Mission) -> None:
    """One stage per event day; days that are planned already keep their plan.

    Settled stages stay as they are; the caller holds the mission's row.
    """
    length = (mission.event_end - mission.event_start).days + 1
    days = [mission.event_start + timedelta(days=number) for number in range(length)]
    planned = {stage.date: stage for stage in mission.stages.all()}
    if list(planned) == days:
        return
    usual = Stage(stage_type=_usual_kind(mission))
    mission.stages.filter(progress__isnull=True).delete()
    settled = set(mission.stages.values_list("date", flat=True))
    Stage.objects.bulk_create(
        [
            Stage(
                mission=mission,
                number=number,
                date=day,
                stage_type=planned.get(day, usual).stage_type,
                is_rest_day=planned.get(day, usual).is_rest_day,
            )
            for number, day in enumerate(days, start=1)
            if day not in settled
        ]
    )


def _usual_kind(mission: Mission) -> StageType:
    """What such an event mostly has, of the kinds that have a price."""
    kind = USUAL_STAGE.get(Mission.Type(mission.mission_type), StageType.FLAT)
    priced = [one for one in (kind, *StageType) if one in mission.points_schema]
    return priced[0] if priced else kind


def past_stages(mission: Mission, before: date) -> models.QuerySet[Stage]:
    """Stages whose day is over, each with its outcome where one is written."""
    past = mission.stages.filter(date__lt=before, is_rest_day=False)
    return past.select_related("progress")


@contextmanager
def held(mission: Mission, now: datetime) -> Iterator[Mission]:
    """The mission as it is stored, alone to us; its bonuses follow what is written within."""
    with transaction.atomic():
        stored = Mission.objects.select_for_update().get(pk=mission.pk)
        yield stored
        award(stored, now)


def settle(
    mission: Mission, stage: Stage, ridden: StageRidden | None, *, now: datetime
) -> EventProgress:
    """Write a stage's outcome; a stage without a ride is a missed one, worth nothing."""
    with held(mission, now) as stored:
        return write(stored, stored.stages.select_related("progress").get(pk=stage.pk), ridden, now)


def write(
    mission: Mission, stage: Stage, ridden: StageRidden | None, now: datetime
) -> EventProgress:
    """Within `held`: the outcome of a stage read there. What is as it was is not written again."""
    row = outcome_of(stage) or EventProgress(mission=mission, stage=stage)
    outcome = _outcome(mission, stage, ridden, _mode_of(row, ridden))
    if row._state.adding or any(getattr(row, name) != value for name, value in outcome.items()):
        for name, value in outcome.items():
            setattr(row, name, value)
        row.settled_at = now
        row.save()
    return row


def as_outcome(
    mission: Mission, stage: Stage, ridden: StageRidden | None, appeal: Appeal | None = None
) -> EventProgress:
    """A row as it would be written, for whoever must go by other rides than those that count."""
    outcome = _outcome(mission, stage, ridden, _judged(ridden, appeal))
    return EventProgress(mission=mission, stage=stage, **outcome)


def _outcome(
    mission: Mission, stage: Stage, ridden: StageRidden | None, mode: RideMode
) -> dict[str, Any]:
    return {
        "ride_mode": mode,
        "classified_as": ridden.ride_mode if ridden else RideMode.REST,
        "points": points_for(mission.points_schema, stage.stage_type, mode) or 0,
        "ride_key": ridden.ride_key if ridden else "",
        "completed_at": ridden.completed_at if ridden else None,
    }


def last_appeals(mission: Mission) -> dict[tuple[int, str], Appeal]:
    """The last appeal about each ride on a stage, by stage and key of the ride."""
    of_mission = Appeal.objects.filter(progress__mission=mission)
    appeals = of_mission.select_related("progress").order_by("at", "pk")
    return {(one.progress.stage_id, one.ride_key): one for one in appeals}


def outcome_of(stage: Stage) -> EventProgress | None:
    return getattr(stage, "progress", None)


def _mode_of(row: EventProgress, ridden: StageRidden | None) -> RideMode:
    """The mode of the row while its ride and that one's numbers stay as they are."""
    if ridden is None or row._state.adding:
        return _judged(ridden, None)
    if (row.ride_key, row.classified_as) == (ridden.ride_key, ridden.ride_mode):
        return RideMode(row.ride_mode)
    return _judged(ridden, row.appeals.filter(ride_key=ridden.ride_key).last())


def _judged(ridden: StageRidden | None, appeal: Appeal | None) -> RideMode:
    """What the ride's numbers say, unless its tester has appealed against it for this ride."""
    if ridden is None:
        return RideMode.REST
    return RideMode(appeal.to_mode) if appeal and not appeal.is_taken_back else ridden.ride_mode


def award(mission: Mission, now: datetime) -> None:
    """While the mission's row is held: make the awards those that the stages have earned.

    None is missing then and none too many, also after the plan of the open stages has changed.
    """
    if mission.imported_from:
        return
    stages = list(mission.stages.select_related("progress"))
    rows = {stage.number: outcome_of(stage) for stage in stages}
    earned = {
        bonus.name: (bonus.points, rows[bonus.stage_number])
        for bonus in standings(mission.points_schema, as_played(stages))
        if bonus.stage_number is not None
    }
    awards = {award.name: award for award in mission.awards.all()}
    for name in awards.keys() - earned.keys():
        awards[name].delete()
    for name, (points, row) in earned.items():
        award = awards.get(name) or BonusAward(mission=mission, name=name, awarded_at=now)
        if award._state.adding or (award.points, award.progress_id) != (points, row and row.pk):
            award.points, award.progress = points, row
            award.save()


def as_played(stages: Iterable[Stage]) -> list[GameStage]:
    """The stages of a plan, each read with its progress, as the game sees them."""
    return [as_game_stage(stage, outcome_of(stage)) for stage in stages]


def as_game_stage(stage: Stage, row: EventProgress | None) -> GameStage:
    return GameStage(
        number=stage.number,
        date=stage.date,
        stage_type=stage.stage_type,
        ride_mode=row.ride_mode if row else None,
        is_rest_day=stage.is_rest_day,
    )
