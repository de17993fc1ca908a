"""F18 and F20 with real workers: a model that says nothing, and one that has enough of us."""

import pytest
from django.utils import timezone

from coach.models import Incident, MissionRun
from notifications.models import Notification
from tests.faults import needs
from tests.faults.machine import Machine, left_open

pytestmark = [pytest.mark.processes, needs.services]

RIDERS = 20


def failed() -> int:
    return MissionRun.objects.filter(outcome="failed", decision__isnull=True).count()


@pytest.mark.fault("F18")
def test_silent_model_fails_the_run_in_the_open_and_holds_nobody_up(machine: Machine) -> None:
    mission = machine.tester()
    machine.mode("openai", "timeout", seconds=3, times=2)
    machine.worker(COACH_TIMEOUT_S=0.5)
    machine.sweep()

    machine.until(lambda: failed() == 1 and not left_open(), sweeping=True)
    assert list(Incident.objects.values_list("kind", flat=True)) == ["timeout"]
    assert machine.questions() == 2
    assert machine.mails("no_brief") == [mission.owner.email]
    assert machine.mails("alert") == ["ops@example.org"]
    assert machine.mails() == []

    other = machine.tester()
    machine.sweep()
    machine.until(lambda: MissionRun.objects.filter(mission=other, outcome="decided").exists())


def nobody_is_at_it() -> bool:
    """Each run has failed, or waits until the model may be asked again."""
    waiting = MissionRun.objects.filter(outcome="due", start_at__gt=timezone.now())
    return failed() >= 1 and failed() + waiting.count() == RIDERS


@pytest.mark.fault("F20")
def test_used_up_quota_is_one_alert_and_no_storm_and_who_waited_gets_a_brief(
    machine: Machine,
) -> None:
    machine.testers(RIDERS, rides=0, nights=1)
    machine.mode("openai", "quota")
    for _ in range(2):
        machine.worker(threads=8)
    machine.sweep()

    machine.until(nobody_is_at_it, sweeping=True)
    assert machine.questions() <= RIDERS
    assert failed() == machine.questions()
    machine.mode("openai", "ok")

    def is_over() -> bool:
        machine.later(minutes=1)
        return not left_open()

    machine.until(is_over, sweeping=True)
    runs = MissionRun.objects.select_related("mission__owner")
    without = sorted(run.mission.owner.email for run in runs if run.outcome == "failed")
    briefed = sorted(run.mission.owner.email for run in runs if run.outcome == "decided")
    assert len(without) + len(briefed) == RIDERS
    assert list(Incident.objects.values_list("kind", flat=True)) == ["quota"] * len(without)
    assert (machine.mails("no_brief"), machine.mails()) == (without, briefed)
    # One question each, whatever came of it.
    assert machine.questions() == RIDERS
    # One an hour, and an hour may have ended meanwhile.
    alerts = Notification.objects.filter(kind=Notification.Kind.ALERT).count()
    assert 1 <= alerts <= 2
    assert machine.mails("alert") == ["ops@example.org"] * alerts
