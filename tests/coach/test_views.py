import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from coach.models import MissionRun
from missions.models import Mission
from tests.coach.conftest import Message
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
HX = {"HX-Request": "true"}
HOME = "/"
UNDER_WAY = "Your brief is being made."


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def run_now(mission: Mission) -> str:
    return reverse("coach:run-now", args=[mission.pk])


def run_status(run: MissionRun) -> str:
    return reverse("coach:run-status", args=[run.pk])


def runs() -> list[tuple[Any, ...]]:
    return [
        (run.mission_id, run.local_date, run.trigger, run.outcome)
        for run in MissionRun.objects.all()
    ]


def decided(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome=Outcome.DECIDED,
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
        summary="Maintain: 60 min, moderate intensity",
    )


def test_run_now_opens_today_s_run_and_tells_a_worker(
    mission: Mission,
    as_tester: Client,
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post(run_now(mission))

    assert (answer.status_code, answer["Location"]) == (302, HOME)
    assert runs() == [(mission.pk, TODAY, "tester", "due")]
    assert published == [
        ("coach.run_mission_day", (mission.owner_id, str(mission.pk), "2026-07-04"))
    ]


def test_run_now_pressed_again_changes_nothing(mission: Mission, as_tester: Client) -> None:
    run = decided(mission)
    before = MissionRun.objects.values().get()

    first = as_tester.post(run_now(mission), headers=HX)
    second = as_tester.post(run_now(mission), headers=HX)

    assert MissionRun.objects.values().get() == before
    assert [part.context["run"] for part in (first, second)] == [run, run]
    assert "Maintain" in second.content.decode()


def test_run_now_answers_a_fragment_that_asks_for_itself_again(
    mission: Mission, as_tester: Client
) -> None:
    answer = as_tester.post(run_now(mission), headers=HX)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.strip().startswith('<section class="card today" id="today"')
    assert f'hx-get="{run_status(MissionRun.objects.get())}?shown=' in page
    assert UNDER_WAY in page
    assert "<html" not in page


@pytest.mark.parametrize("state", ["PREP", "MISSION_COMPLETE"])
def test_run_now_is_refused_with_words_for_a_mission_that_is_not_live(
    mission: Mission, as_tester: Client, state: str
) -> None:
    Mission.objects.update(state=state)

    answer = as_tester.post(run_now(mission), follow=True)

    assert runs() == []
    assert answer.redirect_chain == [(HOME, 302)]
    assert [str(message) for message in answer.context["messages"]] == [
        "The coach only works on a mission in training or in its event."
    ]


def test_run_now_that_is_refused_in_place_loads_home_as_a_page(
    mission: Mission, as_tester: Client
) -> None:
    Mission.objects.update(state=Mission.State.MISSION_COMPLETE)

    answer = as_tester.post(run_now(mission), headers=HX)

    assert (answer.status_code, answer["HX-Redirect"], answer.content) == (200, HOME, b"")


def test_run_now_pressed_too_often_says_when_to_come_again(
    mission: Mission, as_tester: Client, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "run": [("account", 2, 3600)]}

    codes = [as_tester.post(run_now(mission), headers=HX).status_code for _ in range(2)]
    answer = as_tester.post(run_now(mission), headers=HX)

    assert codes == [200, 200]
    assert (answer.status_code, answer["Retry-After"]) == (429, "1800")


def test_run_now_is_not_there_for_a_stranger(mission: Mission, as_stranger: Client) -> None:
    assert as_stranger.post(run_now(mission)).status_code == 404
    assert runs() == []


def test_run_now_is_for_those_who_are_signed_in(mission: Mission, client: Client) -> None:
    answer = client.post(run_now(mission))

    assert answer["Location"] == f"/auth/login?next={run_now(mission)}"
    assert runs() == []


def test_run_now_is_never_a_link(mission: Mission, as_tester: Client) -> None:
    assert as_tester.get(run_now(mission)).status_code == 405
    assert runs() == []


def test_run_now_is_refused_without_the_form_s_token(mission: Mission) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mission.owner, backend=settings.AUTHENTICATION_BACKENDS[0])

    assert browser.post(run_now(mission)).status_code == 403
    assert runs() == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"outcome": Outcome.DUE}, UNDER_WAY),
        ({"outcome": Outcome.UNDER_WAY, "lease_until": NOW + timedelta(minutes=1)}, UNDER_WAY),
        ({"outcome": Outcome.FAILED, "finished_at": NOW}, "No guidance"),
    ],
)
def test_run_status_shows_a_run_without_a_brief(
    mission: Mission, as_tester: Client, fields: dict[str, Any], words: str
) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="tester", **fields)

    page = as_tester.get(run_status(run)).content.decode()

    assert words in page
    assert ("hx-get" in page) is (not run.is_finished)


def test_run_status_of_a_decided_run_is_the_brief_and_asks_no_more(
    mission: Mission, as_tester: Client
) -> None:
    run = decided(mission)

    answer = as_tester.get(run_status(run))

    page = answer.content.decode()
    assert "hx-get" not in page
    assert answer.context["brief"].first_line == run.summary
    assert 'data-announce="Maintain: 60 min, moderate intensity"' in page
    assert run.get_absolute_url() in page


def waiting(mission: Mission, **fields: Any) -> MissionRun:
    """A run that waits for the night until eight in Paris, and looks again before."""
    values = {
        "start_at": NOW + timedelta(minutes=15),
        "publish_at": NOW + timedelta(minutes=15),
        "wait_until": NOW + timedelta(minutes=30),
        "trigger": "schedule",
        **fields,
    }
    return MissionRun.objects.create(mission=mission, local_date=TODAY, **values)


def text_of(page: str) -> str:
    """As it is read, without its tags and line breaks."""
    return " ".join(strip_tags(page).split())


def test_run_that_waits_for_the_night_says_until_when_and_is_seldom_asked_for(
    mission: Mission, as_tester: Client
) -> None:
    run = waiting(mission)

    page = as_tester.get(run_status(run)).content.decode()

    words = "Your brief is made as soon as it is in, and at 08:00 without it."
    assert f"Waiting for last night’s sleep. {words} Get it now, without it" in text_of(page)
    assert f'action="{run_now(mission)}"' in page
    assert 'hx-trigger="every 60s"' in page
    assert UNDER_WAY not in page


def test_run_that_waits_names_the_zone_where_it_is_not_the_testers(
    mission: Mission, as_tester: Client
) -> None:
    Mission.objects.update(timezone="Europe/London")

    page = as_tester.get(run_status(waiting(mission))).content.decode()

    assert "and at 07:00 London time without it." in text_of(page)


def test_run_whose_model_could_not_be_asked_says_when_it_is_again(
    mission: Mission, as_tester: Client
) -> None:
    drawn_up = situation().model_dump(mode="json")
    run = waiting(mission, situation=drawn_up, wait_until=None, setbacks=1)

    page = as_tester.get(run_status(run)).content.decode()

    assert "It could not be made yet; we try again at 07:45. You need not stay here." in text_of(
        page
    )
    assert 'hx-trigger="every 10s"' in page
    assert "<form" not in page


def test_page_that_shows_a_wait_is_left_as_it_is_until_that_changes(
    mission: Mission, as_tester: Client
) -> None:
    run = waiting(mission)
    [asked] = re.findall(r'hx-get="([^"]+)"', as_tester.get(run_status(run)).content.decode())

    same = as_tester.get(asked)
    MissionRun.objects.update(start_at=NOW)
    begun = as_tester.get(asked)

    assert (same.status_code, same.content) == (204, b"")
    assert (begun.status_code, UNDER_WAY in begun.content.decode()) == (200, True)


def test_run_now_ends_the_wait_for_the_night(mission: Mission, as_tester: Client) -> None:
    run = waiting(mission)

    page = as_tester.post(run_now(mission), headers=HX).content.decode()

    run.refresh_from_db()
    assert (run.start_at, run.wait_until) == (NOW, None)
    assert UNDER_WAY in page


@pytest.mark.parametrize(
    ("days_ago", "state", "is_offered"),
    [(0, "TRAINING", True), (1, "TRAINING", False), (0, "PREP", False)],
)
def test_missed_run_says_so_and_offers_today_s_brief(
    mission: Mission, as_tester: Client, days_ago: int, state: str, is_offered: bool
) -> None:
    Mission.objects.update(state=state)
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=days_ago),
        trigger="schedule",
        outcome=Outcome.MISSED,
        finished_at=NOW,
    )

    page = as_tester.get(run_status(run)).content.decode()

    assert "We were not able to make this morning’s brief in time" in text_of(page)
    assert ("Get today’s brief" in page) is is_offered
    assert ("hx-trigger" in page, "No guidance" in page) == (False, False)


def test_status_of_a_run_that_waits_costs_no_more_queries(
    mission: Mission, as_tester: Client, django_assert_num_queries: Any
) -> None:
    run = waiting(mission)

    with django_assert_num_queries(3):
        as_tester.get(run_status(run))


def test_run_status_is_asked_for_with_two_queries_beside_the_session(
    mission: Mission, as_tester: Client, django_assert_num_queries: Any
) -> None:
    run = decided(mission)

    with django_assert_num_queries(3):
        as_tester.get(run_status(run))


def test_run_status_is_not_there_for_a_stranger(mission: Mission, as_stranger: Client) -> None:
    assert as_stranger.get(run_status(decided(mission))).status_code == 404


def test_run_status_of_a_run_that_never_was_is_not_found(as_tester: Client) -> None:
    assert as_tester.get(reverse("coach:run-status", args=[uuid4()])).status_code == 404


def test_run_status_is_for_those_who_are_signed_in(mission: Mission, client: Client) -> None:
    run = decided(mission)

    assert client.get(run_status(run))["Location"] == f"/auth/login?next={run_status(run)}"


def test_run_status_is_only_read(mission: Mission, as_tester: Client) -> None:
    assert as_tester.post(run_status(decided(mission))).status_code == 405
