"""The file of one run."""

from dataclasses import dataclass

from django.utils.text import slugify

from coach import stored_situations
from coach.models import MissionRun
from coach.replies import Decision, WorkoutPlan
from coach.situation import AthleteFacts
from coach.workout_files.formats import FORMATS, refusal
from coach.workout_files.prescribed import NotInThisFormat, NoWorkout, Prescribed, Stamp

NO_BRIEF = "There is no brief for this day, so there is no workout to take along."
FORGOTTEN = (
    "The numbers that this workout was made for are no longer kept, so there is no file of it "
    "any more."
)
NO_RIDING = "There is no riding in the brief for this day, so there is no workout to take along."
# 0 is "not known" in that field of FIT.
MOST_SERIAL_NUMBERS = 0xFFFFFFFF
MOST_NAME = 60


@dataclass(frozen=True, slots=True)
class WorkoutFile:
    name: str
    media_type: str
    content: bytes


def file_of(run: MissionRun, ext: str) -> WorkoutFile:
    """The same bytes each time it is asked for."""
    plan, athlete = plan_of(run), _athlete(run)
    workout = Prescribed(plan, athlete.ftp, athlete.lthr)
    why_not = refusal(workout, ext)
    if why_not is not None:
        raise NotInThisFormat(why_not)
    stamp = Stamp(
        file_name=file_name(run, plan, ext),
        serial_number=run.pk.int % MOST_SERIAL_NUMBERS + 1,
        made_at=run.finished_at,
    )
    chosen = FORMATS[ext]
    return WorkoutFile(stamp.file_name, chosen.media_type, chosen.write(workout, stamp))


def plan_of(run: MissionRun) -> WorkoutPlan:
    """What is to be ridden; raises NoWorkout where nothing is."""
    if run.decision is None:
        raise NoWorkout(NO_BRIEF)
    plan = Decision.model_validate(run.decision).workout_plan
    if plan is None or plan.duration_minutes == 0:
        raise NoWorkout(NO_RIDING)
    return plan


def _athlete(run: MissionRun) -> AthleteFacts:
    """Of the morning the workout is of: a threshold found since then is none of it."""
    if run.situation is None:
        raise NoWorkout(FORGOTTEN)
    return stored_situations.read(run.situation).athlete


def file_name(run: MissionRun, plan: WorkoutPlan, ext: str) -> str:
    """Such as 2026-07-04-tempo.zwo, in ASCII whatever the workout is called."""
    called = slugify(plan.type)[:MOST_NAME].strip("-_") or "workout"
    return f"{run.local_date}-{called}.{ext}"
