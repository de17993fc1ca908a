"""F24: a pair of tokens is renewed by many at once, or by a worker that dies in the act."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.utils import timezone

from coach.models import MissionRun
from connections.models import Connection
from connections.providers.strava.answers import LOST
from missions.models import Mission
from notifications.models import Notification
from tests.faults import needs
from tests.faults.machine import Machine

pytestmark = [pytest.mark.processes, pytest.mark.fault("F24"), needs.services]


def strava_of(mission: Mission) -> Connection:
    return Connection.objects.get(user=mission.owner, provider="strava")


def at_strava(machine: Machine, path: str, **said: Any) -> None:
    answer = httpx2.post(machine.url(f"/sandbox/strava/{path}"), json=said, timeout=30)
    answer.raise_for_status()


def expire(machine: Machine, mission: Mission) -> Connection:
    """The access token is at its end, there and by what is known here."""
    connection = strava_of(mission)
    at_strava(machine, "expire", athlete_id=int(connection.external_id))
    Connection.objects.filter(pk=connection.pk).update(expires_at=timezone.now())
    return connection


def renewals(machine: Machine) -> dict[str, int]:
    answer = httpx2.get(machine.url("/sandbox/strava/token-requests"), timeout=30)
    counts: dict[str, int] = answer.raise_for_status().json()["refresh_token"]
    return counts


def is_accepted(machine: Machine, connection: Connection) -> bool:
    answer = httpx2.get(
        machine.url("/sandbox/strava/api/v3/athlete"),
        headers={"Authorization": f"Bearer {connection.access_token}"},
        timeout=30,
    )
    return answer.status_code == 200


def test_two_workers_with_ten_reasons_to_renew_a_pair_renew_it_once(machine: Machine) -> None:
    missions = machine.testers(2, has_strava=True)
    connections = [expire(machine, mission) for mission in missions]
    machine.mode("strava", "slow", seconds=0.5, times=len(missions))
    for connection in connections:
        machine.deliver("connections.sync", connection.pk, times=4)
    machine.sweep()
    for _ in range(2):
        machine.worker(threads=6)

    machine.must_be_right(missions, questions=len(missions))
    assert renewals(machine) == {"calls": 2, "successes": 2, "refusals": 0, "failures": 0}
    for mission in missions:
        after = strava_of(mission)
        assert after.state == Connection.State.OK
        assert is_accepted(machine, after)


def test_worker_that_dies_with_the_new_pair_in_hand_costs_a_consent_and_no_brief(
    machine: Machine,
) -> None:
    mission = machine.tester(has_strava=True)
    before = expire(machine, mission)
    killed = machine.worker(dies_at="after connections.providers.strava.client.refresh")
    machine.sweep()
    killed.wait()

    machine.later(minutes=6)
    machine.worker()
    machine.must_be_right([mission], questions=1)
    after = strava_of(mission)
    assert (after.state, after.last_error) == (Connection.State.BROKEN, LOST)
    assert after.refresh_token == before.refresh_token
    # Asked once by whom was killed, and once more by the other: never in a loop.
    assert renewals(machine) == {"calls": 2, "successes": 1, "refusals": 1, "failures": 0}
    told = Notification.objects.get(kind=Notification.Kind.BRIEF)
    assert LOST in told.text


def test_worker_that_dies_before_the_old_pair_is_dead_loses_nothing(machine: Machine) -> None:
    """Strava gives a pair that lasts for hours out again."""
    mission = machine.tester(has_strava=True)
    Connection.objects.update(expires_at=timezone.now())
    killed = machine.worker(dies_at="after connections.providers.strava.client.refresh")
    machine.sweep()
    killed.wait()

    machine.later(minutes=6)
    machine.worker()
    machine.must_be_right([mission], questions=1)
    after = strava_of(mission)
    assert after.state == Connection.State.OK
    assert after.expires_at is not None
    assert after.expires_at > timezone.now() + timedelta(hours=1)
    assert is_accepted(machine, after)
    assert MissionRun.objects.get().fence == 2
