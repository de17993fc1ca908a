import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEvent, User
from missions import appeals, progress
from missions.models import Appeal, EventProgress, Mission, RideMode
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

SCHEMA = {
    "flat": {"gc": 5, "breakaway": 8},
    "bonuses": {
        "breakaway_1": {"threshold": 1, "points": 3},
        "all_gc": {"threshold": 4, "points": 20},
    },
}
APPEAL = {"ride_mode": "breakaway", "reason": "I was ahead."}
MISSED = {
    "number": 2,
    "date": "2026-07-02",
    "stage_type": "flat",
    "ride_mode": "rest",
    "classified_as": "rest",
    "points": 0,
    "bonuses": [],
    "is_completed": False,
    "completed_at": None,
    "ride_key": "",
}
RIDDEN = {
    "number": 1,
    "date": "2026-07-01",
    "stage_type": "flat",
    "ride_mode": "gc",
    "classified_as": "gc",
    "points": 5,
    "bonuses": [],
    "is_completed": True,
    "completed_at": "2026-07-04T05:30:00Z",
    "ride_key": "strava:1",
}
IN_BREAKAWAY = {**RIDDEN, "ride_mode": "breakaway", "points": 8, "bonuses": ["breakaway_1"]}


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def event(tester: User) -> Mission:
    """Four stages up to today: ridden for gc, missed, a rest day, and one that is open."""
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY,
        points_schema=SCHEMA,
    )
    mission.stages.filter(number=3).update(is_rest_day=True)
    first, second = mission.stages.filter(number__lte=2)
    progress.settle(mission, first, StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)
    progress.settle(mission, second, None, now=NOW)
    return mission


def of(mission: Mission, end: str) -> str:
    return f"/api/missions/{mission.pk}{end}"


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, json.dumps(body), "application/json")


def problem(answer: Any) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


def test_progress_tells_where_the_game_stands(as_tester: Client, event: Mission) -> None:
    post(as_tester, of(event, "/stages/1/appeal"), APPEAL)

    assert as_tester.get(of(event, "/progress")).json() == {
        "points_total": 11,
        "of_stages": 8,
        "of_bonuses": 3,
        "stages_total": 3,
        "stages_completed": 1,
        "ghosts": {
            # So far nobody has ridden the third stage: all for GC is not complete.
            "all_gc": {"so_far": 10, "whole": 35},
            "all_breakaway": {"so_far": 19, "whole": 27},
        },
        "stages": [IN_BREAKAWAY, MISSED],
        "bonuses": [
            {
                "name": "breakaway_1",
                "title": "1 stage in the breakaway",
                "count": 1,
                "needed": 1,
                "points": 3,
                "is_earned": True,
                "is_attainable": True,
                "stage_number": 1,
            },
            {
                "name": "all_gc",
                "title": "Every stage for GC",
                "count": 0,
                "needed": 3,
                "points": 20,
                "is_earned": False,
                "is_attainable": False,
                "stage_number": None,
            },
        ],
    }
    assert as_tester.get(of(event, "")).json()["points_total"] == 11


def test_appeal_answers_with_the_stage_as_it_counts_now(as_tester: Client, event: Mission) -> None:
    answer = post(as_tester, of(event, "/stages/1/appeal"), APPEAL)

    assert (answer.status_code, answer.json()) == (200, IN_BREAKAWAY)
    assert list(Appeal.objects.values_list("to_mode", "reason", "by__email")) == [
        ("breakaway", "I was ahead.", event.owner.email)
    ]
    told = AuditEvent.objects.get(kind=AuditEvent.Kind.APPEALED)
    assert (told.user, told.address) == (event.owner, "127.0.0.1")


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"ride_mode": "This field is required.", "reason": "This field is required."}),
        ({**APPEAL, "ride_mode": "rest"}, {"ride_mode": '"rest" is not a valid choice.'}),
        ({**APPEAL, "ride_mode": 5}, {"ride_mode": '"5" is not a valid choice.'}),
        ({**APPEAL, "reason": " me "}, {"reason": "Ensure this field has at least 3 characters."}),
        (
            {**APPEAL, "reason": "x" * 301},
            {"reason": "Ensure this field has no more than 300 characters."},
        ),
        ({**APPEAL, "reason": None}, {"reason": "This field may not be null."}),
    ],
)
def test_appeal_that_is_not_right_says_at_which_field(
    as_tester: Client, event: Mission, body: dict[str, Any], errors: dict[str, str]
) -> None:
    answer = post(as_tester, of(event, "/stages/1/appeal"), body)

    assert answer.status_code == 400
    assert {one["field"]: one["message"] for one in problem(answer)["errors"]} == errors
    assert not Appeal.objects.exists()


@pytest.mark.parametrize(
    ("number", "ride_mode", "detail"),
    [
        (1, "gc", "Stage 1 counts as GC already. Choose another mode."),
        (
            2,
            "gc",
            appeals.MISSED.format(number=2),
        ),
        (3, "gc", "Stage 3 is a rest day: nothing is counted on it."),
        (4, "gc", "Stage 4 is not settled yet. Come back once its ride has counted."),
    ],
)
def test_appeal_that_has_nothing_to_judge_is_a_conflict(
    as_tester: Client, event: Mission, number: int, ride_mode: str, detail: str
) -> None:
    body = {**APPEAL, "ride_mode": ride_mode}

    answer = post(as_tester, of(event, f"/stages/{number}/appeal"), body)

    assert (answer.status_code, problem(answer)["detail"]) == (409, detail)
    assert not Appeal.objects.exists()


@pytest.mark.parametrize("number", ["0", "5", "9" * 30])
def test_appeal_on_a_stage_there_is_none_of_is_not_there(
    as_tester: Client, event: Mission, number: str
) -> None:
    answer = post(as_tester, of(event, f"/stages/{number}/appeal"), APPEAL)

    assert answer.status_code == 404


@pytest.mark.parametrize("body", [APPEAL, {}])
def test_game_of_somebody_else_is_not_there(
    as_stranger: Client, event: Mission, body: dict[str, str]
) -> None:
    assert problem(as_stranger.get(of(event, "/progress")))["status"] == 404
    assert problem(post(as_stranger, of(event, "/stages/1/appeal"), body))["status"] == 404
    assert EventProgress.objects.get(stage__number=1).ride_mode == "gc"


def test_game_asks_who_is_there_first(client: Client, event: Mission) -> None:
    assert problem(client.get(of(event, "/progress")))["status"] == 401
    assert problem(post(client, of(event, "/stages/1/appeal"), APPEAL))["status"] == 401


# The session, its tester, the mission, its stages and its awards.
QUERIES_OF_THE_GAME = 5


@pytest.mark.parametrize("stages", [1, 21])
def test_progress_asks_the_database_as_often_for_many_stages(
    as_tester: Client,
    tester: User,
    stages: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    mission = factories.mission(
        tester, event_start=TODAY + timedelta(days=1), event_end=TODAY + timedelta(days=stages)
    )
    ridden = StageRidden(RideMode.BREAKAWAY, "strava:1", NOW)
    for stage in mission.stages.all():
        progress.settle(mission, stage, ridden, now=NOW)

    with django_assert_num_queries(QUERIES_OF_THE_GAME):
        answer = as_tester.get(of(mission, "/progress"))

    assert len(answer.json()["stages"]) == stages
