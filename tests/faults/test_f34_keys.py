"""F34: the encryption key is rotated while runs are made, and an old key is removed too early."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from coach.models import Incident, MissionRun
from connections.models import Connection
from missions.models import Mission
from notifications.models import Notification
from tests.faults import needs
from tests.faults.machine import Machine, left_open

pytestmark = [pytest.mark.processes, pytest.mark.fault("F34"), needs.services]

NEW, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored() -> list[Any]:
    """The tokens as they stand in the database."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id, access_token, refresh_token FROM connections_connection ORDER BY id"
        )
        return list(cursor.fetchall())


def opens(key: str) -> bool:
    """Whether that key alone opens every token."""
    tokens = [token for _, *pair in stored() for token in pair if token]
    return all(_is_open(Fernet(key), token) for token in tokens)


def _is_open(fernet: Fernet, token: str) -> bool:
    try:
        fernet.decrypt(token.encode())
    except Exception:  # noqa: BLE001  whatever it is, it does not open
        return False
    return True


def be_due(machine: Machine, missions: list[Mission]) -> None:
    for mission in missions:
        machine.due(mission, timezone.now() - timedelta(minutes=15))


def test_key_that_is_rotated_while_runs_are_made_costs_none_of_them(
    machine: Machine, settings: LazySettings
) -> None:
    [old] = settings.FIELD_ENCRYPTION_KEYS
    first = machine.testers(4, has_strava=True)
    second = machine.testers(2, has_strava=True, due_ago=None)
    # Their tokens are renewed, and so written, while all others are rotated.
    Connection.objects.update(expires_at=timezone.now())
    settings.FIELD_ENCRYPTION_KEYS = [NEW, old]
    both = machine.worker(threads=4, FIELD_ENCRYPTION_KEYS=[NEW, old])
    machine.sweep()
    machine.until(MissionRun.objects.exists)

    call_command("rotate_encryption_keys", verbosity=0)
    machine.must_be_right(first)
    call_command("rotate_encryption_keys", verbosity=0)
    assert opens(NEW)
    both.kill()

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    be_due(machine, second)
    machine.worker(FIELD_ENCRYPTION_KEYS=[NEW])
    machine.must_be_right([*first, *second])
    assert set(Connection.objects.values_list("state", flat=True)) == {Connection.State.OK}


def test_worker_without_the_key_takes_no_work_says_what_to_do_and_writes_nothing(
    machine: Machine,
) -> None:
    mission = machine.tester(has_strava=True)
    before = stored()
    machine.sweep()

    refused = machine.worker(FIELD_ENCRYPTION_KEYS=[OTHER])
    refused.wait()
    assert "FIELD_ENCRYPTION_KEYS does not open what is stored" in refused.log
    assert "Put the key it was written with back, behind the newest one." in refused.log
    assert stored() == before
    assert not MissionRun.objects.exists()

    machine.worker()
    machine.must_be_right([mission])


def test_one_token_that_no_key_opens_costs_its_tester_a_brief_and_nobody_else(
    machine: Machine, settings: LazySettings
) -> None:
    """Between the first and the last row, where a start does not look."""
    missions = machine.testers(3, has_strava=True)
    known = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    lost = Connection.objects.filter(user=missions[1].owner)
    lost.update(access_token="lost", refresh_token="lost")
    settings.FIELD_ENCRYPTION_KEYS = known
    before = stored()[1]
    machine.worker(threads=4)
    machine.sweep()

    def is_over() -> bool:
        machine.later(minutes=4)
        return MissionRun.objects.count() == len(missions) and not left_open()

    machine.until(is_over, sweeping=True)
    outcomes = dict(MissionRun.objects.values_list("mission", "outcome"))
    assert outcomes == {
        missions[0].pk: "decided",
        missions[1].pk: "failed",
        missions[2].pk: "decided",
    }
    crashed = Incident.objects.filter(run__mission=missions[1])
    assert list(crashed.values_list("kind", flat=True)) == [Incident.Kind.CRASH]
    assert Notification.objects.filter(kind=Notification.Kind.ALERT).exists()
    assert stored()[1] == before
