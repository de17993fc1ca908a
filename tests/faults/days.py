"""Days that pass in one process: the verbs of scheduler and workers, under a clock a test moves."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

import time_machine
from django.db.models import Min
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from coach import daily_run, files, mornings, record
from coach.models import MissionRun
from missions import schedule
from missions import tasks as mission_tasks
from missions.models import Mission
from notifications import outbox
from notifications.models import Notification

WAKE_UPS = timedelta(minutes=5)
# Where nothing is due the clock still stops so often: sweeps go on.
LONGEST_STEP = timedelta(hours=6)

Deed = Callable[[datetime], object]


class Days:
    """A clock that stops wherever something is due, and the service at work at each stop."""

    def __init__(self, begin: datetime) -> None:
        self.now, self._has_begun = begin, False
        self.is_down = False
        self._deeds: list[tuple[datetime, Deed]] = []

    def at(self, when: datetime, deed: Deed) -> None:
        """What somebody outside does at that instant, before the service works on."""
        self._deeds = sorted([*self._deeds, (when, deed)], key=lambda one: one[0])

    def pass_until(self, end: datetime) -> None:
        while (stop := self._next_stop()) <= end:
            self.now, self._has_begun = stop, True
            with time_machine.travel(stop, tick=False):
                self._stop()

    def _stop(self) -> None:
        while self._deeds and self._deeds[0][0] <= self.now:
            self._deeds.pop(0)[1](self.now)
        if not self.is_down:
            work(self.now)

    def _next_stop(self) -> datetime:
        if not self._has_begun:
            return self.now
        slot = Mission.objects.live().aggregate(at=Min("next_run_at"))["at"]
        coming: list[datetime | None] = [
            *(when for when, _ in self._deeds[:1]),
            slot and _wake_up(slot),
            MissionRun.objects.unfinished().aggregate(at=Min("start_at"))["at"],
            self.now + LONGEST_STEP,
        ]
        return min(max(one, self.now + timedelta(minutes=1)) for one in coming if one)


def work(now: datetime) -> None:
    """All that scheduler and workers do at one instant; each run is delivered twice."""
    for row in PeriodicTask.objects.filter(task=schedule.OPEN_MORNINGS, enabled=True):
        mornings.open_due(json.loads(row.kwargs)["timezone_name"], now)
    mission_tasks.sweep()
    mornings.sweep(now)
    for run in 2 * list(MissionRun.claimable(now)):
        daily_run.run_day(run)
    for run in MissionRun.objects.filter(file_due_at__lte=now):
        files.store(MissionRun, run.pk, now, partial(record.keep_artifacts, run.pk))
    outbox.sweep(now)
    for mail in Notification.objects.due(timezone.now()):
        outbox.send(mail.pk, now)


def _wake_up(slot: datetime) -> datetime:
    """The first wake-up that is not before a slot."""
    late = timedelta(seconds=slot.timestamp() % WAKE_UPS.total_seconds())
    return slot - late + WAKE_UPS if late else slot


def days_of(mission: Mission) -> list[tuple[date, str, datetime]]:
    """The runs of a mission as they were opened: local date, outcome, when it was due."""
    runs = mission.runs.order_by("opened_at", "local_date")
    return [(run.local_date, run.outcome, run.due_at) for run in runs]


def must_be_right(mission: Mission) -> None:
    """One finished run for each date, one mail for each brief, in order, and nothing stuck."""
    runs = list(mission.runs.order_by("opened_at", "local_date"))
    dates = [run.local_date for run in runs]
    assert dates == sorted(set(dates))
    assert [run.local_date for run in runs if not run.is_finished] == []
    briefed = [run.local_date for run in runs if run.outcome == MissionRun.Outcome.DECIDED]
    briefs = Notification.objects.filter(user=mission.owner, kind=Notification.Kind.BRIEF)
    sent = sorted(one.dedupe_key for one in briefs if one.state == Notification.State.SENT)
    assert sent == [f"brief:{mission.pk}:{day}" for day in briefed]
    assert briefs.count() == len(briefed)
    assert not MissionRun.objects.filter(mission=mission, file_due_at__isnull=False).exists()
