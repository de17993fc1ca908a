import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.test import Client, RequestFactory
from django_celery_beat.models import PeriodicTask
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import tokens
from accounts.models import User
from missions import editing, lifecycle, progress
from missions.models import Mission, RideMode
from missions.points import DEFAULT_POINTS_SCHEMA
from missions.progress import StageRidden
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

State = Mission.State
MISSIONS = "/api/missions"
ANSWERS: dict[str, Any] = {
    "name": "Tour of the Valleys",
    "mission_type": "tt_series",
    "event_start": "2026-08-03",
    "event_end": "2026-08-04",
}
NOTHING_HERE = (404, "application/problem+json")


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def of(mission: Mission, end: str = "") -> str:
    return f"{MISSIONS}/{mission.pk}{end}"


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method,
        path,
        "" if body is None else json.dumps(body),
        "application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def problem(answer: Any) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


# --- who may -----------------------------------------------------------------------------------

CALLS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "Mine now"}),
    ("DELETE", "", None),
    ("POST", "/transition", {"to": "TRAINING"}),
    ("GET", "/progress", None),
]


@pytest.mark.parametrize(("method", "end", "body"), CALLS)
def test_mission_of_somebody_else_is_not_there(
    as_stranger: Client, tester: User, method: str, end: str, body: Any
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    row = Mission.objects.values().get()

    answer = send(as_stranger, method, of(mission, end), body)

    assert (answer.status_code, answer["Content-Type"]) == NOTHING_HERE
    assert Mission.objects.values().get() == row
    never = send(as_stranger, method, f"{MISSIONS}/{uuid4()}{end}", body)
    assert never.json() == answer.json()


@pytest.mark.parametrize(("method", "end", "body"), CALLS)
def test_mission_is_for_those_who_are_signed_in(
    client: Client, tester: User, method: str, end: str, body: Any
) -> None:
    mission = factories.mission(tester, state=State.PREP)

    answer = send(client, method, of(mission, end), body)

    assert (answer.status_code, problem(answer)["title"]) == (401, "Sign in first")
    assert Mission.objects.get().state == State.PREP


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_list_is_for_those_who_are_signed_in(client: Client, method: str) -> None:
    assert send(client, method, MISSIONS, ANSWERS if method == "POST" else None).status_code == 401
    assert not Mission.objects.exists()


def test_access_token_opens_the_missions_of_its_owner(
    client: Client, tester: User, mission: Mission, stranger: User
) -> None:
    factories.mission(stranger)
    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access

    answer = send(client, "GET", MISSIONS, Authorization=f"Bearer {access}")

    assert [one["id"] for one in answer.json()["results"]] == [str(mission.pk)]


def test_session_changes_a_mission_only_with_the_csrf_token(tester: User, mission: Mission) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value

    refused = send(browser, "PATCH", of(mission), {"name": "No"})
    allowed = send(browser, "PATCH", of(mission), {"name": "Yes"}, X_CSRFToken=token)

    assert (refused.status_code, allowed.status_code) == (403, 200)
    assert Mission.objects.get().name == "Yes"


# --- reading and making ------------------------------------------------------------------------


def test_mission_is_told_whole(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, event_end=TODAY + timedelta(days=30))

    answer = as_tester.get(of(mission))

    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(mission.pk),
        "state": "TRAINING",
        "name": "Tour of the Valleys",
        "mission_type": "road_stage_race",
        "event_start": "2026-08-03",
        "event_end": "2026-08-03",
        "timezone": "Europe/Paris",
        "send_time": "06:00:00",
        "weekly_minutes": 420,
        "daily_minutes": 90,
        "min_readiness": 70,
        "min_tsb": -15,
        "points_schema": DEFAULT_POINTS_SCHEMA,
        "stages": [{"number": 1, "date": "2026-08-03", "stage_type": "flat", "is_rest_day": False}],
        "points_total": 0,
        "next_run_at": None,
        "created_at": "2026-07-04T05:30:00Z",
        "updated_at": "2026-07-04T05:30:00Z",
    }


def test_list_holds_ones_own_missions_newest_first_by_pages(
    as_tester: Client, tester: User, stranger: User
) -> None:
    factories.mission(stranger)
    names = ["first", "second", "third"]
    for minute, name in enumerate(names):
        with time_machine.travel(NOW + timedelta(minutes=minute), tick=False):
            factories.mission(tester, name=name, state=State.PREP)

    page = as_tester.get(f"{MISSIONS}?page_size=2").json()

    assert (page["count"], [one["name"] for one in page["results"]]) == (3, ["third", "second"])
    rest = as_tester.get(page["next"]).json()
    assert ([one["name"] for one in rest["results"]], rest["next"]) == (["first"], None)
    assert as_tester.get(f"{MISSIONS}?page=9").status_code == 404


def test_new_mission_is_made_in_preparation_with_the_testers_own_mornings(
    as_tester: Client, tester: User
) -> None:
    User.objects.update(send_time="07:15", timezone="Asia/Kathmandu")

    answer = send(as_tester, "POST", MISSIONS, {**ANSWERS, "state": "TRAINING", "owner": 0})

    mission = Mission.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, of(mission))
    assert (mission.owner, mission.state, mission.stages.count()) == (tester, State.PREP, 2)
    assert (mission.timezone, f"{mission.send_time:%H:%M}") == ("Asia/Kathmandu", "07:15")
    assert answer.json() == as_tester.get(of(mission)).json()
    assert answer["ETag"] == as_tester.get(of(mission))["ETag"]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "This field may not be blank."),
        (
            {"event_end": "2026-08-01"},
            "event_end",
            "The last day of the event is before the first.",
        ),
        (
            {"event_start": "2026-06-01", "event_end": "2026-06-02"},
            "event_end",
            "The event is over. Choose dates that are still to come.",
        ),
        (
            {"timezone": "Mars/Base"},
            "timezone",
            "Mars/Base is not a time zone. Choose one from the list, such as Europe/Paris.",
        ),
        ({"min_tsb": 99}, "min_tsb", "Ensure this value is less than or equal to 20."),
        (
            {"points_schema": {"cobbles": {"gc": 1, "breakaway": 2}, "flat": {"gc": 1}}},
            "points_schema",
            '"cobbles" is not a stage type; use one of flat, hilly, mountain, itt, mtn_itt.',
        ),
    ],
)
def test_wrong_answer_is_told_with_its_field_and_nothing_is_made(
    as_tester: Client, changes: dict[str, Any], field: str, message: str
) -> None:
    answer = send(as_tester, "POST", MISSIONS, {**ANSWERS, **changes})

    assert answer.status_code == 400
    assert problem(answer)["errors"][0] == {"field": field, "message": message}
    assert not Mission.objects.exists()


def test_known_version_is_not_sent_again_until_the_mission_changes(
    as_tester: Client, mission: Mission
) -> None:
    known = as_tester.get(of(mission))["ETag"]

    same = send(as_tester, "GET", of(mission), If_None_Match=f'"other", W/{known}')
    # The state moves without the tester's doing, and is part of what is told.
    Mission.objects.update(event_start=TODAY)
    moved = send(as_tester, "GET", of(mission), If_None_Match=known)

    assert (same.status_code, same.content, same["ETag"]) == (304, b"", known)
    assert (moved.status_code, moved.json()["state"]) == (200, "EVENT_ACTIVE")
    assert moved["ETag"] != known


# --- changing ----------------------------------------------------------------------------------


def test_change_writes_what_is_sent_and_leaves_the_rest(
    as_tester: Client, mission: Mission
) -> None:
    before = as_tester.get(of(mission))

    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        answer = send(as_tester, "PATCH", of(mission), {"event_end": "2026-08-03", "state": "PREP"})

    assert answer.status_code == 200
    assert answer.json() == {
        **before.json(),
        "event_end": "2026-08-03",
        "stages": before.json()["stages"][:1],
        "updated_at": "2026-07-04T05:31:00Z",
    }
    assert answer["ETag"] == as_tester.get(of(mission))["ETag"] != before["ETag"]


def test_wrong_change_is_told_with_its_field_and_writes_nothing(
    as_tester: Client, mission: Mission
) -> None:
    answer = send(as_tester, "PATCH", of(mission), {"name": "X", "event_end": "2026-08-01"})

    assert answer.status_code == 400
    assert problem(answer)["errors"] == [
        {"field": "event_end", "message": "The last day of the event is before the first."}
    ]
    assert Mission.objects.get().name == mission.name


def test_complete_mission_is_a_conflict(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.MISSION_COMPLETE)

    answer = send(as_tester, "PATCH", of(mission), {"name": "Shorter"})

    assert (answer.status_code, problem(answer)["detail"]) == (409, editing.COMPLETE)
    assert Mission.objects.get().name == mission.name


def test_first_day_of_an_event_that_is_on_is_a_conflict_that_names_the_field(
    as_tester: Client, tester: User
) -> None:
    mission = factories.mission(tester, event_start=TODAY)

    answer = send(as_tester, "PATCH", of(mission), {"event_start": "2026-07-05"})
    same = send(as_tester, "PATCH", of(mission), {"event_start": "2026-07-04", "name": "Longer"})

    assert answer.status_code == 409
    assert problem(answer)["errors"] == [{"field": "event_start", "message": editing.EVENT_IS_ON}]
    assert (same.status_code, Mission.objects.get().event_start) == (200, TODAY)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("{etag}", 200),
        ('"other", {etag}', 200),
        ("*", 200),
        ('"other"', 412),
        ("W/{etag}", 412),
        ("other", 400),
        ("", 400),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_change_of_a_version_is_made_only_while_it_is_the_newest(
    as_tester: Client, mission: Mission, method: str, version: str, status: int
) -> None:
    etag = as_tester.get(of(mission))["ETag"]

    answer = send(
        as_tester,
        method,
        of(mission),
        {"name": "Shorter"} if method == "PATCH" else None,
        If_Match=version.format(etag=etag),
    )

    is_made = status == 200
    assert answer.status_code == (204 if is_made and method == "DELETE" else status)
    left = Mission.objects.filter(name=mission.name).exists()
    assert left is not is_made


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_of_one_version_at_once_exactly_one_is_made(tester: User) -> None:
    mission = factories.mission(tester)
    clients = [signed_in(tester), signed_in(tester)]
    etag = clients[0].get(of(mission))["ETag"]

    def change(client: Client, name: str) -> int:
        answer = send(client, "PATCH", of(mission), {"name": name}, If_Match=etag)
        return int(answer.status_code)

    codes = at_once(lambda: change(clients[0], "One"), lambda: change(clients[1], "Two"))

    assert sorted(codes) == [200, 412]
    assert Mission.objects.get().name == ("One" if codes[0] == 200 else "Two")


def test_deleted_mission_takes_its_wake_up_along(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW)

    answer = send(as_tester, "DELETE", of(mission))

    assert (answer.status_code, answer.content) == (204, b"")
    assert not Mission.objects.exists()
    assert list(PeriodicTask.objects.values_list("enabled", flat=True)) == [False]


# --- moving ------------------------------------------------------------------------------------


def test_transition_starts_training(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)

    answer = send(as_tester, "POST", of(mission, "/transition"), {"to": "TRAINING"})

    assert (answer.status_code, answer.json()["state"]) == (200, "TRAINING")
    assert answer.json()["next_run_at"] == "2026-07-05T04:00:00Z"
    assert answer["ETag"] == as_tester.get(of(mission))["ETag"]


@pytest.mark.parametrize(
    ("state", "to", "status", "detail"),
    [
        ("PREP", "RACING", 400, '"RACING" is not a valid choice.'),
        (
            *("TRAINING", "EVENT_ACTIVE", 403),
            "The calendar makes this move, on the dates of the event.",
        ),
        (
            *("TRAINING", "MISSION_COMPLETE", 403),
            "The calendar makes this move, on the dates of the event.",
        ),
        ("TRAINING", "PREP", 409, "A mission in training cannot move to preparation."),
        ("MISSION_COMPLETE", "TRAINING", 409, "A mission in complete cannot move to training."),
    ],
)
def test_transition_that_is_not_to_be_made_is_refused_in_words(
    as_tester: Client, tester: User, state: str, to: str, status: int, detail: str
) -> None:
    mission = factories.mission(tester, state=state)

    answer = send(as_tester, "POST", of(mission, "/transition"), {"to": to})

    assert (answer.status_code, problem(answer)["detail"]) == (status, detail)
    assert Mission.objects.get().state == state


def test_transition_of_a_second_mission_is_a_conflict(
    as_tester: Client, tester: User, mission: Mission
) -> None:
    second = factories.mission(tester, state=State.PREP)

    answer = send(as_tester, "POST", of(second, "/transition"), {"to": "TRAINING"})

    assert (answer.status_code, problem(answer)["detail"]) == (
        409,
        "You have a live mission already. Finish that one before you start another.",
    )


# --- the game and the database -----------------------------------------------------------------


def test_progress_tells_the_points_and_each_settled_stage(
    as_tester: Client, mission: Mission
) -> None:
    first, second = mission.stages.all()[:2]
    progress.settle(mission, first, StageRidden(RideMode.BREAKAWAY, "strava:1", NOW))
    progress.settle(mission, second, None)

    told = as_tester.get(of(mission, "/progress")).json()

    missed = {"ride_mode": "rest", "points": 0, "is_completed": False}
    ridden = {"ride_mode": "breakaway", "points": 8, "is_completed": True}
    assert told == {
        "points_total": 8,
        "stages_total": 5,
        "stages": [
            {"number": 1, "stage_type": "flat", **ridden},
            {"number": 2, "stage_type": "flat", **missed},
        ],
    }
    assert as_tester.get(of(mission)).json()["points_total"] == 8


@pytest.mark.parametrize("missions", [1, 9])
def test_list_asks_the_database_as_often_for_many_missions(
    as_tester: Client,
    tester: User,
    missions: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(missions):
        factories.mission(tester, state=State.MISSION_COMPLETE)

    with django_assert_num_queries(QUERIES_OF_A_LIST):
        answer = as_tester.get(MISSIONS)

    assert len(answer.json()["results"]) == missions


# The session and its tester, the count, the page, its stages and its points.
QUERIES_OF_A_LIST = 6


@pytest.mark.parametrize("stages", [1, 21])
@pytest.mark.parametrize(("end", "queries"), [("", 6), ("/progress", 5)])
def test_mission_asks_the_database_as_often_for_many_stages(
    as_tester: Client,
    tester: User,
    stages: int,
    end: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    last = date(2026, 8, 3) + timedelta(days=stages - 1)
    mission = factories.mission(tester, event_end=last)
    for stage in mission.stages.all():
        progress.settle(mission, stage, None)

    with django_assert_num_queries(queries):
        answer = as_tester.get(of(mission, end))

    assert len(answer.json()["stages"]) == stages
