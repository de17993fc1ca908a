from contextlib import suppress
from datetime import date
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from coach import (
    daily_run,
    files,
    forgetting,
    model_list,
    mornings,
    queue,
    record,
    results,
    stopping,
)
from coach.builder import drafting, mission_builder
from coach.models import MissionDraft, MissionRun, Reflection
from coach.wrap_up import reflections
from missions.models import Mission
from missions.schedule import OPEN_MORNINGS


@shared_task(name=queue.RUN_MISSION_DAY)
def run_mission_day(user_id: int, mission_id: str, local_date: str | None = None) -> None:
    """Coach one mission on a local date, today's unless given; a finished run stays as it is."""
    mission = _living(mission_id, owner_id=user_id)
    if mission is None:
        return
    day = date.fromisoformat(local_date) if local_date else mission.local_date()
    try:
        # A message that comes once more, of a run that was dropped meanwhile, is no fault.
        with suppress(daily_run.NotLive):
            daily_run.run_day(daily_run.open_run(mission, day, MissionRun.Trigger.SCHEDULE))
    finally:
        # A worker that stops leaves it to the others, or it would be told of what it handed back.
        if not stopping.is_on():
            queue.feed(timezone.now())


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


@shared_task(name=files.TASKS[MissionRun])
def keep_artifacts(run_id: str) -> None:
    pk = UUID(run_id)
    files.store(MissionRun, pk, timezone.now(), lambda: record.keep_artifacts(pk))


@shared_task(name=reflections.WRITE_REFLECTION)
def write_reflection(reflection_id: int) -> None:
    reflections.write(reflection_id)


@shared_task(name=files.TASKS[Reflection])
def keep_reflection(reflection_id: int) -> None:
    def keep() -> None:
        reflections.keep_artifact(reflection_id)

    files.store(Reflection, reflection_id, timezone.now(), keep)


@shared_task(name=drafting.DRAFT_MISSION)
def draft_mission(draft_id: str) -> None:
    drafting.make(UUID(draft_id), timezone.now())


@shared_task(name=files.TASKS[MissionDraft])
def keep_draft_texts(draft_id: str) -> None:
    pk, now = UUID(draft_id), timezone.now()
    files.store(MissionDraft, pk, now, lambda: drafting.keep_texts(pk, now))


@shared_task(name=model_list.LOOK_AT_MODELS)
def look_at_models() -> None:
    model_list.look_when_due(timezone.now())


@shared_task(name="coach.purge")
def purge() -> None:
    forgetting.situations(timezone.now())
    forgetting.texts(timezone.now())
    mission_builder.purge(timezone.now())
    reflections.forget_facts(timezone.now())


def _living(mission_id: str, **more: int) -> Mission | None:
    """A mission of somebody who is still here: between a message and its worker both can go."""
    missions = Mission.objects.filter(owner__is_active=True).select_related("owner")
    return missions.filter(pk=UUID(mission_id), **more).first()
