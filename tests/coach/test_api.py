from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.test import Client, RequestFactory
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy, tokens
from accounts.models import User
from coach import brief
from coach.models import Incident, MissionRun, ModelCall
from missions.models import Mission
from tests.coach import samples
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

PROBLEM = "application/problem+json"


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def runs_of(mission: Mission) -> str:
    return f"/api/missions/{mission.pk}/runs"


def decided(mission: Mission, days_ago: int = 0) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=days_ago),
        trigger="schedule",
        outcome="decided",
        opened_at=NOW,
        finished_at=NOW,
        summary="Maintain: 60 min, moderate intensity",
        situation=samples.SITUATION,
        decision=samples.DECISION,
    )


def in_short(run: MissionRun) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "mission": str(run.mission_id),
        "local_date": f"{run.local_date}",
        "trigger": run.trigger,
        "outcome": run.outcome,
        "summary": run.summary,
        "opened_at": "2026-07-04T05:30:00Z",
        "waits_for": None,
        "waits_until": None,
        "finished_at": "2026-07-04T05:30:00Z" if run.finished_at else None,
    }


# --- who may -----------------------------------------------------------------------------------


def test_runs_are_not_there_for_a_stranger(as_stranger: Client, mission: Mission) -> None:
    run = decided(mission, days_ago=1)
    calls = [
        as_stranger.get(runs_of(mission)),
        as_stranger.post(runs_of(mission)),
        as_stranger.get(f"/api/runs/{run.pk}"),
        as_stranger.get(f"/api/runs/{uuid4()}"),
    ]

    assert {(one.status_code, one["Content-Type"]) for one in calls} == {(404, PROBLEM)}
    assert MissionRun.objects.get() == run


def test_runs_are_for_those_who_are_signed_in(client: Client, mission: Mission) -> None:
    run = decided(mission, days_ago=1)
    calls = [
        client.get(runs_of(mission)),
        client.post(runs_of(mission)),
        client.get(f"/api/runs/{run.pk}"),
    ]

    assert [one.status_code for one in calls] == [401, 401, 401]
    assert MissionRun.objects.get() == run


def test_access_token_opens_the_runs_of_its_owner(
    client: Client, tester: User, mission: Mission
) -> None:
    run = decided(mission)
    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access

    answer = client.get(f"/api/runs/{run.pk}", headers={"Authorization": f"Bearer {access}"})

    assert answer.json()["id"] == str(run.pk)


def test_session_asks_for_a_brief_only_with_the_csrf_token(mission: Mission) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mission.owner, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value

    refused = browser.post(runs_of(mission), {}, "application/json")
    allowed = browser.post(runs_of(mission), {}, "application/json", headers={"X-CSRFToken": token})

    assert (refused.status_code, allowed.status_code) == (403, 202)


# --- reading -----------------------------------------------------------------------------------


def test_list_holds_the_runs_newest_first_by_pages(as_tester: Client, mission: Mission) -> None:
    older, newer, newest = (decided(mission, days_ago) for days_ago in (2, 1, 0))

    page = as_tester.get(f"{runs_of(mission)}?page_size=2").json()

    assert (page["count"], page["results"]) == (3, [in_short(newest), in_short(newer)])
    assert as_tester.get(page["next"]).json()["results"] == [in_short(older)]


def test_run_is_told_with_its_decision_and_its_numbers(as_tester: Client, mission: Mission) -> None:
    run = decided(mission)
    situation = samples.situation()

    told = as_tester.get(f"/api/runs/{run.pk}").json()

    assert {name: told[name] for name in in_short(run)} == in_short(run)
    assert told["decision"] == samples.DECISION
    assert told["numbers"][0] == {
        "label": "Readiness",
        "value": "82",
        "source": "Oura",
        "age": "1 h ago",
    }
    assert len(told["numbers"]) == len(brief.CHIPS)
    assert told["missing"] == brief.missing_in(situation)
    assert told["incidents"] == []


def test_failed_run_tells_what_went_wrong_and_gives_no_advice(
    as_tester: Client, mission: Mission
) -> None:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="failed", finished_at=NOW
    )
    Incident.objects.create(run=run, kind="timeout", detail="No answer in 60 s.", opened_at=NOW)

    told = as_tester.get(f"/api/runs/{run.pk}").json()

    assert (told["outcome"], told["decision"], told["numbers"]) == ("failed", None, [])
    assert told["incidents"] == [
        {
            "kind": "timeout",
            "detail": "No answer in 60 s.",
            "opened_at": "2026-07-04T05:30:00Z",
            "resolved_at": None,
        }
    ]


def test_run_never_tells_what_the_model_was_asked(as_tester: Client, mission: Mission) -> None:
    run = decided(mission)
    ModelCall.objects.create(
        run=run, attempt=1, model="m", prompt="canary-p", reply="canary-r", outcome="accepted"
    )

    assert "canary" not in as_tester.get(f"/api/runs/{run.pk}").content.decode()


# --- asking ------------------------------------------------------------------------------------


def test_wish_for_todays_brief_opens_the_one_run_of_the_day(
    as_tester: Client, mission: Mission
) -> None:
    first, second = (as_tester.post(runs_of(mission)) for _ in range(2))

    run = MissionRun.objects.get()
    assert (first.status_code, first["Location"]) == (202, f"/api/runs/{run.pk}")
    assert first.json() == {"run": in_short(run)}
    assert (second.status_code, second.json()) == (202, first.json())
    assert (run.local_date, run.trigger, run.outcome) == (TODAY, "tester", "due")


@pytest.mark.parametrize("state", ["PREP", "MISSION_COMPLETE"])
def test_mission_that_is_not_live_is_a_conflict(
    as_tester: Client, mission: Mission, state: str
) -> None:
    Mission.objects.update(state=state)

    answer = as_tester.post(runs_of(mission))

    assert (answer.status_code, answer["Content-Type"]) == (409, PROBLEM)
    assert answer.json()["detail"] == (
        "The coach only works on a mission in training or in its event."
    )
    assert not MissionRun.objects.exists()


def test_missing_consent_is_a_conflict_that_says_what_to_do(
    as_tester: Client, mission: Mission
) -> None:
    User.objects.update(health_consent_at=None)

    answer = as_tester.post(runs_of(mission))

    assert (answer.status_code, answer.json()["detail"]) == (409, privacy.NOT_ALLOWED)
    assert not MissionRun.objects.exists()


def test_too_many_wishes_are_told_when_to_come_again(
    as_tester: Client, mission: Mission, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "run": [("account", 2, 3600)]}

    codes = [as_tester.post(runs_of(mission)).status_code for _ in range(2)]
    answer = as_tester.post(runs_of(mission))

    assert codes == [202, 202]
    assert (answer.status_code, answer["Content-Type"]) == (429, PROBLEM)
    assert answer["Retry-After"] == "1800"


def test_run_that_waits_tells_for_what_and_until_when(as_tester: Client, mission: Mission) -> None:
    later = {"start_at": NOW + timedelta(minutes=15), "publish_at": NOW + timedelta(minutes=15)}
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        wait_until=NOW + timedelta(hours=2),
        **later,
    )
    whats = []
    for fields in ({}, {"wait_until": None, "setbacks": 1}, {"start_at": NOW}):
        MissionRun.objects.update(**fields)
        listed = as_tester.get(runs_of(mission)).json()["results"][0]
        told = as_tester.get(f"/api/runs/{run.pk}").json()
        assert (listed["waits_for"], listed["waits_until"]) == (
            told["waits_for"],
            told["waits_until"],
        )
        whats.append((told["waits_for"], told["waits_until"]))

    assert whats == [
        ("night", "2026-07-04T07:30:00Z"),
        ("retry", "2026-07-04T05:45:00Z"),
        (None, None),
    ]


def test_wish_for_todays_brief_ends_its_wait(as_tester: Client, mission: Mission) -> None:
    MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        start_at=NOW + timedelta(minutes=15),
        wait_until=NOW + timedelta(hours=2),
    )

    answer = as_tester.post(runs_of(mission))

    assert (answer.status_code, answer.json()["run"]["waits_for"]) == (202, None)


def test_missed_run_is_told_as_such(as_tester: Client, mission: Mission) -> None:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="missed", finished_at=NOW
    )

    told = as_tester.get(f"/api/runs/{run.pk}").json()

    assert (told["outcome"], told["decision"], told["numbers"]) == ("missed", None, [])


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", [1, 12])
def test_list_asks_the_database_as_often_for_many_runs(
    as_tester: Client,
    mission: Mission,
    runs: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for days_ago in range(runs):
        decided(mission, days_ago)

    with django_assert_num_queries(5):
        answer = as_tester.get(runs_of(mission))

    assert len(answer.json()["results"]) == runs


@pytest.mark.parametrize("incidents", [1, 5])
def test_run_asks_the_database_as_often_for_many_incidents(
    as_tester: Client,
    mission: Mission,
    incidents: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    run = decided(mission)
    for _ in range(incidents):
        Incident.objects.create(run=run, kind="timeout", detail="No answer.", opened_at=NOW)

    with django_assert_num_queries(4):
        answer = as_tester.get(f"/api/runs/{run.pk}")

    assert len(answer.json()["incidents"]) == incidents
