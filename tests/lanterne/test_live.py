from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from coach.models import CheckIn, Feedback, MissionRun
from lanterne import live
from missions.models import Mission, RideMode
from missions.progress import StageRidden, settle
from tests import factories
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def put_decided(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome=Outcome.DECIDED,
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )


def shown(browser: Client) -> dict[str, str]:
    """What Home, as it is now, would ask with."""
    context = browser.get("/").context
    return {"mission": context["shape"], **context["marks"]}


def parts(browser: Client, before: dict[str, str]) -> set[str]:
    answer = browser.get("/look", before)
    return set() if answer.status_code == 204 else set(answer.context["parts"])


def test_home_and_its_parts_carry_the_marks_that_are_looked_for(
    mission: Mission, as_tester: Client
) -> None:
    put_decided(mission)

    answer = as_tester.get("/")

    page, marks = answer.content.decode(), answer.context["marks"]
    assert [part for part, mark in marks.items() if f'data-mark="{mark}"' not in page] == []
    assert set(marks) == set(live.PARTS)


def test_look_finds_nothing_while_nothing_has_changed_and_costs_four_queries(
    mission: Mission, as_tester: Client
) -> None:
    put_decided(mission)
    before = shown(as_tester)

    with CaptureQueriesContext(connection) as captured:
        answer = as_tester.get("/look", before)

    assert (answer.status_code, answer.content, len(captured)) == (204, b"", 4)


def test_run_that_arrives_brings_its_brief_and_the_hero(
    mission: Mission, as_tester: Client
) -> None:
    before = shown(as_tester)
    put_decided(mission)

    answer = as_tester.get("/look", before)

    page = answer.content.decode()
    assert answer.context["parts"] == {"hero", "today"}
    assert page.count('hx-swap-oob="true"') == 2
    assert reply()["reason"] in page
    assert "<html" not in page
    assert parts(as_tester, shown(as_tester)) == set()


def test_run_that_is_asked_again_is_another_one(mission: Mission, as_tester: Client) -> None:
    run = put_decided(mission)
    before = shown(as_tester)
    MissionRun.objects.filter(pk=run.pk).update(
        outcome=Outcome.DUE, asked=2, decision=None, finished_at=None
    )

    assert parts(as_tester, before) == {"hero", "today"}


def test_check_in_said_elsewhere_brings_only_its_own_part(
    mission: Mission, as_tester: Client
) -> None:
    put_decided(mission)
    before = shown(as_tester)
    CheckIn.objects.create(user=mission.owner, local_date=TODAY, feel=2)

    answer = as_tester.get("/look", before)

    assert answer.context["parts"] == {"check-in"}
    assert "You said this morning" in answer.content.decode()


def test_check_in_of_yesterday_is_not_today_s(mission: Mission, as_tester: Client) -> None:
    before = shown(as_tester)
    CheckIn.objects.create(user=mission.owner, local_date=TODAY - timedelta(days=1), feel=2)

    assert parts(as_tester, before) == set()


def test_feedback_given_elsewhere_brings_only_its_own_part(
    mission: Mission, as_tester: Client
) -> None:
    run = put_decided(mission)
    before = shown(as_tester)
    Feedback.objects.create(run=run, word="done", rpe=4, said_at=NOW)

    assert parts(as_tester, before) == {"feedback"}


def test_stage_that_is_settled_brings_the_points(tester: User, as_tester: Client) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY + timedelta(days=3),
    )
    before = shown(as_tester)
    settle(
        mission, mission.stages.get(number=1), StageRidden(RideMode.GC, "strava:1", NOW), now=NOW
    )

    answer = as_tester.get("/look", before)

    assert answer.context["parts"] == {"hero", "progress"}
    assert 'id="progress"' in answer.content.decode()


def test_part_that_the_page_does_not_have_is_not_sent(mission: Mission, as_tester: Client) -> None:
    before = shown(as_tester)
    put_decided(mission)

    assert parts(as_tester, {name: before[name] for name in ("mission", "hero")}) == {"hero"}


@pytest.mark.parametrize("change", [{"state": "MISSION_COMPLETE"}, None])
def test_home_of_another_mission_or_state_is_opened_anew(
    mission: Mission, as_tester: Client, change: dict[str, Any] | None
) -> None:
    before = shown(as_tester)
    if change is None:
        Mission.objects.all().delete()
    else:
        Mission.objects.update(**change)

    answer = as_tester.get("/look", before)

    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, "other-home")


def test_look_of_a_stranger_shows_nothing_of_the_mission(
    mission: Mission, as_tester: Client, as_stranger: Client, client: Client
) -> None:
    before = shown(as_tester)
    put_decided(mission)

    strange, nobody = as_stranger.get("/look", before), client.get("/look", before)

    assert (strange.status_code, strange.content) == (204, b"")
    assert nobody.headers["Location"].startswith("/auth/login?next=/look")
    assert as_tester.post("/look").status_code == 405
