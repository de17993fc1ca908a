from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy
from coach import feedback
from coach.models import Feedback, MissionRun
from missions.models import Mission
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

HX = {"HX-Request": "true"}
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
        summary="Maintain: 60 min, moderate intensity",
    )


def page(run: MissionRun) -> str:
    return reverse("coach:run-feedback", args=[run.pk])


def api(run: MissionRun) -> str:
    return reverse("api-run-feedback", args=[run.pk])


def said() -> list[tuple[Any, ...]]:
    return list(Feedback.objects.values_list("run", "word", "rpe", "said_at"))


# --- when it can be said -------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "is_open"), [(-1, False), (0, True), (7, True), (8, False)])
def test_workout_is_told_about_from_its_day_to_a_week_later(
    run: MissionRun, days: int, is_open: bool
) -> None:
    assert feedback.is_open(run, NOW + days * DAY) is is_open


def test_day_is_the_mission_s_own(run: MissionRun) -> None:
    run.mission.timezone = "Pacific/Auckland"

    assert feedback.is_open(run, NOW + 7 * DAY + timedelta(hours=6, minutes=29))
    assert not feedback.is_open(run, NOW + 7 * DAY + timedelta(hours=6, minutes=30))


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": reply({"workout_plan": None})},
        {"decision": reply({"workout_plan.duration_minutes": 0})},
        {"decision": None, "outcome": "failed"},
        {"decision": None, "outcome": "due"},
    ],
    ids=["no workout", "no minutes", "failed", "due"],
)
def test_without_a_workout_there_is_nothing_to_say(
    run: MissionRun, as_tester: Client, changes: dict[str, Any]
) -> None:
    MissionRun.objects.filter(pk=run.pk).update(**changes)

    assert "How it went" not in as_tester.get(run.get_absolute_url()).content.decode()
    answer = as_tester.post(page(run), {"word": "done"}, headers=HX)
    assert feedback.NOT_OPEN in answer.content.decode()
    refused = as_tester.put(api(run), {"word": "done"}, content_type="application/json")
    assert (refused.status_code, refused.json()["detail"]) == (409, feedback.NOT_OPEN)
    assert said() == []


# --- the form ------------------------------------------------------------------------------------


def test_said_in_place_it_is_shown_there_and_can_be_changed(
    run: MissionRun, as_tester: Client
) -> None:
    answer = as_tester.post(page(run), {"word": "changed", "rpe": "7"}, headers=HX)

    assert said() == [(run.pk, "changed", 7, NOW)]
    told = answer.content.decode()
    assert "<strong>changed</strong>, effort <strong>7 of 10</strong>" in told
    assert 'data-announce="Saved: changed."' in told
    assert "<html" not in told

    as_tester.post(page(run), {"word": "done", "rpe": ""}, headers=HX)
    assert said() == [(run.pk, "done", None, NOW)]
    assert "effort not said" in as_tester.get("/").content.decode()


def test_without_javascript_the_run_page_shows_it(run: MissionRun, as_tester: Client) -> None:
    answer = as_tester.post(page(run), {"word": "skipped"}, follow=True)

    assert answer.redirect_chain == [(f"/runs/{run.pk}#feedback", 302)]
    assert "You said: <strong>skipped</strong>." in answer.content.decode()


def test_what_was_skipped_has_no_effort(run: MissionRun, as_tester: Client) -> None:
    as_tester.post(page(run), {"word": "skipped", "rpe": "7"})

    assert said() == [(run.pk, "skipped", None, NOW)]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, feedback.CHOOSE),
        ({"word": "nearly"}, feedback.CHOOSE),
        ({"word": "done", "rpe": "11"}, "Select a valid choice"),
        ({"word": "done", "rpe": "0"}, "Select a valid choice"),
    ],
)
def test_wrong_answer_is_told_and_nothing_kept(
    run: MissionRun, as_tester: Client, answers: dict[str, str], words: str
) -> None:
    in_place = as_tester.post(page(run), answers, headers=HX).content.decode()
    whole = as_tester.post(page(run), answers, follow=True).content.decode()

    assert words in in_place
    assert "<details open>" in in_place
    assert words in whole
    assert said() == []


def test_word_of_somebody_who_withdrew_consent_is_not_kept(
    run: MissionRun, as_tester: Client
) -> None:
    privacy.withdraw_consent(run.mission.owner, None, NOW)

    answer = as_tester.post(page(run), {"word": "done"}, headers=HX)
    refused = as_tester.put(api(run), {"word": "done"}, content_type="application/json")

    assert privacy.NOT_ALLOWED in answer.content.decode()
    assert (refused.status_code, refused.json()["detail"]) == (409, privacy.NOT_ALLOWED)
    assert said() == []


def test_said_long_ago_it_stays_to_be_read(run: MissionRun, as_tester: Client) -> None:
    Feedback.objects.create(run=run, word="done", rpe=6, said_at=NOW)

    with time_machine.travel(NOW + 8 * DAY, tick=False):
        told = as_tester.get(run.get_absolute_url()).content.decode()

    assert "effort <strong>6 of 10</strong>" in told
    assert page(run) not in told


def test_only_its_owner_says_anything(run: MissionRun, as_stranger: Client, client: Client) -> None:
    assert as_stranger.post(page(run), {"word": "done"}).status_code == 404
    assert as_stranger.get(api(run)).status_code == 404
    put = as_stranger.put(api(run), {"word": "done"}, content_type="application/json")
    assert put.status_code == 404
    assert client.post(page(run))["Location"] == f"/auth/login?next={page(run)}"
    assert client.get(api(run)).status_code == 401
    assert said() == []


def test_run_that_never_was_is_not_found(as_tester: Client) -> None:
    assert as_tester.post(reverse("coach:run-feedback", args=[uuid4()])).status_code == 404


# --- the API -------------------------------------------------------------------------------------


def test_api_tells_and_takes_it(run: MissionRun, as_tester: Client) -> None:
    nothing = {"word": None, "rpe": None, "said_at": None, "is_open": True}
    assert as_tester.get(api(run)).json() == nothing

    put = as_tester.put(api(run), {"word": "done", "rpe": 6}, content_type="application/json")

    told = {"word": "done", "rpe": 6, "said_at": "2026-07-04T05:30:00Z", "is_open": True}
    assert (put.status_code, put.json(), as_tester.get(api(run)).json()) == (200, told, told)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "word"),
        ({"word": "nearly"}, "word"),
        ({"word": "done", "rpe": 0}, "rpe"),
        ({"word": "done", "rpe": 11}, "rpe"),
        ({"word": "done", "rpe": 6.5}, "rpe"),
        ({"word": "skipped", "rpe": 6}, "rpe"),
    ],
)
def test_api_refuses_what_cannot_be(
    run: MissionRun, as_tester: Client, body: dict[str, Any], wrong: str
) -> None:
    answer = as_tester.put(api(run), body, content_type="application/json")

    assert answer.status_code == 400
    assert wrong in str(answer.json())
    assert said() == []


def test_asking_costs_a_query_beside_the_session(
    run: MissionRun, as_tester: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Feedback.objects.create(run=run, word="done", rpe=6, said_at=NOW)

    with django_assert_num_queries(3):
        as_tester.get(api(run))


def test_effort_is_1_to_10_in_the_database_too(run: MissionRun) -> None:
    for rpe in (0, 11):
        with pytest.raises(IntegrityError), transaction.atomic():
            Feedback.objects.create(run=run, word="done", rpe=rpe)
