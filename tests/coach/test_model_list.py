"""Models that are switched off: read off their server's list, and told in time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from coach import llm, model_list, tasks
from coach.model_list import look, look_when_due, notices
from coach.models import KnownModel
from notifications.models import Notification
from tests.conftest import StandIns

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LAST_DAY = date(2027, 1, 14)
IN_52_DAYS = "{} is switched off on 14 January 2027, in 52 days."


@pytest.fixture(autouse=True)
def _november(settings: LazySettings) -> Any:
    settings.COACH_MODEL_BUILDER = "gpt-6-luna"
    with time_machine.travel(NOW, tick=False):
        yield


def listing(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, object] | str) -> list[str]:
    """The server's list as it is told each time; a word is the kind of a failure."""
    told, asked = list(answers), []

    def listed() -> dict[str, object]:
        asked.append("asked")
        answer = told.pop(0)
        if isinstance(answer, str):
            raise llm.Unanswered(answer, "It failed.")
        return answer

    monkeypatch.setattr(llm, "listed", listed)
    return asked


def models(**last_days: object) -> dict[str, object]:
    told: dict[str, object] = {"gpt-4o": None, "gpt-4o-mini": None, "gpt-6-luna": None}
    return {**told, **{name.replace("_", "-"): day for name, day in last_days.items()}}


def rows() -> dict[str, tuple[date | None, bool]]:
    return {row.name: (row.shutdown_date, row.is_listed) for row in KnownModel.objects.all()}


def subjects() -> list[str]:
    return [mail.subject for mail in Notification.objects.order_by("pk")]


def test_stand_in_s_list_is_kept_and_told(stand_ins: StandIns) -> None:
    look(NOW)

    assert rows() == {
        "gpt-4o": (LAST_DAY, True),
        "gpt-4o-mini": (LAST_DAY, True),
        "gpt-6-luna": (None, True),
    }
    assert notices(NOW) == [IN_52_DAYS.format("gpt-4o"), IN_52_DAYS.format("gpt-4o-mini")]
    assert subjects() == [
        "Lanterne Rouge alert: the model gpt-4o",
        "Lanterne Rouge alert: the model gpt-4o-mini",
    ]
    mail = Notification.objects.order_by("pk")[0]
    assert (mail.kind, mail.recipients) == ("alert", ["ops@example.org"])
    assert mail.text.startswith(IN_52_DAYS.format("gpt-4o"))


def test_day_is_told_from_60_days_before_until_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listing(monkeypatch, models(gpt_4o="2027-01-14"))
    look(NOW)
    row = KnownModel.objects.get(name="gpt-4o")

    words = {ago: model_list.words_for(row, LAST_DAY - timedelta(days=ago)) for ago in (61, 60)}
    end = {ago: model_list.words_for(row, LAST_DAY - timedelta(days=ago)) for ago in (1, 0, -1)}

    assert words == {
        61: "",
        60: "gpt-4o is switched off on 14 January 2027, in 60 days.",
    }
    assert end == {
        1: "gpt-4o is switched off on 14 January 2027, in 1 day.",
        0: "gpt-4o is switched off on 14 January 2027, in 0 days.",
        -1: "gpt-4o was to be switched off on 14 January 2027, and is still in use.",
    }


def test_operators_are_mailed_once_for_a_model_and_again_when_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far, near, nearer = "2027-12-31", "2027-01-14", "2026-12-11"
    days = [far, near, near, nearer, None, nearer]
    listing(monkeypatch, *(models(gpt_4o=day) for day in days))

    mailed = []
    for number in range(len(days)):
        look(NOW + timedelta(days=number))
        mailed.append(len(subjects()))

    assert mailed == [0, 1, 1, 2, 2, 3]


def test_model_that_is_not_listed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = models()
    del answer["gpt-4o"]
    listing(monkeypatch, answer, models())

    look(NOW)
    assert notices(NOW) == ["The server of the models does not list gpt-4o, which is in use."]
    assert subjects() == ["Lanterne Rouge alert: the model gpt-4o"]

    look(NOW)
    assert notices(NOW) == []


def test_list_that_cannot_be_read_is_logged_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listing(monkeypatch, models(gpt_4o="2027-01-14"), "timeout")
    look(NOW)
    before = rows()

    look(NOW + timedelta(days=1))

    assert rows() == before
    assert [record.getMessage() for record in caplog.records] == [
        "model list: could not be read, timeout"
    ]


def test_last_day_that_is_none_is_unknown_and_logged_without_its_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listing(monkeypatch, models(gpt_4o="next winter", gpt_4o_mini=["2027-01-14"]))

    look(NOW)

    assert {day for day, _ in rows().values()} == {None}
    assert [record.getMessage() for record in caplog.records] == [
        "model list: a last day could not be read, str",
        "model list: a last day could not be read, list",
    ]


def test_list_is_asked_for_once_a_day_and_in_the_hour_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = listing(monkeypatch, "model_error", models(), models())
    counts = []
    for minutes in (0, 10, 59, 61, 90, 61 + 23 * 60, 62 + 24 * 60):
        now = NOW + timedelta(minutes=minutes)
        with time_machine.travel(now, tick=False):
            look_when_due(now)
        counts.append(len(asked))

    assert counts == [1, 1, 1, 2, 2, 2, 3]


def test_task_looks_at_the_list(stand_ins: StandIns) -> None:
    tasks.look_at_models()

    assert sorted(rows()) == ["gpt-4o", "gpt-4o-mini", "gpt-6-luna"]


def test_model_that_is_used_no_longer_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    listing(monkeypatch, models(), models(mine=None))
    look(NOW)
    settings.COACH_MODEL_TRAINING = settings.COACH_MODEL_EVENT = "mine"

    look(NOW)

    assert sorted(rows()) == ["gpt-6-luna", "mine"]


def test_console_says_what_was_never_or_long_ago_looked_up(
    monkeypatch: pytest.MonkeyPatch, as_operator: Client
) -> None:
    page = as_operator.get("/admin/").content.decode()
    assert (
        "Not yet looked up in the model server’s list: gpt-4o, gpt-4o-mini, gpt-6-luna."
    ) in page

    listing(monkeypatch, models())
    look(NOW)
    page = as_operator.get("/admin/").content.decode()
    assert "Not yet looked up" not in page
    assert "was last read" not in page
    assert notices(NOW + timedelta(days=4)) == [
        "The model server’s list was last read on 23 November 2026."
    ]


def test_console_s_first_page_shows_a_model_that_goes_away(
    stand_ins: StandIns, as_operator: Client
) -> None:
    look(NOW)

    page = as_operator.get("/admin/").content.decode()

    assert IN_52_DAYS.format("gpt-4o-mini") in page


def test_no_mail_is_written_where_no_operator_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.OPERATOR_EMAILS = []
    listing(monkeypatch, models(gpt_4o="2027-01-14"))

    look(NOW)

    assert (subjects(), notices(NOW)) == ([], [IN_52_DAYS.format("gpt-4o")])


def test_notices_take_one_query(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    listing(monkeypatch, models(gpt_4o="2027-01-14"))
    look(NOW)

    with django_assert_num_queries(1):
        notices(NOW)
