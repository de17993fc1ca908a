"""Opening runs: by the schedule, by a tester, and by the sweep, which finds what was left."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Max

from coach import again, budget, daily_run, files, lateness, night, opening, queue, record, results
from coach.builder import drafting
from coach.models import MissionRun, MissionRunQuerySet
from coach.results import SETTLE_EVENT
from coach.wrap_up import reflections
from missions import lifecycle, schedule
from missions.models import Mission
from missions.schedule import Morning, Plan

MOST_AT_ONCE = 500
# A morning that two wake-ups have not opened is opened by the sweep.
LEFT_BEHIND = timedelta(minutes=10)

Outcome = MissionRun.Outcome


def open_due(timezone_name: str, now: datetime) -> int:
    """Open the run of every mission of a zone whose morning has come; how many missions."""
    return _open(timezone_name, now, due_by=now)


def catch_up(now: datetime) -> int:
    """The same for the missions of all zones whose wake-up did not come; how many missions."""
    due_by = now - LEFT_BEHIND
    return sum(_open(zone, now, due_by=due_by) for zone in schedule.zones_due(due_by))


def _open(timezone_name: str, now: datetime, *, due_by: datetime) -> int:
    opened = 0
    while batch := open_batch(timezone_name, now, due_by=due_by):
        opened += batch
        # At once: the first need not wait for the last of a hundred thousand.
        queue.feed(now)
    return opened


@transaction.atomic
def open_batch(timezone_name: str, now: datetime, *, due_by: datetime) -> int:
    """Claim, open and plan anew in one transaction: one that breaks off leaves all as it was."""
    claimed = schedule.claim_due(timezone_name, now, due_by=due_by)
    _open_runs([morning for morning in claimed if morning.is_wanted], now)
    return len(claimed)


def _open_runs(mornings: list[Morning], now: datetime) -> None:
    """A row for each morning, and for each that went by before it; one that is there stays."""
    missed: list[MissionRun] = []
    # Those that are alike but for their mission are many.
    alike: dict[tuple[Plan, int], list[UUID]] = {}
    gives_up: dict[Plan, datetime] = {}
    for morning in mornings:
        plan = morning.plan
        if plan not in gives_up:
            gives_up[plan] = lateness.give_up_at(plan.clock, plan.local_date)
        is_late = gives_up[plan] <= now
        if not is_late and plan.local_date <= morning.event_end:
            alike.setdefault((plan, morning.wait_minutes), []).append(morning.mission_id)
        dates = (*plan.missed, plan.local_date) if is_late else plan.missed
        if dates:
            missed += lateness.missed_runs(
                morning.mission_id, plan.clock, dates, morning.event_end, now
            )
    opening.insert(
        [(_run(plan, wait, gives_up[plan], now), keys) for (plan, wait), keys in alike.items()]
    )
    record.went_by(missed, now)


def _run(plan: Plan, wait_minutes: int, give_up_at: datetime, now: datetime) -> MissionRun:
    return MissionRun(
        local_date=plan.local_date,
        trigger=MissionRun.Trigger.SCHEDULE,
        opened_at=now,
        due_at=plan.slot,
        start_at=plan.slot,
        publish_at=plan.slot,
        wait_until=lateness.wait_until(plan.slot, wait_minutes, give_up_at),
        give_up_at=give_up_at,
    )


def ask_for_today(mission: Mission, now: datetime) -> MissionRun:
    """The tester's own wish for today's brief; a run that exists already is simply shown.

    One that waits for the night waits no longer, one that was missed is made after all. Raises
    NotLive, or budget.UsedUp when there is none and what is left is for the mornings.
    """
    local_date = mission.local_date(now)
    lifecycle.keep_time(mission, local_date=local_date, now=now)
    with transaction.atomic():
        # The mission before its run: in this order the schedule takes them too.
        Mission.objects.select_for_update(no_key=True).filter(pk=mission.pk).first()
        is_there = mission.runs.filter(local_date=local_date).exclude(outcome=Outcome.MISSED)
        if mission.is_live and not is_there.exists():
            budget.require_by_hand(mission.owner, now)
        run = daily_run.open_run(mission, local_date, MissionRun.Trigger.TESTER)
        # Its morning has come with the wish; those before it that nobody opened are missed.
        _record_missed(mission, schedule.pass_over(mission, local_date), now)
        if run.outcome == Outcome.MISSED:
            again.make_up_for(run, now)
        elif not run.is_finished:
            _begin_now(run, now)
    return run


def _begin_now(run: MissionRun, now: datetime) -> None:
    """Unless the sweep has given it up this moment: then it is made after all."""
    wished = {"wait_until": None, "start_at": now, "give_up_at": now + lateness.LATEST}
    if MissionRun.objects.unfinished().filter(pk=run.pk).update(**wished):
        queue.hand_over(run, now)
    else:
        again.make_up_for(run, now)


def _record_missed(mission: Mission, dates: Iterable[date], now: datetime) -> None:
    rows = lateness.missed_runs(mission.pk, mission, dates, mission.event_end, now)
    record.went_by(rows, now)


def miss_what_is_too_late(now: datetime) -> int:
    """Record as missed what nobody began in time; how many runs."""
    missed = 0
    while batch := record.missed(_too_late(now), now, most=MOST_AT_ONCE):
        missed += batch
    return missed


def _too_late(now: datetime) -> MissionRunQuerySet:
    return MissionRun.objects.too_late(now).order_by("give_up_at")


def sweep(now: datetime) -> None:
    """Hurry along what no worker holds: runs, drafts, their files, the outcome of last stages.

    Where one of it breaks off the rest is done all the same, and then the error is raised.
    """
    steps: tuple[Callable[[datetime], object], ...] = (
        *(catch_up, miss_what_is_too_late, night.wake, queue.feed),
        partial(files.sweep, most=MOST_AT_ONCE),
        partial(drafting.sweep, most=MOST_AT_ONCE),
        _settle_what_is_over,
        partial(reflections.sweep, most=MOST_AT_ONCE),
    )
    with ExitStack() as rest:
        for step in reversed(steps):
            rest.callback(step, now)


def _settle_what_is_over(now: datetime) -> None:
    for mission in results.unsettled(now, most=MOST_AT_ONCE):
        if mission.results_read_at is None:
            _miss_the_last_dates(mission, now)
        current_app.send_task(SETTLE_EVENT, args=[str(mission.pk)])


@transaction.atomic
def _miss_the_last_dates(mission: Mission, now: datetime) -> None:
    """The calendar ends a mission in an outage, too, and then none of its dates is due."""
    begun_at = mission.moves.filter(to_state=Mission.State.TRAINING).aggregate(Max("at"))["at__max"]
    consented_at = mission.owner.health_consent_at
    if begun_at is None or consented_at is None:
        return
    first = schedule.local_date_of(
        mission, schedule.next_slot(mission, max(begun_at, consented_at))
    )
    newest = mission.runs.aggregate(Max("local_date"))["local_date__max"]
    if newest is not None:
        first = max(first, newest + timedelta(days=1))
    end = mission.event_end + timedelta(days=1)
    _record_missed(mission, schedule.dates_between(first, end), now)
