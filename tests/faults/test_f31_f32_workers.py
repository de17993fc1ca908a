"""F31, F32 and the extras: a wrong clock, a deployment, a worker that was away, a poison run."""

from datetime import timedelta

import pytest
from django.utils import timezone

from coach import mornings
from coach.models import Incident, MissionRun, ModelCall
from tests.faults import needs
from tests.faults.machine import Machine, all_finished

pytestmark = [pytest.mark.processes, needs.services]

POISON = 5


@pytest.mark.fault("F31")
@pytest.mark.parametrize("off_s", [600, -600])
def test_worker_with_a_wrong_clock_does_no_harm(machine: Machine, off_s: float) -> None:
    missions = machine.testers(2, due_ago=timedelta(minutes=30), is_in_event=True)
    machine.mode("openai", "timeout", seconds=1)
    workers = [machine.worker(), machine.worker(clock_off_s=off_s)]
    machine.until(lambda: all(worker.is_ready for worker in workers))

    mornings.open_due(missions[0].timezone, timezone.now())
    for mission in missions:
        machine.deliver_run(mission, times=4)
    machine.until(lambda: all_finished(missions), sweeping=True)

    # What the fast one has put off comes late, and once.
    machine.later(minutes=11)
    machine.must_be_right(missions)


@pytest.mark.fault("F32")
def test_deployment_in_the_middle_of_twenty_runs_loses_none(machine: Machine) -> None:
    missions = machine.testers(20, rides=1, nights=1)
    machine.mode("openai", "timeout", seconds=0.3)
    old = machine.worker(threads=4)
    machine.sweep()
    machine.until(lambda: MissionRun.objects.filter(outcome="decided").count() >= 4)

    old.stop()
    machine.worker(threads=4)
    old.wait()

    machine.must_be_right(missions, questions=20)


@pytest.mark.fault("paused")
def test_worker_paused_past_its_lease_writes_nothing_when_it_wakes(machine: Machine) -> None:
    mission = machine.tester(is_in_event=True)
    machine.mode("openai", "timeout", times=1, seconds=1)
    paused = machine.worker()
    machine.sweep()
    machine.until(lambda: machine.questions() == 1)
    paused.pause()

    machine.later(minutes=4)
    machine.worker()
    machine.until(lambda: MissionRun.objects.get().is_finished, sweeping=True)
    decided = MissionRun.objects.values().get()
    paused.go_on()
    paused.stop()
    paused.wait()

    machine.must_be_right([mission], questions=2)
    told = {"decision": decided["decision"], "fence": 2, "finished_at": decided["finished_at"]}
    assert MissionRun.objects.values(*told).get() == told
    assert ModelCall.objects.count() == 1


@pytest.mark.fault("poison")
def test_run_that_kills_every_worker_ends_as_one_incident(machine: Machine) -> None:
    mission = machine.tester()
    for _ in range(POISON):
        killed = machine.worker(dies_at=f"before coach.llm.complete of {mission.owner_id}")
        machine.sweep()
        killed.wait()
        machine.later(minutes=11)

    machine.worker()
    machine.until(lambda: MissionRun.objects.get().is_finished, sweeping=True)
    machine.must_be_settled()
    assert machine.told([mission]) == [(mission.local_date().isoformat(), "failed")]
    assert list(Incident.objects.values_list("kind", flat=True)) == ["crash"]
    assert (machine.mails(), machine.mails("no_brief")) == ([], [mission.owner.email])
    assert machine.mails("alert") == ["ops@example.org"]
    assert machine.questions() == 0


@pytest.mark.fault("unpublished")
def test_run_whose_dispatcher_died_before_it_told_a_worker_is_made(machine: Machine) -> None:
    missions = machine.testers(2)
    killed = machine.worker(
        dies_at="before celery.app.base.Celery.send_task of coach.run_mission_day"
    )
    machine.sweep()
    killed.wait()
    assert MissionRun.objects.filter(outcome="due").count() == 2

    machine.later(minutes=1)
    machine.worker()
    machine.must_be_right(missions, questions=2)
