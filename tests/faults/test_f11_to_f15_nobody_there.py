"""F11 to F15: workers, schedulers and the broker away for a while, or there twice."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from coach import mornings
from coach.models import Incident, MissionRun
from missions import schedule
from missions.models import Mission
from tests.faults.machine import Machine
from tests.redis_server import Redis

pytestmark = pytest.mark.processes


@pytest.mark.fault("F11")
def test_workers_away_across_the_send_time_make_the_runs_late_and_spread(machine: Machine) -> None:
    missions = machine.testers(6, due_ago=timedelta(hours=3))
    machine.scheduler()
    machine.until(lambda: machine.waiting() > 0)

    machine.worker(RUNS_IN_FLIGHT=2)
    most = 0

    def all_done() -> bool:
        nonlocal most
        most = max(most, MissionRun.objects.in_flight(timezone.now()).count())
        return MissionRun.objects.filter(outcome="decided").count() == len(missions)

    machine.until(all_done)
    machine.must_be_right(missions, questions=len(missions), sweeping=False)
    assert 0 < most <= 2


@pytest.mark.fault("F12")
def test_scheduler_away_for_a_day_makes_todays_runs_only(machine: Machine) -> None:
    missions = machine.testers(2)
    for mission in missions:
        slot = timezone.now() - timedelta(hours=2)
        machine.due(mission, slot)
        Mission.objects.filter(pk=mission.pk).update(next_run_at=slot - timedelta(days=1))
    machine.worker()
    machine.scheduler()

    machine.until(lambda: MissionRun.objects.filter(outcome="decided").count() == 2)
    machine.must_be_settled()
    yesterday = missions[0].local_date() - timedelta(days=1)
    runs = MissionRun.objects.order_by("local_date", "pk").values_list("local_date", "outcome")
    today = missions[0].local_date()
    assert list(runs) == [(yesterday, "missed")] * 2 + [(today, "decided")] * 2
    assert machine.mails() == sorted(mission.owner.email for mission in missions)
    kinds = Incident.objects.values_list("kind", "run__local_date")
    assert list(kinds) == [("missed", yesterday)] * 2
    machine.must_be_settled()
    assert machine.mails("alert") == ["ops@example.org"]


@pytest.mark.fault("F13")
def test_two_schedulers_do_no_harm(machine: Machine) -> None:
    missions = machine.testers(5, due_ago=timedelta(minutes=1))
    wake_each_second(missions[0])
    schedulers = [machine.scheduler(), machine.scheduler()]
    machine.until(lambda: all(one.is_ready for one in schedulers))
    machine.worker()

    machine.must_be_right(missions, questions=len(missions), sweeping=False)
    assert [one.is_alive for one in schedulers] == [True, True]


@pytest.mark.fault("F14")
def test_scheduler_killed_right_after_firing_fires_again_without_harm(machine: Machine) -> None:
    missions = machine.testers(3, due_ago=timedelta(minutes=1))
    wake_each_second(missions[0])
    killed = machine.scheduler(
        dies_at=f"after celery.beat.Scheduler.apply_async of {schedule.OPEN_MORNINGS}"
    )
    killed.wait()
    machine.scheduler()
    machine.worker()

    machine.must_be_right(missions, questions=len(missions), sweeping=False)


def wake_each_second(mission: Mission) -> None:
    """The wake-up row of its zone, in which five minutes are a second."""
    schedule.keep_wake_up(mission.timezone)
    second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    row = PeriodicTask.objects.get(task=schedule.OPEN_MORNINGS)
    row.crontab, row.interval = None, second
    row.save()


@pytest.mark.fault("F15")
def test_redis_emptied_and_restarted_under_a_hundred_queued_runs(
    machine: Machine, own_redis: Redis
) -> None:
    missions = machine.testers(100, rides=1, nights=1)
    mornings.open_due(missions[0].timezone, timezone.now())
    assert machine.waiting() == 100
    machine.scheduler()
    machine.worker(threads=4)
    machine.until(lambda: MissionRun.objects.filter(outcome="decided").count() >= 10)

    own_redis.restart(empty=True)
    # What workers were told of and have not begun is told again.
    machine.later(minutes=1)
    machine.must_be_right(missions, questions=100, sweeping=False)


@pytest.mark.fault("redis-frozen")
def test_redis_frozen_for_a_while_loses_and_doubles_nothing(
    machine: Machine, own_redis: Redis
) -> None:
    missions = machine.testers(10, rides=1, nights=1)
    machine.scheduler()
    machine.worker()
    machine.until(lambda: MissionRun.objects.filter(outcome="decided").count() >= 2)

    own_redis.freeze()
    machine.rest(10)
    own_redis.thaw()
    machine.later(minutes=1)
    machine.must_be_right(missions, questions=10, sweeping=False)
