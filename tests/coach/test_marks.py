from datetime import timedelta

import pytest

from coach import marks
from coach.models import CheckIn, Feedback, MissionRun
from tests.factories import NOW, TODAY


def run(**fields: object) -> MissionRun:
    values = {"local_date": TODAY, "outcome": "due", "start_at": NOW, "asked": 1, **fields}
    return MissionRun(pk="b41c0a9e-1f1f-4a56-9d5c-1f0f6f0f0a01", **values)


def test_mark_of_a_run_is_the_same_while_it_shows_the_same() -> None:
    assert marks.of_run(run(), NOW) == marks.of_run(run(), NOW + timedelta(seconds=30))


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "under_way"},
        {"situation": {}},
        {"asked": 2},
        {"outcome": "decided", "finished_at": NOW},
        {"start_at": NOW + timedelta(minutes=5)},
        {"start_at": NOW + timedelta(minutes=5), "wait_until": NOW + timedelta(hours=1)},
    ],
)
def test_mark_of_a_run_changes_with_what_is_shown_of_it(change: dict[str, object]) -> None:
    assert marks.of_run(run(**change), NOW) != marks.of_run(run(), NOW)


def test_nothing_said_has_a_mark_of_its_own() -> None:
    said, checked = Feedback(said_at=NOW), CheckIn(said_at=NOW)

    assert marks.of_run(None, NOW) != marks.of_run(run(), NOW)
    assert marks.of_feedback(None) != marks.of_feedback(said)
    assert marks.of_check_in(None, TODAY) != marks.of_check_in(checked, TODAY)


def test_mark_tells_nothing_of_what_it_stands_for() -> None:
    assert len(marks.of("a", "b")) == 16
