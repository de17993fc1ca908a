"""What stands in a tester's calendar: what was prescribed, and the days of their events.

Nothing but the prescription: why it was given quotes what the sources told, and whoever has the
address of a calendar reads along. So no reason, no description, no cue, and no watts, which tell
the FTP.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from django.conf import settings

from accounts.models import User
from coach import workouts
from coach.brief import ACTION_WORDS, MODE_WORDS
from coach.calendars import ics
from coach.calendars.ics import Item
from coach.models import MissionRun
from coach.replies import Decision, WorkoutPlan
from coach.workout_files import WorkoutFile, file_name, plan_of
from missions.models import Mission, Stage

EXT = "ics"
LOOKED_BACK = timedelta(days=90)
# Names of ours, not of the host: it may move, and every item would come twice.
PLACE = "lanterne-rouge"


def items_of(user: User, local_date: date) -> list[Item]:
    """The workouts of the last days and today, and the events of live missions, by date."""
    runs = MissionRun.objects.owned_by(user).decided_since(local_date - LOOKED_BACK)
    missions = Mission.objects.owned_by(user).live().prefetch_related("stages")
    items = [workout(run) for run in runs]
    for mission in missions:
        items += [_event(mission), *(_stage(mission, stage) for stage in mission.stages.all())]
    return sorted(items, key=lambda item: (item.first, item.uid))


def workout(run: MissionRun) -> Item:
    """What is to be ridden on the day of a decided run."""
    decision = Decision.model_validate(run.decision)
    address = f"{settings.SITE_URL}{run.get_absolute_url()}"
    return Item(
        uid=f"run-{run.pk}@{PLACE}",
        first=run.local_date,
        last=run.local_date,
        title=_title(decision),
        lines=[*_lines(decision), f"For {run.mission}.", address],
        categories=["Workout", ACTION_WORDS[decision.action]],
        changed_at=run.finished_at or run.opened_at,
        url=address,
        sequence=run.asked - 1,
    )


def file_of(run: MissionRun) -> WorkoutFile:
    """The workout of one run, to be put into a calendar by hand; raises NoWorkout."""
    name = file_name(run, plan_of(run), EXT)
    return WorkoutFile(name, ics.MEDIA_TYPE, ics.single(workout(run)))


def _title(decision: Decision) -> str:
    """“Ease: 60 min endurance”."""
    action, plan = ACTION_WORDS[decision.action], decision.workout_plan
    if plan is None or not plan.duration_minutes:
        return f"{action}: no riding"
    mode = decision.recommended_ride_mode
    ridden = f"{MODE_WORDS[mode]}, " if mode else ""
    return f"{action}: {ridden}{plan.duration_minutes} min {plan.type}"


def _lines(decision: Decision) -> Iterator[str]:
    plan = decision.workout_plan
    if plan is None or not plan.duration_minutes:
        yield "A day off the bike."
        return
    yield f"{decision.intensity_recommendation.capitalize()} intensity."
    yield from _steps(plan) if plan.steps else _zones(plan)


def _steps(plan: WorkoutPlan) -> Iterator[str]:
    for block in workouts.blocks(plan, ftp_w=None):
        if block.times > 1:
            yield f"{block.times} times:"
        for line in block.lines:
            target = f" at {line.target}" if line.target else ""
            before = "- " if block.times > 1 else ""
            yield f"{before}{line.kind.capitalize()}, {line.duration}{target}"


def _zones(plan: WorkoutPlan) -> Sequence[str]:
    return [f"{zone} {name}: {minutes} min" for zone, name, minutes in workouts.zone_minutes(plan)]


def _event(mission: Mission) -> Item:
    """The event from its first day to its last."""
    address = f"{settings.SITE_URL}{mission.get_absolute_url()}"
    return Item(
        uid=f"mission-{mission.pk}@{PLACE}",
        first=mission.event_start,
        last=mission.event_end,
        title=mission.name,
        lines=[mission.get_mission_type_display().capitalize(), address],
        categories=["Event"],
        changed_at=mission.updated_at,
        url=address,
    )


def _stage(mission: Mission, stage: Stage) -> Item:
    address = f"{settings.SITE_URL}{mission.get_absolute_url()}"
    kind = stage.get_stage_type_display()
    return Item(
        # Its row is made anew when the event moves; its number in the event stays.
        uid=f"stage-{mission.pk}-{stage.number}@{PLACE}",
        first=stage.date,
        last=stage.date,
        title=f"{mission}: rest day"
        if stage.is_rest_day
        else f"{mission}, stage {stage.number}: {kind}",
        lines=[address],
        categories=["Rest day" if stage.is_rest_day else "Stage"],
        changed_at=mission.updated_at,
        url=address,
    )
