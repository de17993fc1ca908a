"""F27: the mail provider is away for hours, refuses an address, or is gone before it can answer."""

from collections.abc import Iterator
from functools import partial

import pytest

from coach.models import MissionRun
from missions.models import Mission
from notifications.models import Notification
from tests.faults import needs
from tests.faults.machine import Machine, left_open
from tests.faults.post import Post

pytestmark = [pytest.mark.processes, pytest.mark.fault("F27"), needs.services]

State, Kind = Notification.State, Notification.Kind


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    made.come()
    yield made
    made.go()


def states(kind: Notification.Kind) -> list[str]:
    return sorted(Notification.objects.filter(kind=kind).values_list("state", flat=True))


def addresses(missions: list[Mission]) -> dict[str, int]:
    return {mission.owner.email: 1 for mission in missions}


def were_tried(mails: int, *, times: int) -> bool:
    waiting = Notification.objects.filter(kind=Kind.BRIEF, state=State.PENDING)
    return waiting.filter(attempts__gte=times).count() == mails


def another_goes_out(machine: Machine, post: Post) -> None:
    """A mail that is younger than all others is sent, so whatever else was due has been, too."""
    number = Notification.objects.count()
    Notification.objects.create(
        dedupe_key=f"another:{number}",
        kind=Kind.WRAP_UP,
        recipients=[f"another-{number}@example.org"],
        subject="Another",
        text="Another",
    )
    machine.sweep()
    machine.until(
        lambda: post.offered[f"another-{number}@example.org"] and not left_open(), sweeping=True
    )


def test_provider_that_is_away_for_six_hours_gets_each_mail_once(
    machine: Machine, post: Post
) -> None:
    missions = machine.testers(3, rides=0)
    post.go()
    machine.worker(threads=4, **post.settings())
    machine.sweep()
    for tries in (1, 2, 3):
        machine.until(partial(were_tried, 3, times=tries), sweeping=True)
        machine.later(hours=2)
    assert states(Kind.ALERT) == []

    post.come()
    # A try that met nobody just before is written down; then all are due again.
    machine.until(lambda: State.SENDING not in states(Kind.BRIEF))
    machine.later(hours=2)
    machine.until(lambda: states(Kind.BRIEF) == [State.SENT] * 3, sweeping=True)
    machine.must_be_settled()
    assert post.briefs() == addresses(missions)
    assert MissionRun.objects.filter(outcome="decided").count() == 3


def test_address_that_is_refused_is_stopped_and_told_and_the_others_get_theirs(
    machine: Machine, post: Post
) -> None:
    missions = machine.testers(3, rides=0)
    gone = missions[1].owner.email
    post.refused = {gone}
    machine.worker(threads=4, **post.settings())
    machine.sweep()

    machine.until(lambda: State.GIVEN_UP in states(Kind.BRIEF), sweeping=True)
    machine.must_be_settled()
    machine.later(hours=2)
    another_goes_out(machine, post)
    assert post.briefs() == addresses([missions[0], missions[2]])
    assert post.offered[gone] == 1
    stopped = Notification.objects.get(kind=Kind.BRIEF, state=State.GIVEN_UP)
    assert (stopped.user, stopped.last_error) == (missions[1].owner, "SMTP 550")
    assert post.taken["ops@example.org", "alert"] == 1


def test_mail_that_was_taken_by_a_provider_gone_silent_is_not_sent_twice(
    machine: Machine, post: Post
) -> None:
    mission = machine.tester(rides=0)
    post.hangs_up_after_taking = True
    machine.worker(threads=4, **post.settings())
    machine.sweep()

    machine.until(lambda: states(Kind.BRIEF) == [State.UNKNOWN], sweeping=True)
    post.hangs_up_after_taking = False
    machine.must_be_settled()
    for _ in range(3):
        machine.later(hours=8)
        another_goes_out(machine, post)
    assert post.briefs() == {mission.owner.email: 1}
    assert states(Kind.BRIEF) == [State.UNKNOWN]
    alerts = Notification.objects.filter(kind=Kind.ALERT)
    assert ["outcome unknown" in alert.subject for alert in alerts] == [True]
