"""F36: an account is deleted while its run is in hand."""

import pytest
from django.apps import apps
from django.db.models import Model
from django.utils import timezone

from accounts import deletion
from accounts.models import AuditEvent, User
from coach.models import MissionRun
from missions.models import Mission
from tests.faults.machine import Machine, left_open

pytestmark = [pytest.mark.processes, pytest.mark.fault("F36")]

# What says that there was an account, and of whom it does not tell.
KEPT: set[type[Model]] = {AuditEvent}


def rows_of_a_leaver(key: int) -> list[str]:
    """Every row of any table with a column for a tester in which this one stands."""
    found = []
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is User and model not in KEPT:
                rows = model._default_manager.filter(**{field.attname: key})
                found += [f"{model.__name__}.{field.name}"] * rows.count()
    return found


def is_asked(machine: Machine) -> bool:
    return machine.questions() >= 1


def leave(machine: Machine, mission: Mission) -> None:
    """The tester's own click; a worker does the rest."""
    deletion.ask(mission.owner, None, timezone.now())
    machine.until(
        lambda: not User.objects.filter(pk=mission.owner_id).exists() and not left_open(),
        sweeping=True,
    )


def must_have_left(machine: Machine, mission: Mission, key: int, email: str) -> None:
    assert rows_of_a_leaver(key) == []
    assert not MissionRun.objects.exists()
    assert list((machine.folder / "media").glob(f"{key}/**/*.json")) == []
    assert machine.mails() == []
    assert machine.mails("no_brief") == []
    # The receipt, and nothing else, goes to the address.
    assert [to for kind in ("account", "brief", "alert") for to in machine.mails(kind)] == [email]


@pytest.mark.parametrize("has_strava", [False, True])
def test_who_leaves_while_the_model_thinks_gets_nothing_and_leaves_nothing(
    machine: Machine, has_strava: bool
) -> None:
    mission = machine.tester(has_strava=has_strava)
    key, email = mission.owner_id, mission.owner.email
    machine.mode("openai", "timeout", seconds=3, times=1)
    machine.worker()
    machine.worker()
    machine.sweep()
    machine.until(lambda: is_asked(machine))

    leave(machine, mission)

    must_have_left(machine, mission, key, email)
    # The worker that held it goes on with others.
    other = machine.tester()
    machine.must_be_right([other])
    assert rows_of_a_leaver(key) == []
    assert list((machine.folder / "media").glob(f"{key}/**/*.json")) == []


def test_who_leaves_while_their_source_is_read_gets_nothing_and_leaves_nothing(
    machine: Machine,
) -> None:
    mission = machine.tester(has_strava=True)
    key, email = mission.owner_id, mission.owner.email
    machine.mode("strava", "slow", seconds=2, times=1)
    machine.worker()
    machine.worker()
    machine.sweep()
    machine.until(lambda: MissionRun.objects.filter(outcome="under_way").exists())

    leave(machine, mission)

    must_have_left(machine, mission, key, email)
    assert machine.questions() == 0
    other = machine.tester()
    machine.must_be_right([other], questions=1)
    assert rows_of_a_leaver(key) == []
