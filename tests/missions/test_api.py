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
from missions.models import Mission
from missions.points import DEFAULT_POINTS_SCHEMA
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
    ("POST", "/undo", None),
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
        "event_style": "steady",
        "prep_start": "2026-05-05",
        "event_start": "2026-08-03",
        "event_end": "2026-08-03",
        "timezone": "Europe/Paris",
        "send_time": "06:00:00",
        "wait_minutes": 120,
        "brief_detail": "full",
        "is_brief_mailed": True,
        "weekly_minutes_min": None,
        "weekly_minutes": 420,
        "weekday_minutes": [90] * 7,
        "blackout_dates": [],
        "restrictions": "",
        "min_readiness": 70,
        "min_tsb": -15,
        "force_rest_readiness": 60,
        "force_rest_tsb": -20,
        "max_ramp_rate": 8,
        "max_consecutive_hard_days": 2,
        "max_hard_sessions_per_week": 3,
        "max_rhr": None,
        "max_zone": None,
        "rhr_rise_bpm": 7,
        "max_days_without_rest": 6,
        "usual_ramp_rate": 5,
        "max_load_pct": 150,
        "max_monotony": 2,
        "new_tester_minutes": 75,
        "jet_lag_hours": 3,
        "targets": {},
        "points_schema": DEFAULT_POINTS_SCHEMA,
        "notes": "",
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


def test_wait_for_the_night_is_two_hours_unless_it_is_said(as_tester: Client) -> None:
    made = send(as_tester, "POST", MISSIONS, ANSWERS).json()
    changed = send(as_tester, "PATCH", f"{MISSIONS}/{made['id']}", {"wait_minutes": 30})
    refused = send(as_tester, "PATCH", f"{MISSIONS}/{made['id']}", {"wait_minutes": 45})

    assert (made["wait_minutes"], changed.json()["wait_minutes"]) == (120, 30)
    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (
        400,
        ["wait_minutes"],
    )
    assert Mission.objects.get().wait_minutes == 30


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
    lifecycle.advance(
        mission, to=Mission.State.TRAINING, now=NOW, by=mission.owner, reason="Started."
    )

    answer = send(as_tester, "DELETE", of(mission))

    assert (answer.status_code, answer.content) == (204, b"")
    assert not Mission.objects.exists()
    assert list(PeriodicTask.objects.values_list("enabled", flat=True)) == [False]


# --- stages, prices, preview, undo -------------------------------------------------------------

HILLY = {"date": "2026-08-04", "stage_type": "hilly", "is_rest_day": False}


def days(mission: Mission) -> list[tuple[str, str, bool]]:
    rows = mission.stages.values_list("date", "stage_type", "is_rest_day")
    return [(day.isoformat(), kind, is_rest) for day, kind, is_rest in rows]


def test_stages_that_are_sent_are_written_and_the_others_stay(
    as_tester: Client, mission: Mission
) -> None:
    rest = {"date": "2026-08-05", "stage_type": "flat", "is_rest_day": True}

    answer = send(as_tester, "PATCH", of(mission), {"stages": [rest, HILLY]})

    assert answer.status_code == 200
    assert answer.json()["stages"][1:3] == [{"number": 2, **HILLY}, {"number": 3, **rest}]
    assert days(mission) == [
        ("2026-08-03", "flat", False),
        ("2026-08-04", "hilly", False),
        ("2026-08-05", "flat", True),
        ("2026-08-06", "flat", False),
        ("2026-08-07", "flat", False),
    ]


def test_new_mission_is_made_with_the_stages_that_are_sent(as_tester: Client) -> None:
    answer = send(as_tester, "POST", MISSIONS, {**ANSWERS, "stages": [HILLY]})

    assert [one["stage_type"] for one in answer.json()["stages"]] == ["itt", "hilly"]


@pytest.mark.parametrize(
    ("stages", "error"),
    [
        (
            [{**HILLY, "date": "2026-09-01"}],
            {"field": "stages", "message": "2026-09-01 is not a day of the event."},
        ),
        ([HILLY, HILLY], {"field": "stages", "message": "A day stands in the list twice."}),
        (
            [HILLY, {**HILLY, "stage_type": "cobbles"}],
            {"field": "stages.1.stage_type", "message": '"cobbles" is not a valid choice.'},
        ),
    ],
)
def test_stages_that_are_wrong_are_told_and_nothing_is_written(
    as_tester: Client, mission: Mission, stages: Any, error: dict[str, str]
) -> None:
    before = days(mission)

    answer = send(as_tester, "PATCH", of(mission), {"name": "Shorter", "stages": stages})

    assert (answer.status_code, problem(answer)["errors"]) == (400, [error])
    assert (Mission.objects.get().name, days(mission)) == (mission.name, before)


def test_settled_stages_and_prices_of_an_event_that_is_on_are_conflicts(
    as_tester: Client, tester: User
) -> None:
    mission = factories.mission(tester, event_start=TODAY, state=State.EVENT_ACTIVE)
    progress.settle(mission, mission.stages.all()[0], None, now=NOW)
    settled = {**HILLY, "date": "2026-07-04"}
    prices = {"flat": {"gc": 1, "breakaway": 2}}

    answers = [
        send(as_tester, "PATCH", of(mission), body)
        for body in ({"stages": [settled]}, {"points_schema": prices})
    ]

    assert [(one.status_code, problem(one)["errors"]) for one in answers] == [
        (
            409,
            [
                {
                    "field": "stages",
                    "message": "Stage 1 is settled and can no longer be changed.",
                }
            ],
        ),
        (409, [{"field": "points_schema", "message": editing.PRICES_STAND}]),
    ]
    assert Mission.objects.get().points_schema == DEFAULT_POINTS_SCHEMA
    same = {"stages": [{**settled, "stage_type": "flat"}], "points_schema": DEFAULT_POINTS_SCHEMA}
    assert send(as_tester, "PATCH", of(mission), same).status_code == 200


def test_preview_tells_what_the_change_would_do_and_writes_nothing(
    as_tester: Client, mission: Mission
) -> None:
    before, rows = as_tester.get(of(mission)).json(), Mission.objects.values().get()
    body = {"event_end": "2026-08-08", "stages": [HILLY], "name": "Longer"}

    preview = send(as_tester, "PATCH", of(mission) + "?preview=true", body)

    assert preview.status_code == 200
    assert preview.json()["changes"] == [
        "The event ends 1 day later: 8 August instead of 7 August.",
        "The event has 6 days instead of 5.",
        "A stage is added: 6 on 8 August (flat).",
        "Stage 2, 4 August, becomes hilly instead of flat.",
    ]
    assert as_tester.get(of(mission)).json() == before
    assert (Mission.objects.values().get(), mission.edits.count()) == (rows, 0)
    saved = send(as_tester, "PATCH", of(mission), body)
    assert saved.json() == preview.json()["mission"]


@pytest.mark.parametrize("preview", ["1", "True", ""])
def test_preview_that_is_misspelt_writes_nothing(
    as_tester: Client, mission: Mission, preview: str
) -> None:
    answer = send(as_tester, "PATCH", f"{of(mission)}?preview={preview}", {"name": "Shorter"})

    assert (answer.status_code, problem(answer)["detail"]) == (
        400,
        "preview is either true or false.",
    )
    assert Mission.objects.get().name == mission.name


def test_undo_brings_the_mission_back_as_it_was_once(as_tester: Client, mission: Mission) -> None:
    before = as_tester.get(of(mission)).json()
    send(as_tester, "PATCH", of(mission), {"event_start": "2026-08-05", "stages": []})

    undone = send(as_tester, "POST", of(mission, "/undo"))
    again = send(as_tester, "POST", of(mission, "/undo"))

    assert (undone.status_code, undone.json()) == (200, before)
    assert undone["ETag"] == as_tester.get(of(mission))["ETag"]
    assert (again.status_code, problem(again)["detail"]) == (409, "There is no change to undo.")


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
        (
            *("TRAINING", "PREP", 403),
            "Only an operator can take a mission back into preparation. Ask one.",
        ),
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


def test_transition_tells_who_made_it_and_why(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)

    body = {"to": "TRAINING", "reason": "The knee is well."}
    send(as_tester, "POST", of(mission, "/transition"), body)

    move = mission.moves.get()
    assert (move.by, move.reason, move.at) == (tester, "The knee is well.", NOW)


def test_operator_takes_their_own_mission_back_into_preparation() -> None:
    operator = factories.operator()
    as_operator, mission = signed_in(operator), factories.mission(operator)
    back = {"to": "PREP"}

    silent = send(as_operator, "POST", of(mission, "/transition"), back)
    told = send(as_operator, "POST", of(mission, "/transition"), {**back, "reason": "Too soon."})
    again = send(as_operator, "POST", of(mission, "/transition"), {**back, "reason": "Too soon."})

    assert (silent.status_code, problem(silent)["errors"]) == (
        400,
        [{"field": "reason", "message": "Say why the mission goes back into preparation."}],
    )
    assert (told.status_code, told.json()["state"]) == (200, "PREP")
    assert (again.status_code, problem(again)["detail"]) == (
        409,
        "A mission in preparation cannot move to preparation.",
    )
    assert [move.reason for move in mission.moves.all()] == ["Too soon."]


def test_mission_whose_event_is_over_is_not_started(as_tester: Client, tester: User) -> None:
    over = TODAY - timedelta(days=1)
    mission = factories.mission(tester, state=State.PREP, event_start=over, event_end=over)

    answer = send(as_tester, "POST", of(mission, "/transition"), {"to": "TRAINING"})

    assert (answer.status_code, problem(answer)["detail"]) == (
        409,
        "The event is over. Change its dates first.",
    )


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


# The session and its tester, what the calendar moves, the count, the page, its stages, its points
# and its bonuses.
QUERIES_OF_A_LIST = 8
JSON = "application/json"


@pytest.mark.parametrize("stages", [1, 21])
@pytest.mark.parametrize(("end", "queries"), [("", 7), ("/progress", 5)])
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
        progress.settle(mission, stage, None, now=NOW)

    with django_assert_num_queries(queries):
        answer = as_tester.get(of(mission, end))

    assert len(answer.json()["stages"]) == stages


@pytest.mark.parametrize("day", [{}, {"date": "2026-08-03", "is_rest_day": True}])
def test_day_of_the_plan_is_sent_whole(
    as_tester: Client, mission: Mission, day: dict[str, Any]
) -> None:
    answer = as_tester.patch(f"{MISSIONS}/{mission.pk}", {"stages": [day]}, JSON)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "stages", "message": "Give date and stage_type of each day."}
    ]


@pytest.mark.parametrize("name", ["Tour\nBcc: all@example.org", "Tour \u202eruoT", "To\u0007ur"])
def test_name_is_one_line_of_what_can_be_seen(
    as_tester: Client, mission: Mission, name: str
) -> None:
    answer = as_tester.patch(f"{MISSIONS}/{mission.pk}", {"name": name}, JSON)

    assert [one["field"] for one in answer.json()["errors"]] == ["name"]


def test_list_tells_where_the_calendar_has_them(as_tester: Client, tester: User) -> None:
    factories.mission(tester, event_start=TODAY)

    with time_machine.travel(NOW, tick=False):
        (told,) = as_tester.get(MISSIONS).json()["results"]

    assert told["state"] == "EVENT_ACTIVE"


def test_event_begins_at_once_when_it_is_started_on_its_day(
    as_tester: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=State.PREP, event_start=TODAY)

    with time_machine.travel(NOW, tick=False):
        path = f"{MISSIONS}/{mission.pk}/transition"
        answer = as_tester.post(path, {"to": "TRAINING"}, JSON)

    assert answer.json()["state"] == "EVENT_ACTIVE"
