from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from coach.models import Incident, MissionRun, ModelCall, RuleTally
from connections.models import Connection
from connections.sources import Source
from missions.models import Mission
from notifications.models import Notification, StoppedAddress
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

OURS = (
    *("mission_runs", "llm_tokens", "coach_rule_violations", "notifications", "connections"),
    *("incidents_open", "mail_addresses_stopped"),
)


def samples(response: Any) -> dict[tuple[str, ...], float]:
    """Our own samples: name and labels, in the order of their names, to value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
        if family.name in OURS
    }


def run_of(mission: Mission, outcome: str) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome=outcome,
        decision={} if outcome == "decided" else None,
    )


def fill(tester: User, days: int) -> None:
    """Rows of every kind that is counted."""
    for number in range(days):
        mission = factories.mission(tester, state=Mission.State.MISSION_COMPLETE)
        run = run_of(mission, "failed" if number else "decided")
        ModelCall.objects.create(
            run=run, attempt=1, model="gpt-4o", outcome="accepted", tokens_in=1000, tokens_out=200
        )
        ModelCall.objects.create(run=run, attempt=2, model="gpt-4o-mini", outcome="unanswered")
        Incident.objects.create(run=run, kind="timeout", detail="")
        Notification.objects.create(
            dedupe_key=str(number), kind="brief", recipients=[], subject="", text="", state="sent"
        )


def test_metrics_equal_the_rows(client: Client, tester: User, stranger: User) -> None:
    fill(tester, 3)
    run_of(factories.mission(stranger), "due")
    Incident.objects.filter(run__outcome="decided").update(resolved_at=NOW)
    Notification.objects.filter(dedupe_key="0").update(state="unknown")
    Notification.objects.filter(dedupe_key="1").update(state="stopped")
    StoppedAddress.objects.create(address=tester.email, reason="bounce")
    factories.connection(tester)
    factories.connection(stranger, Source.OURA, state=Connection.State.BROKEN)
    factories.connection(stranger)
    RuleTally.objects.create(model="gpt-4o", rule="L1", is_flag=False, count=4)
    RuleTally.objects.create(model="gpt-4o", rule="T1", is_flag=True, count=2)

    assert samples(client.get("/metrics")) == {
        ("mission_runs_total", "decided"): 1,
        ("mission_runs_total", "failed"): 2,
        ("mission_runs_total", "due"): 1,
        ("llm_tokens_total", "in", "gpt-4o"): 3000,
        ("llm_tokens_total", "out", "gpt-4o"): 600,
        ("llm_tokens_total", "in", "gpt-4o-mini"): 0,
        ("llm_tokens_total", "out", "gpt-4o-mini"): 0,
        ("coach_rule_violations_total", "reprompt", "gpt-4o", "L1"): 4,
        ("coach_rule_violations_total", "flag", "gpt-4o", "T1"): 2,
        ("notifications", "sent"): 1,
        ("notifications", "stopped"): 1,
        ("notifications", "unknown"): 1,
        ("mail_addresses_stopped", "bounce"): 1,
        ("mail_addresses_stopped", "complaint"): 0,
        ("connections", "ok"): 2,
        ("connections", "broken"): 1,
        ("incidents_open",): 2,
    }


def test_metrics_of_an_empty_service_are_an_answer_too(client: Client) -> None:
    response = client.get("/metrics")

    assert samples(response) == {
        ("incidents_open",): 0,
        ("mail_addresses_stopped", "bounce"): 0,
        ("mail_addresses_stopped", "complaint"): 0,
    }
    assert response["Content-Type"].startswith("text/plain; version=")
    assert "python_info" in response.content.decode()


@pytest.mark.parametrize("days", [1, 12])
def test_metrics_ask_the_database_as_often_for_many_rows(
    client: Client,
    tester: User,
    days: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    fill(tester, days)

    with django_assert_num_queries(22):
        client.get("/metrics")


@pytest.mark.parametrize(
    ("debug", "token", "headers", "status"),
    [
        (True, "", {}, 200),
        (False, "", {}, 404),
        (False, "", {"Authorization": "Bearer "}, 404),
        (True, "sesame", {}, 404),
        (False, "sesame", {}, 404),
        (False, "sesame", {"Authorization": "Bearer"}, 404),
        (False, "sesame", {"Authorization": "Bearer sesam"}, 404),
        (False, "sesame", {"Authorization": "Bearer sésame"}, 404),
        (False, "sesame", {"Authorization": "Bearer sesame"}, 200),
    ],
)
def test_metrics_are_for_the_holder_of_the_token(
    client: Client,
    settings: LazySettings,
    debug: bool,
    token: str,
    headers: dict[str, str],
    status: int,
) -> None:
    settings.DEBUG, settings.METRICS_TOKEN = debug, token

    response = client.get("/metrics", headers=headers)

    assert response.status_code == status
    assert (b"incidents_open" in response.content) is (status == 200)


def test_metrics_show_no_tester_even_when_signed_in_without_the_token(
    as_tester: Client, settings: LazySettings
) -> None:
    settings.METRICS_TOKEN = "sesame"

    assert as_tester.get("/metrics").status_code == 404


def test_metrics_take_no_post(client: Client) -> None:
    assert client.post("/metrics").status_code == 405
