"""Opening runs and handing them to workers: by the schedule, by a tester, by the sweep."""

from datetime import date, datetime

from celery import current_app
from django.db import transaction

from coach import budget, daily_run, results
from coach.builder import drafting
from coach.models import MissionRun
from coach.record import KEEP_ARTIFACTS
from coach.results import SETTLE_EVENT
from coach.wrap_up import reflections
from missions import lifecycle, schedule
from missions.models import Mission

RUN_MISSION_DAY = "coach.run_mission_day"
MOST_AT_ONCE = 500


def open_due(timezone_name: str, now: datetime) -> None:
    """Open and publish the run of every mission of a zone whose morning has come."""
    is_more = True
    while is_more:
        with transaction.atomic():
            claimed = schedule.claim_due(timezone_name, now)
            for mission, local_date in claimed:
                if _is_wanted(mission, local_date):
                    publish(daily_run.open_run(mission, local_date, MissionRun.Trigger.SCHEDULE))
        is_more = bool(claimed)


def _is_wanted(mission: Mission, local_date: date) -> bool:
    """Not between the event's last midnight and the sweep that ends it, nor without consent."""
    owner = mission.owner
    return local_date <= mission.event_end and owner.has_consented and owner.is_active


def ask_for_today(mission: Mission, now: datetime) -> MissionRun:
    """The tester's own wish for today's brief; a run that exists already is simply shown.

    Raises NotLive, or budget.UsedUp when there is none and what is left is for the mornings.
    """
    local_date = mission.local_date(now)
    lifecycle.keep_time(mission, local_date=local_date, now=now)
    with transaction.atomic():
        if mission.is_live and not mission.runs.filter(local_date=local_date).exists():
            budget.require_by_hand(mission.owner, now)
        run = daily_run.open_run(mission, local_date, MissionRun.Trigger.TESTER)
        schedule.pass_over(mission, local_date)
        if not run.is_finished:
            publish(run)
    return run


def publish(run: MissionRun) -> None:
    """Tell a worker about a run once the row is committed; a lost message is found by the sweep."""
    arguments = [run.mission.owner_id, str(run.mission_id), run.local_date.isoformat()]
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(
        lambda: current_app.send_task(RUN_MISSION_DAY, args=arguments), robust=True
    )


def sweep(now: datetime) -> None:
    """Hurry along what no worker holds: runs, drafts, their texts, the outcome of last stages."""
    for run in MissionRun.claimable(now).select_related("mission")[:MOST_AT_ONCE]:
        publish(run)
    awaiting = MissionRun.objects.awaiting_artifacts().values_list("pk", flat=True)
    for pk in awaiting[:MOST_AT_ONCE]:
        current_app.send_task(KEEP_ARTIFACTS, args=[str(pk)])
    drafting.sweep(now, most=MOST_AT_ONCE)
    for mission in results.unsettled(now)[:MOST_AT_ONCE]:
        current_app.send_task(SETTLE_EVENT, args=[str(mission.pk)])
    reflections.sweep(now, MOST_AT_ONCE)
