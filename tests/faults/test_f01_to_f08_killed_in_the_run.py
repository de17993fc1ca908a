"""F1 to F8: a worker is killed with -9 at a step of the run; another one finishes it, once."""

import pytest

from notifications.models import Notification
from tests.faults.machine import Machine

pytestmark = pytest.mark.processes

# Longer than any lease of a run, its file and its sources; a mail's is longer.
LEASES_MINUTES = 11


def fault(number: str, dies_at: str, questions: int) -> object:
    return pytest.param(dies_at, questions, marks=pytest.mark.fault(number), id=dies_at)


@pytest.mark.parametrize(
    ("dies_at", "questions"),
    [
        fault("F1", "after coach.claims.take", 1),
        fault("F2", "before connections.sync.keep_nights", 1),
        fault("F3", "before coach.llm.complete", 1),
        fault("F4", "after coach.llm.complete", 2),
        fault("F5", "after coach.calls.put", 1),
        fault("F6", "after coach.record.decided", 1),
        fault("F6", "before celery.app.base.Celery.send_task of notifications.send", 1),
        fault("F7", "after accounts.artifacts.put", 1),
        fault("F7", "before notifications.outbox.claim", 1),
    ],
)
def test_run_is_finished_once_whose_worker_was_killed(
    machine: Machine, dies_at: str, questions: int
) -> None:
    mission = machine.tester(is_in_event=True, has_oura="sync" in dies_at)
    # One thread: nothing else is in hand when it is killed.
    killed = machine.worker(threads=1, dies_at=dies_at)
    machine.sweep()
    killed.wait()

    machine.later(minutes=LEASES_MINUTES)
    machine.worker()
    machine.must_be_right([mission], questions=questions)


@pytest.mark.fault("F8")
@pytest.mark.parametrize(("moment", "mails"), [("before", 0), ("after", 1)])
def test_mail_whose_sender_was_killed_is_not_sent_again_and_told_of(
    machine: Machine, moment: str, mails: int
) -> None:
    mission = machine.tester()
    killed = machine.worker(threads=1, dies_at=f"{moment} notifications.outbox.hand_over of brief:")
    machine.sweep()
    killed.wait()

    machine.later(minutes=16)
    machine.worker()
    machine.until(lambda: machine.mails("alert") != [], sweeping=True)
    machine.must_be_finished([mission], questions=1)
    assert machine.mails() == [mission.owner.email] * mails
    brief = Notification.objects.get(kind=Notification.Kind.BRIEF)
    assert (brief.state, brief.attempts) == (Notification.State.UNKNOWN, 1)
    assert machine.mails("alert") == ["ops@example.org"]
