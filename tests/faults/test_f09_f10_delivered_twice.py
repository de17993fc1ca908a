"""F9 and F10: messages that come more than once."""

from typing import Any

import pytest
from django.db.models import Model

from accounts.models import Artifact
from coach import files, queue
from coach.models import MissionRun, ModelCall, TokenUse
from missions.models import EventProgress, Mission
from missions.schedule import OPEN_MORNINGS
from notifications import outbox
from notifications.models import Notification
from tests.faults.machine import Machine

pytestmark = pytest.mark.processes


@pytest.mark.fault("F9")
def test_run_delivered_to_two_workers_at_once_is_made_once(machine: Machine) -> None:
    missions = machine.testers(2, due_ago=None, is_in_event=True)
    machine.mode("openai", "timeout", seconds=1)
    workers = [machine.worker(), machine.worker()]
    machine.until(lambda: all(worker.is_ready for worker in workers))

    for mission in missions:
        machine.deliver_run(mission, times=6)

    machine.must_be_right(missions, questions=2, sweeping=False)
    machine.come_to_rest()
    assert machine.questions() == 2


@pytest.mark.fault("F10")
def test_fifty_deliveries_after_success_change_nothing(machine: Machine) -> None:
    mission = machine.tester(is_in_event=True)
    machine.worker(threads=4)
    machine.sweep()
    machine.must_be_right([mission], questions=1)
    before = every_row()

    run = MissionRun.objects.get()
    machine.deliver_run(mission, times=50)
    machine.deliver(OPEN_MORNINGS, timezone_name=mission.timezone, times=5)
    machine.deliver(files.TASKS[MissionRun], str(run.pk), times=5)
    machine.deliver(outbox.SEND, Notification.objects.get().pk, times=5)
    machine.come_to_rest()

    assert every_row() == before
    machine.must_be_right([mission], questions=1, sweeping=False)


def every_row() -> dict[str, list[dict[str, Any]]]:
    told: tuple[type[Model], ...] = (
        *(MissionRun, ModelCall, TokenUse, Artifact),
        *(Mission, EventProgress, Notification),
    )
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values()) for model in told
    }


def test_messages_of_a_run_are_those_the_queue_sends(machine: Machine) -> None:
    """Or the deliveries above would be of something else."""
    mission = machine.tester()
    machine.deliver_run(mission)
    assert (queue.RUN_MISSION_DAY, machine.waiting()) == ("coach.run_mission_day", 1)
