from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import User
from coach.models import CheckIn, MissionRun
from missions.models import Mission
from tests.coach.checkin.test_check_in import put_run
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

PATH = "/api/check-in"
NOTHING: dict[str, Any] = {
    "feel": None,
    "soreness": None,
    "illness": None,
    "injury_place": None,
    "injury_pain": None,
    "red_flags": [],
    "minutes_today": None,
    "note": None,
    "local_date": "2026-07-04",
    "said_by": None,
    "said_at": None,
}


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def put(browser: Client, **body: Any) -> Any:
    return browser.put(PATH, body, content_type="application/json")


def test_what_was_not_said_is_null(mission: Mission, as_tester: Client) -> None:
    answer = as_tester.get(PATH)

    assert (answer.status_code, answer.json()) == (200, NOTHING)


def test_put_keeps_it_and_has_the_coach_asked_again(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, "decided")

    answer = put(as_tester, feel=2, illness="fever", red_flags=["palpitations"], note=" so\nso ")

    said = {
        **NOTHING,
        "feel": 2,
        "illness": "fever",
        "red_flags": ["palpitations"],
        "note": "so so",
        "said_by": "api",
        "said_at": "2026-07-04T05:30:00Z",
    }
    assert answer.status_code == 200
    assert answer.json() == {
        "check_in": said,
        "outcome": "asked",
        "detail": "The coach is thinking again; the new brief comes by e-mail.",
        "run": str(run.pk),
    }
    assert as_tester.get(PATH).json() == said
    assert MissionRun.objects.get().asked == 2


def test_put_replaces_all_of_it(mission: Mission, as_tester: Client) -> None:
    put(as_tester, feel=2, soreness=1)

    second = put(as_tester, soreness=2, feel=None)
    third = put(as_tester)

    assert (second.json()["check_in"]["feel"], second.json()["check_in"]["soreness"]) == (None, 2)
    assert (third.json()["check_in"], CheckIn.objects.count()) == (NOTHING, 0)
    assert put(as_tester).json()["outcome"] == "unchanged"


def test_put_that_is_not_right_says_where(mission: Mission, as_tester: Client) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"feel": 6}, "feel"),
        ({"feel": "great"}, "feel"),
        ({"soreness": -1}, "soreness"),
        ({"illness": "plague"}, "illness"),
        ({"illness": ""}, "illness"),
        ({"injury_pain": 4}, "injury_place"),
        ({"red_flags": ["an omen"]}, "red_flags.0"),
        ({"red_flags": None}, "red_flags"),
        ({"minutes_today": 721}, "minutes_today"),
        ({"note": "x" * 501}, "note"),
    ]

    for body, field in wrong:
        answer = put(as_tester, **body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert CheckIn.objects.count() == 0


def test_put_without_consent_is_refused(mission: Mission, as_tester: Client) -> None:
    User.objects.update(health_consent_at=None)

    answer = put(as_tester, feel=2)

    assert (answer.status_code, CheckIn.objects.count()) == (409, 0)
    assert "Allow it in Settings" in answer.json()["detail"]


def test_put_while_the_storage_is_away_is_to_be_repeated(
    mission: Mission, as_tester: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(mission, "decided")

    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    monkeypatch.setattr(default_storage, "save", away)

    assert put(as_tester, feel=2).status_code == 503
    assert CheckIn.objects.count() == 0


def test_put_too_often_says_when_to_come_again(
    mission: Mission, as_tester: Client, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "run": [("account", 1, 3600)]}

    first, second = put(as_tester, feel=2), put(as_tester, feel=3)

    assert (first.status_code, second.status_code) == (200, 429)
    assert second["Retry-After"] == "1800"


def test_check_in_is_everybody_s_own(
    mission: Mission, as_tester: Client, as_stranger: Client, client: Client
) -> None:
    put(as_tester, feel=2)

    assert as_stranger.get(PATH).json()["feel"] is None
    assert put(as_stranger, feel=5).json()["outcome"] == "not_live"
    assert as_tester.get(PATH).json()["feel"] == 2
    assert (client.get(PATH).status_code, put(client, feel=1).status_code) == (401, 401)
    assert set(CheckIn.objects.values_list("user", "local_date", "feel")) == {
        (mission.owner_id, TODAY, 2),
        (User.objects.get(email="stranger@example.org").pk, TODAY, 5),
    }


def test_calls_cost_a_fixed_number_of_queries(
    mission: Mission, as_tester: Client, django_assert_num_queries: Any
) -> None:
    as_tester.get("/")
    put_run(mission, "decided", artifacts_at=NOW)

    with django_assert_num_queries(5):
        as_tester.get(PATH)
    with django_assert_num_queries(21):
        put(as_tester, feel=2)
