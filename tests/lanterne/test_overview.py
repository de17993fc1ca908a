"""The console's first page: what failed, how the day's runs stand, what they cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from coach.models import Incident, MissionRun, ModelCall
from lanterne import overview
from lanterne.overview import OpenIncidents, Runs
from missions.models import Mission
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def incident(kind: str, hours_ago: int, **fields: Any) -> None:
    Incident.objects.create(
        task="coach.sweep", kind=kind, detail="", opened_at=NOW - hours_ago * HOUR, **fields
    )


def test_open_incidents_are_counted_by_kind_that_with_the_oldest_first() -> None:
    incident("task", 1)
    incident("task", 5)
    incident("crash", 9)
    incident("quota", 30, resolved_at=NOW)

    assert overview.open_incidents() == [
        OpenIncidents("crash", "the run kept breaking off", 1, NOW - 9 * HOUR),
        OpenIncidents("task", "a task broke off", 2, NOW - 5 * HOUR),
    ]


def test_runs_of_a_day_are_those_due_within_it_wherever_they_were(mission: Mission) -> None:
    for days_ago, outcome, hours_ago in (
        *((-1, "failed", 0), (0, "failed", 23), (1, "missed", 23)),
        *((2, "missed", 25), (-2, "due", -1)),
    ):
        MissionRun.objects.create(
            mission=mission,
            local_date=TODAY - timedelta(days=days_ago),
            trigger="schedule",
            outcome=outcome,
            due_at=NOW - hours_ago * HOUR,
        )

    assert overview.runs_of_a_day(NOW) == [
        Runs("due", "waiting", 0),
        Runs("under_way", "under way", 0),
        Runs("decided", "done", 0),
        Runs("failed", "failed", 2),
        Runs("missed", "missed", 1),
    ]


def test_front_page_tells_it(as_operator: Client, mission: Mission) -> None:
    incident("crash", 9)
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    ModelCall.objects.create(
        run=run, attempt=1, model="m", outcome="accepted", asked_at=NOW, cost_usd=Decimal("0.0042")
    )

    page = as_operator.get("/admin/").content.decode()

    told = ("Open incidents: 1, the oldest since 2026-07-03 20:30 UTC", "0.004200", "What waits")
    assert [words for words in told if words not in page] == []
    assert 'href="/admin/coach/incident/?kind__exact=crash"' in page


def test_front_page_asks_as_often_whatever_there_is(
    mission: Mission, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # incidents, calls (2), runs
        overview.at_a_glance(NOW)
    for hours in range(5):
        incident("task", hours)
    with django_assert_num_queries(4):
        overview.at_a_glance(NOW)
