from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import User
from coach.checkin.links import Link, Word
from coach.models import CheckIn, MissionRun
from missions.models import Mission
from tests.coach.checkin.test_check_in import put_run
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def address(mission: Mission, word: Word = Word.TIRED, **other: Any) -> str:
    values: dict[str, Any] = {
        "user_id": mission.owner_id,
        "mission_id": mission.pk,
        "local_date": TODAY,
        "word": word,
        **other,
    }
    return f"/check-in/{Link(**values).token}"


def stranger_s_eyes(answer: Any, mission: Mission) -> None:
    """Nothing of the tester may stand on a page that anybody with the mail can open."""
    page = answer.content.decode()
    for private in (mission.name, mission.owner.email, "knee", "Bad night", "Maintain"):
        assert private not in page


def feelings() -> list[tuple[Any, ...]]:
    return list(CheckIn.objects.values_list("feel", "illness", "minutes_today", "source"))


def test_opening_a_link_changes_nothing(
    mission: Mission, client: Client, django_assert_num_queries: Any
) -> None:
    run = put_run(mission, "decided")
    before = MissionRun.objects.values().get()

    with django_assert_num_queries(1):
        answer = client.get(address(mission))
    head = client.head(address(mission))

    page = answer.content.decode()
    assert (answer.status_code, head.status_code) == (200, 200)
    assert "Tell the coach: Tired" in page
    assert page.count("<button") == 1
    assert "check_in.js" in page
    assert "no-store" in answer["Cache-Control"]
    assert MissionRun.objects.values().get() == before
    assert (feelings(), run.asked) == ([], 1)
    stranger_s_eyes(answer, mission)


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        (Word.FINE, (4, "none", None, "link")),
        (Word.TIRED, (2, "", None, "link")),
        (Word.SICK, (1, "below_neck", None, "link")),
        (Word.NO_TIME, (None, "", 0, "link")),
    ],
)
def test_button_tells_the_coach_one_word_without_signing_in(
    mission: Mission, word: Word, kept: tuple[Any, ...]
) -> None:
    run = put_run(mission, "decided")

    answer = Client(enforce_csrf_checks=True).post(address(mission, word))

    run.refresh_from_db()
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "The coach is thinking again; the new brief comes by e-mail." in page
    assert ("Speak to a doctor before you ride." in page) is (word == Word.SICK)
    assert "Take it back" in page
    assert (feelings(), run.outcome, run.asked) == ([kept], "due", 2)
    stranger_s_eyes(answer, mission)


def test_link_keeps_the_rest_of_what_was_said(mission: Mission, client: Client) -> None:
    CheckIn.objects.create(
        user=mission.owner,
        local_date=TODAY,
        feel=5,
        injury_place="knee",
        injury_pain=4,
        note="Bad night",
    )

    answer = client.post(address(mission))

    row = CheckIn.objects.get()
    assert (row.feel, row.injury, row.note) == (2, "knee, pain 4 of 10", "Bad night")
    stranger_s_eyes(answer, mission)


def test_link_tapped_twice_asks_once(mission: Mission, client: Client) -> None:
    run = put_run(mission, "decided")

    client.post(address(mission))
    answer = client.post(address(mission))

    run.refresh_from_db()
    assert "nothing was asked again" in answer.content.decode()
    assert run.asked == 2


def test_link_before_the_morning_s_run_waits_for_it(mission: Mission, client: Client) -> None:
    answer = client.post(address(mission))

    assert "It is kept for this morning’s brief." in answer.content.decode()
    assert MissionRun.objects.count() == 0


def test_word_is_taken_back_and_what_else_was_said_stays(mission: Mission, client: Client) -> None:
    CheckIn.objects.create(user=mission.owner, local_date=TODAY, soreness=2)
    run = put_run(mission, "decided")
    client.post(address(mission, Word.SICK))
    CheckIn.objects.update(feel=3)

    answer = client.post(address(mission, Word.SICK), {"back": "1"})

    run.refresh_from_db()
    row = CheckIn.objects.get()
    assert "Taken back: Sick" in answer.content.decode()
    # How they feel was said anew since: that is not the link's to take back.
    assert (row.feel, row.illness, row.soreness) == (3, "", 2)
    assert run.asked == 2  # nobody had begun the second asking yet


def test_word_taken_back_alone_leaves_no_check_in(mission: Mission, client: Client) -> None:
    client.post(address(mission))

    client.post(address(mission), {"back": "1"})

    assert feelings() == []


def gone(answer: Any, status: int, words: str) -> None:
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "nothing was told" in page
    assert '<a class="button" href="/check-in">' in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_link_that_says_nothing_now_says_so_and_what_to_do(
    mission: Mission, as_tester: Client, as_stranger: Client, method: str
) -> None:
    put_run(mission, "decided")
    yesterday, tomorrow = (TODAY + timedelta(days=by) for by in (-1, 1))

    gone(getattr(as_tester, method)(f"{address(mission)}x"), 404, "not whole")
    for day in (yesterday, tomorrow):
        answer = getattr(as_tester, method)(address(mission, local_date=day))
        gone(answer, 410, "for another morning")
    gone(getattr(as_stranger, method)(address(mission)), 404, "not yours")
    somebody_s = address(mission, user_id=mission.owner_id + 1)
    gone(getattr(Client(), method)(somebody_s), 404, "not yours")

    assert (feelings(), MissionRun.objects.get().asked) == ([], 1)


def test_link_of_the_morning_runs_out_at_the_mission_s_midnight(
    mission: Mission, client: Client
) -> None:
    with time_machine.travel("2026-07-04T21:59:00Z", tick=False):
        assert client.get(address(mission)).status_code == 200
    with time_machine.travel("2026-07-04T22:00:00Z", tick=False):
        assert client.get(address(mission)).status_code == 410


def test_link_of_a_closed_account_says_nothing(mission: Mission, client: Client) -> None:
    User.objects.update(is_active=False)

    gone(client.post(address(mission)), 404, "not yours")


def test_link_without_consent_says_what_to_do(mission: Mission, client: Client) -> None:
    put_run(mission, "decided")
    User.objects.update(health_consent_at=None)

    answer = client.post(address(mission))

    assert answer.status_code == 409
    assert "Allow it in Settings, under Privacy." in answer.content.decode()
    assert (feelings(), MissionRun.objects.get().asked) == ([], 1)


def test_link_while_the_storage_is_away_can_be_tapped_again(
    mission: Mission, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(mission, "decided")

    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    monkeypatch.setattr(default_storage, "save", away)

    answer = client.post(address(mission))

    assert answer.status_code == 503
    assert "Try again in a few minutes." in answer.content.decode()
    assert feelings() == []


def test_link_of_a_mission_that_is_not_live_keeps_it_alone(
    mission: Mission, client: Client
) -> None:
    put_run(mission, "decided")
    Mission.objects.update(state="PREP")

    answer = client.post(address(mission))

    assert "No mission of yours is live" in answer.content.decode()
    assert MissionRun.objects.get().asked == 1


def test_link_tapped_too_often_says_when_to_come_again(
    mission: Mission, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "run": [("account", 1, 3600)]}
    browser = signed_in(mission.owner)

    first, second = (browser.post(address(mission)) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 429)
    assert browser.get(address(mission)).status_code == 200


def test_telling_costs_a_fixed_number_of_queries(
    mission: Mission, client: Client, django_assert_num_queries: Any
) -> None:
    put_run(mission, "decided", artifacts_at=NOW)

    with django_assert_num_queries(17):
        client.post(address(mission))
