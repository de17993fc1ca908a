"""The stage plan and its settling: each ridden stage earns its points once."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models

from missions.models import EventProgress, Mission, RideMode, Stage, StageType
from missions.points import points_for

USUAL_STAGE = {
    Mission.Type.TT_SERIES: StageType.ITT,
    Mission.Type.GRAVEL_ULTRA: StageType.HILLY,
    Mission.Type.GRAN_FONDO: StageType.HILLY,
}


@dataclass(frozen=True, slots=True)
class StageRidden:
    """The ride that counts for a stage: the mode it was ridden in, and which ride it was."""

    ride_mode: RideMode
    ride_key: str
    completed_at: datetime


def plan_stages(mission: Mission) -> None:
    """One stage per event day; days that are planned already keep their plan."""
    length = (mission.event_end - mission.event_start).days + 1
    days = [mission.event_start + timedelta(days=number) for number in range(length)]
    planned = {stage.date: stage for stage in mission.stages.all()}
    if list(planned) == days:
        return
    kind = USUAL_STAGE.get(Mission.Type(mission.mission_type), StageType.FLAT)
    usual = Stage(stage_type=kind)
    mission.stages.filter(progress__isnull=True).delete()
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
        ],
        ignore_conflicts=True,
    )


def unsettled_stages(mission: Mission, before: date) -> models.QuerySet[Stage]:
    """Stages whose day is over and whose outcome is not written yet."""
    return mission.stages.filter(date__lt=before, progress__isnull=True, is_rest_day=False)


def settle(mission: Mission, stage: Stage, ridden: StageRidden | None) -> EventProgress:
    """Write a stage's outcome once; a stage without a ride is a missed one, worth nothing."""
    mode = ridden.ride_mode if ridden else RideMode.REST
    progress, _ = EventProgress.objects.get_or_create(
        stage=stage,
        defaults={
            "mission": mission,
            "ride_mode": mode,
            "points": points_for(mission.points_schema, stage.stage_type, mode) or 0,
            "ride_key": ridden.ride_key if ridden else "",
            "completed_at": ridden.completed_at if ridden else None,
        },
    )
    return progress


def standing(mission: Mission) -> dict[str, Any]:
    """Where the game stands: points, and each settled stage with its mode."""
    settled = list(mission.progress.select_related("stage"))
    return {
        "points_total": sum(row.points for row in settled),
        "stages_total": mission.stages.count(),
        "stages": [
            {
                "number": row.stage.number,
                "stage_type": row.stage.stage_type,
                "ride_mode": row.ride_mode,
                "points": row.points,
                "is_completed": row.completed_at is not None,
            }
            for row in settled
        ],
    }
