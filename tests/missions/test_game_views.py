from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django.asserts import assertContains, assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from missions import appeals, progress
from missions.game_forms import CHOOSE
from missions.models import Appeal, EventProgress, Mission, RideMode
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

ANSWERS = {"ride_mode": "breakaway", "reason": "I was ahead <all day>."}


@pytest.fixture
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def event_of(owner: User, **fields: Any) -> Mission:
    """Four stages up to today: ridden for gc, missed, a rest day, and one that is open."""
    mission = factories.mission(
        owner,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY,
        **fields,
    )
    mission.stages.filter(number=3).update(is_rest_day=True)
    first, second = mission.stages.filter(number__lte=2)
    progress.settle(mission, first, StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)
    progress.settle(mission, second, None, now=NOW)
    return mission


@pytest.fixture
def event(tester: User) -> Mission:
    return event_of(tester)


def page(mission: Mission, number: int = 1) -> str:
    return f"/missions/{mission.pk}/stages/{number}/appeal"


def told(response: Any) -> list[tuple[str, str]]:
    return [(one.level_tag, str(one)) for one in get_messages(response.wsgi_request)]


def outcome(mission: Mission) -> tuple[str, int]:
    row = EventProgress.objects.get(mission=mission, stage__number=1)
    return row.ride_mode, row.points


def test_page_offers_the_other_modes_with_their_points(as_tester: Client, event: Mission) -> None:
    answer = as_tester.get(page(event))

    form = answer.context["form"]
    assert form.fields["ride_mode"].choices == [
        ("breakaway", "breakaway: 8 points"),
        ("steady", "steady: 5 points"),
    ]
    assertContains(answer, "It counts as <strong>GC</strong>, for 5 points.")


def test_page_of_an_appealed_stage_offers_to_take_it_back(
    as_tester: Client, event: Mission
) -> None:
    as_tester.post(page(event), ANSWERS)

    answer = as_tester.get(page(event))

    assert answer.context["form"].fields["ride_mode"].choices == [
        ("gc", "GC: 5 points, as its ride was classified"),
        ("steady", "steady: 5 points"),
    ]
    assertContains(answer, "I was ahead &lt;all day&gt;.")
    assertContains(answer, "as you said; its ride was classified as GC.")


def test_appeal_counts_and_says_so(as_tester: Client, event: Mission) -> None:
    answer = as_tester.post(page(event), ANSWERS)

    assertRedirects(answer, event.get_absolute_url(), fetch_redirect_response=False)
    assert told(answer) == [("success", "Stage 1 counts as breakaway now.")]
    assert outcome(event) == ("breakaway", 8)
    assert Appeal.objects.get().reason == "I was ahead <all day>."


@pytest.mark.parametrize(
    ("answers", "field", "error"),
    [
        ({**ANSWERS, "ride_mode": ""}, "ride_mode", CHOOSE),
        ({**ANSWERS, "ride_mode": "rest"}, "ride_mode", CHOOSE),
        ({**ANSWERS, "ride_mode": "gc"}, "ride_mode", CHOOSE),
        ({**ANSWERS, "reason": "  "}, "reason", "Say why, in a few words."),
        (
            {**ANSWERS, "reason": "me"},
            "reason",
            "Say it in a few more words.",
        ),
        (
            {**ANSWERS, "reason": "x" * 301},
            "reason",
            "Ensure this value has at most 300 characters (it has 301).",
        ),
    ],
)
def test_appeal_that_is_not_right_keeps_what_was_typed(
    as_tester: Client, event: Mission, answers: dict[str, str], field: str, error: str
) -> None:
    answer = as_tester.post(page(event), answers)

    assert answer.context["form"].errors == {field: [error]}
    assertContains(answer, error)
    assert answer.context["form"]["reason"].value() == answers["reason"]
    assert outcome(event) == ("gc", 5)


@pytest.mark.parametrize("send", ["get", "post"])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, appeals.MISSED.format(number=2)),
        (3, "Stage 3 is a rest day: nothing is counted on it."),
        (4, appeals.STILL_OPEN.format(number=4)),
    ],
)
def test_stage_that_has_nothing_to_judge_leads_back_with_the_reason(
    as_tester: Client, event: Mission, number: int, words: str, send: str
) -> None:
    answer = getattr(as_tester, send)(page(event, number), ANSWERS if send == "post" else None)

    assertRedirects(answer, event.get_absolute_url(), fetch_redirect_response=False)
    assert told(answer) == [("error", words)]
    assert not Appeal.objects.exists()


def test_stage_of_an_imported_mission_leads_back_with_the_reason(
    as_tester: Client, tester: User
) -> None:
    answer = as_tester.get(page(event_of(tester, imported_from="tour.toml")))

    assert told(answer) == [("error", appeals.AS_RECORDED)]


@pytest.mark.parametrize("send", ["get", "post"])
def test_stage_of_somebody_else_and_one_there_is_none_of_are_not_there(
    as_stranger: Client, as_tester: Client, event: Mission, send: str
) -> None:
    assert getattr(as_stranger, send)(page(event), ANSWERS).status_code == 404
    assert getattr(as_tester, send)(page(event, 5), ANSWERS).status_code == 404
    assert outcome(event) == ("gc", 5)


@pytest.mark.parametrize("send", ["get", "post"])
def test_visitor_signs_in_first(client: Client, event: Mission, send: str) -> None:
    answer = getattr(client, send)(page(event), ANSWERS)

    assert answer.status_code == 302
    assert answer["Location"].startswith(f"/auth/login?next={page(event)}")
    assert outcome(event) == ("gc", 5)


# The session, its tester, the mission, the stage and its outcome, the appeals.
QUERIES = 5


@pytest.mark.parametrize("said", [1, 21])
def test_page_asks_the_database_as_often_after_many_appeals(
    as_tester: Client, event: Mission, said: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(said):
        mode = RideMode.GC if number % 2 else RideMode.BREAKAWAY
        appeals.appeal(event, 1, to=mode, reason="Again.", by=event.owner, now=NOW)

    with django_assert_num_queries(QUERIES):
        answer = as_tester.get(page(event))

    assert len(answer.context["appeals"]) == said
