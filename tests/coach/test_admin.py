from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from coach import admin
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
        refusal="the refusal: metrics",
        problem="your readiness is 82",
        violations=[{"rule": "L1", "observed": "readiness is 82", "allowed": "metrics"}],
        outcome="accepted",
        purpose="day",
        tokens_in=2100,
        tokens_out=310,
        cost_usd="0.000424",
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


def test_operator_sees_what_was_asked_for_and_what_it_cost_by_month(
    rows: dict[str, Any], as_operator: Client
) -> None:
    run = rows["missionrun"]
    ModelCall.objects.update(asked_at=NOW)
    ModelCall.objects.create(
        run=run, attempt=2, model="gpt-4o-mini", outcome="accepted", tokens_in=5, asked_at=NOW
    )
    ModelCall.objects.create(
        run=run, attempt=3, model="mine", outcome="unanswered", asked_at=NOW - timedelta(days=30)
    )

    answer = as_operator.get(reverse("admin:coach_modelcall_changelist"), {"purpose": "day"})

    listed = list(answer.context["cl"].result_list)
    assert listed == [rows["modelcall"]]
    sums = [
        (f"{row['month']:%Y-%m}", row["model"], row["calls"], row["tokens_in"], row["tokens_out"])
        for row in answer.context["months"]
    ]
    costs = [
        (row["cost"] and f"{row['cost']:.6f}", row["unpriced"]) for row in answer.context["months"]
    ]
    assert sums == [("2026-07", "gpt-4o-mini", 2, 2105, 310), ("2026-06", "mine", 1, None, None)]
    assert costs == [("0.000424", 1), (None, 0)]
    page = answer.content.decode()
    assert "L1" in page
    assert "0.000424, and 1 of unknown cost" in page
    assert "None" not in page[page.index("By month and model") :]


def test_sums_take_one_query_whatever_was_asked(
    rows: dict[str, Any], django_assert_num_queries: Any
) -> None:
    for attempt in range(2, 9):
        ModelCall.objects.create(
            run=rows["missionrun"], attempt=attempt, model=f"m{attempt}", outcome="accepted"
        )

    with django_assert_num_queries(1):
        assert len(admin.spent_by_month()) == 8


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
