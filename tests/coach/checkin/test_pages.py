from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.conf import settings as site
from django.contrib.messages import get_messages
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import User
from coach.models import CheckIn, MissionRun
from coach.referral import SENTENCE
from missions.models import Mission
from tests.coach.checkin.test_check_in import put_run
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

HX = {"HX-Request": "true"}
PATH = "/check-in"
EVERYTHING = {
    "feel": "2",
    "minutes_today": "45",
    "soreness": "1",
    "illness": "above_neck",
    "injury_place": "knee",
    "injury_pain": "5",
    "red_flags": ["palpitations"],
    "note": "Bad\n night",
}
IN_WORDS = (
    "Tired; a little sore; a cold; knee, pain 5 of 10; palpitations; "
    "45 min to ride today; “Bad night”."
)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def kept() -> list[tuple[Any, ...]]:
    names = ("feel", "soreness", "illness", "injury_place", "injury_pain", "red_flags")
    return list(CheckIn.objects.values_list(*names, "minutes_today", "note", "source"))


def test_form_keeps_every_answer_and_leads_back_home(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, "decided")

    answer = as_tester.post(PATH, EVERYTHING)

    run.refresh_from_db()
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert kept() == [(2, 1, "above_neck", "knee", 5, ["palpitations"], 45, "Bad night", "page")]
    assert [str(one) for one in get_messages(answer.wsgi_request)] == [
        "The coach is thinking again; the new brief comes by e-mail."
    ]
    assert (run.outcome, run.asked) == ("due", 2)


def test_form_in_place_shows_what_was_said_and_the_run_that_begins(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission, "decided")

    page = as_tester.post(PATH, EVERYTHING, headers=HX).content.decode()

    assert page.strip().startswith('<section class="card check-in" id="check-in"')
    assert IN_WORDS in page
    assert SENTENCE in page
    assert "The coach is thinking again" in page
    assert 'id="today" tabindex="-1" aria-labelledby="today-title" hx-swap-oob="true"' in page
    assert f'hx-get="/runs/{run.pk}/status?shown=' in page
    assert "made again, with what you said" in page
    assert "<html" not in page


def test_form_in_place_leaves_today_s_brief_where_nothing_is_asked(
    mission: Mission, as_tester: Client
) -> None:
    page = as_tester.post(PATH, {"feel": "4"}, headers=HX).content.decode()

    assert "It is kept for this morning’s brief." in page
    assert 'id="today"' not in page
    assert SENTENCE not in page


def test_form_replaces_what_was_said_before(mission: Mission, as_tester: Client) -> None:
    as_tester.post(PATH, EVERYTHING)

    as_tester.post(PATH, {"feel": "4"})

    assert kept() == [(4, None, "", "", None, [], None, "", "page")]


def test_everything_is_taken_back_with_one_button(mission: Mission, as_tester: Client) -> None:
    as_tester.post(PATH, EVERYTHING)

    page = as_tester.post(PATH, {**EVERYTHING, "back": "1"}, headers=HX).content.decode()

    assert kept() == []
    assert "How are you this morning?" in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "Say one thing at least, then press the button."),
        ({"note": "  "}, "Say one thing at least"),
        ({"feel": "6"}, "is not one of the available choices"),
        ({"injury_pain": "4"}, "Say where it hurts."),
        ({"minutes_today": "721"}, "less than or equal to 720"),
        ({"red_flags": "an omen"}, "is not one of the available choices"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HX])
def test_form_that_is_not_right_says_why_and_keeps_nothing(
    mission: Mission,
    as_tester: Client,
    wrong: dict[str, Any],
    words: str,
    headers: dict[str, str],
) -> None:
    answer = as_tester.post(PATH, wrong, headers=headers)

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert ("<html" in answer.content.decode()) is (not headers)
    assert kept() == []


def test_form_without_consent_says_what_to_do(mission: Mission, as_tester: Client) -> None:
    User.objects.update(health_consent_at=None)

    page = as_tester.post(PATH, {"feel": "2"}).content.decode()

    assert "Allow it in Settings, under Privacy." in page
    assert kept() == []


def test_form_while_the_storage_is_away_keeps_what_was_typed(
    mission: Mission, as_tester: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(mission, "decided")

    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    monkeypatch.setattr(default_storage, "save", away)

    page = as_tester.post(PATH, {"feel": "2", "note": "Bad night"}).content.decode()

    assert "Try again in a few minutes." in page
    assert 'value="Bad night"' in page
    assert kept() == []


def test_page_of_its_own_shows_the_form_or_what_was_said(
    mission: Mission, as_tester: Client, as_stranger: Client
) -> None:
    before = as_tester.get(PATH).content.decode()
    CheckIn.objects.create(user=mission.owner, local_date=TODAY, feel=2)
    after = as_tester.get(PATH).content.decode()
    theirs = as_stranger.get(PATH).content.decode()

    assert "Take it all back" not in before
    assert "Tired." in after
    assert "Take it all back" in after
    assert "Tired." not in theirs
    assert "<html" not in as_tester.get(PATH, headers=HX).content.decode()


def test_page_is_for_those_who_are_signed_in(client: Client, mission: Mission) -> None:
    for answer in (client.get(PATH), client.post(PATH, {"feel": "2"})):
        assert answer["Location"] == "/auth/login?next=/check-in"
    assert kept() == []


def test_form_is_refused_without_its_token(mission: Mission) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mission.owner, site.AUTHENTICATION_BACKENDS[0])

    assert browser.post(PATH, {"feel": "2"}).status_code == 403
    assert kept() == []


def test_form_sent_too_often_says_when_to_come_again(
    mission: Mission, as_tester: Client, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "run": [("account", 1, 3600)]}

    codes = [as_tester.post(PATH, {"feel": feel}).status_code for feel in ("1", "2")]

    assert codes == [302, 429]
    assert as_tester.get(PATH).status_code == 200


def test_home_has_the_form_above_what_comes_and_below_what_is_there(
    mission: Mission, as_tester: Client
) -> None:
    waiting = as_tester.get("/").content.decode()
    put_run(mission, "decided")
    decided = as_tester.get("/").content.decode()

    assert waiting.index('id="check-in"') < waiting.index('id="today"')
    assert decided.index('id="today"') < decided.index('id="check-in"')
    for page in (waiting, decided):
        assert page.count('name="feel"') == 5
        assert 'hx-post="/check-in"' in page


def test_home_shows_what_was_said_and_folds_the_form(mission: Mission, as_tester: Client) -> None:
    CheckIn.objects.create(user=mission.owner, local_date=TODAY, feel=2, red_flags=["palpitations"])

    page = as_tester.get("/").content.decode()

    assert "Tired; palpitations." in page
    assert SENTENCE in page
    assert "Change it" in page


def test_home_has_no_form_where_nobody_would_use_it(mission: Mission, as_tester: Client) -> None:
    put_run(mission, "decided")

    for state in ("PREP", "MISSION_COMPLETE"):
        Mission.objects.update(state=state)
        assert 'id="check-in"' not in as_tester.get("/").content.decode()
    Mission.objects.update(state="TRAINING")
    assert 'id="check-in"' in as_tester.get("/").content.decode()
    User.objects.update(health_consent_at=None)
    assert 'id="check-in"' not in as_tester.get("/").content.decode()


def test_page_and_form_cost_a_fixed_number_of_queries(
    mission: Mission, django_assert_num_queries: Any
) -> None:
    browser = signed_in(mission.owner)
    browser.get("/")
    put_run(mission, "decided", artifacts_at=NOW)

    with django_assert_num_queries(5):
        browser.get(PATH)
    with django_assert_num_queries(21):
        browser.post(PATH, EVERYTHING, headers=HX)
    assert MissionRun.objects.get().asked == 2
