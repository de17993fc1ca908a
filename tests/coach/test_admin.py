from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from coach.models import Incident, MissionRun, ModelCall
from missions.models import Mission
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

PRIVATE = ("readiness is 82", "metrics", "the prompt itself", "the reply itself")


@pytest.fixture
def rows(mission: Mission) -> dict[str, Any]:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )
    call = ModelCall.objects.create(
        run=run,
        attempt=1,
        model="gpt-4o-mini",
        prompt="the prompt itself",
        reply="the reply itself",
        outcome="accepted",
    )
    incident = Incident.objects.create(run=run, kind="crash", detail="It kept breaking off.")
    return {"missionrun": run, "modelcall": call, "incident": incident}


@pytest.fixture
def as_operator(db: None) -> Client:
    operator = User.objects.create_superuser("operator@example.org", "correct horse battery")
    client = Client()
    client.force_login(operator, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def change(rows: dict[str, Any], name: str) -> str:
    return reverse(f"admin:coach_{name}_change", args=[rows[name].pk])


@pytest.mark.parametrize("name", ["missionrun", "modelcall", "incident"])
def test_operator_sees_that_a_run_went_and_not_what_it_told(
    rows: dict[str, Any], as_operator: Client, name: str
) -> None:
    listed = as_operator.get(reverse(f"admin:coach_{name}_changelist"))
    shown = as_operator.get(change(rows, name))

    told = listed.content.decode() + shown.content.decode()
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert {"missionrun": "Tour of the Valleys", "modelcall": "gpt-4o-mini"}.get(
        name, "kept breaking off"
    ) in told
    assert [word for word in PRIVATE if word in told] == []


@pytest.mark.parametrize("name", ["missionrun", "modelcall"])
def test_operator_reads_the_record_and_does_not_write_it(
    rows: dict[str, Any], as_operator: Client, name: str
) -> None:
    before = MissionRun.objects.values().get(), ModelCall.objects.values().get()

    saved = as_operator.post(change(rows, name), {"outcome": "failed", "summary": "mine"})
    added = as_operator.get(reverse(f"admin:coach_{name}_add"))

    assert (saved.status_code, added.status_code) == (403, 403)
    assert (MissionRun.objects.values().get(), ModelCall.objects.values().get()) == before


def test_operator_closes_an_incident_with_a_note(rows: dict[str, Any], as_operator: Client) -> None:
    as_operator.post(
        change(rows, "incident"),
        {
            "run": str(rows["missionrun"].pk),
            "kind": "crash",
            "resolved_at_0": "2026-07-04",
            "resolved_at_1": "05:30:00",
            "note": "The disk was full.",
        },
    )

    incident = Incident.objects.get()
    assert (incident.resolved_at, incident.note) == (NOW, "The disk was full.")
    assert incident.detail == "It kept breaking off."


@pytest.mark.parametrize("name", ["missionrun", "modelcall", "incident"])
def test_tester_has_no_business_there(rows: dict[str, Any], as_tester: Client, name: str) -> None:
    answer = as_tester.get(reverse(f"admin:coach_{name}_changelist"))

    assert answer.status_code == 403
