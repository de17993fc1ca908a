from datetime import date
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from coach import daily_run, model_list, mornings, record, results
from coach.builder import drafting, mission_builder
from coach.models import MissionRun
from coach.wrap_up import reflections
from missions.models import Mission
from missions.schedule import OPEN_MORNINGS


@shared_task(name=mornings.RUN_MISSION_DAY)
def run_mission_day(user_id: int, mission_id: str, local_date: str | None = None) -> None:
    """Coach one mission on a local date, today's unless given; a finished run stays as it is."""
    mission = _living(mission_id, owner_id=user_id)
    if mission is None:
        return
    day = date.fromisoformat(local_date) if local_date else mission.local_date()
    daily_run.run_day(daily_run.open_run(mission, day, MissionRun.Trigger.SCHEDULE))


@shared_task(name=OPEN_MORNINGS)
def open_mornings(timezone_name: str) -> None:
    mornings.open_due(timezone_name, timezone.now())


@shared_task(name="coach.sweep")
def sweep() -> None:
    mornings.sweep(timezone.now())


@shared_task(name=results.SETTLE_EVENT)
def settle_event(mission_id: str) -> None:
    mission = _living(mission_id)
    if mission is not None:
        results.settle(mission, timezone.now())


@shared_task(name=record.KEEP_ARTIFACTS)
def keep_artifacts(run_id: str) -> None:
    record.keep_artifacts(UUID(run_id))


@shared_task(name=reflections.WRITE_REFLECTION)
def write_reflection(reflection_id: int) -> None:
    reflections.write(reflection_id)


@shared_task(name=reflections.KEEP_REFLECTION)
def keep_reflection(reflection_id: int) -> None:
    reflections.keep_artifact(reflection_id)


@shared_task(name=drafting.DRAFT_MISSION)
def draft_mission(draft_id: str) -> None:
    drafting.make(UUID(draft_id), timezone.now())


@shared_task(name=drafting.KEEP_DRAFT_TEXTS)
def keep_draft_texts(draft_id: str) -> None:
    drafting.keep_texts(UUID(draft_id), timezone.now())


@shared_task(name=model_list.LOOK_AT_MODELS)
def look_at_models() -> None:
    model_list.look_when_due(timezone.now())


@shared_task(name="coach.purge")
def purge() -> None:
    record.forget_situations(timezone.now())
    mission_builder.purge(timezone.now())
    reflections.forget_facts(timezone.now())


def _living(mission_id: str, **more: int) -> Mission | None:
    """A mission of somebody who is still here: between a message and its worker both can go."""
    missions = Mission.objects.filter(owner__is_active=True).select_related("owner")
    return missions.filter(pk=UUID(mission_id), **more).first()
