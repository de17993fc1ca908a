from datetime import timedelta
from typing import Any

import pytest

from coach.models import Feedback, MissionRun
from coach.past_runs import past_runs
from coach.situation import PastRun
from missions.models import Mission
from tests import factories
from tests.coach.samples import DECISION
from tests.factories import TODAY

pytestmark = pytest.mark.django_db


def run(mission: Mission, days_ago: int, **fields: Any) -> MissionRun:
    values = {"outcome": "decided", "decision": DECISION, "trigger": "schedule", **fields}
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY - timedelta(days=days_ago), **values
    )


def told(mission: Mission, *kept_back: str) -> list[PastRun]:
    return list(past_runs(mission, TODAY, kept_back))


def test_past_run_tells_what_was_decided_and_what_became_of_it(mission: Mission) -> None:
    done = {"minutes": 61.4, "load": 44.4, "hard_minutes": 0, "ride_key": "strava:1"}
    row = run(mission, 1, done=done)
    Feedback.objects.create(run=row, word="changed", rpe=6)

    assert told(mission) == [
        PastRun(
            date=TODAY - timedelta(days=1),
            action="maintain",
            intensity="moderate",
            minutes=60,
            load=42.0,
            word="changed",
            rpe=6,
            ridden_minutes=61,
            ridden_load=44.0,
            ridden_hard_minutes=0.0,
        )
    ]


def test_past_run_without_a_workout_or_an_answer_is_told_as_far_as_it_goes(
    mission: Mission,
) -> None:
    day = TODAY - timedelta(days=1)
    run(mission, 1, decision={**DECISION, "workout_plan": None, "recommended_ride_mode": "rest"})
    run(mission, 2, outcome="failed", decision=None)

    assert told(mission) == [
        PastRun(date=day, action="maintain", intensity="moderate", ride_mode="rest"),
        PastRun(date=day - timedelta(days=1), action=None),
    ]


def test_missed_day_is_not_told_as_one_that_was_coached(mission: Mission) -> None:
    run(mission, 1, outcome="missed", decision=None)
    run(mission, 2)

    assert [one.date for one in told(mission)] == [TODAY - timedelta(days=2)]


def test_past_runs_are_the_last_five_finished_ones_of_the_mission_newest_first(
    mission: Mission,
) -> None:
    other = factories.mission(factories.tester("other@example.org"))
    run(other, 1)
    run(mission, 0)
    run(mission, -1)
    run(mission, 1, outcome="under_way", decision=None)
    for days in range(2, 9):
        run(mission, days)

    assert [(TODAY - one.date).days for one in told(mission)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("done", "minutes"),
    [
        ({"minutes": 60, "ride_key": "strava:1"}, [60, None, 60]),
        ({"minutes": 60, "source": "strava"}, [60, None, 60]),
        # Of no known source it may be of one that is kept back.
        ({"minutes": 60}, [60, None, None]),
    ],
)
def test_ride_of_a_source_that_is_kept_back_is_not_told(
    mission: Mission, done: dict[str, Any], minutes: list[int | None]
) -> None:
    run(mission, 1, done=done, situation={"kept_back": ["oura", "strava"]})

    ridden = [told(mission, *kept)[0].ridden_minutes for kept in ((), ("strava",), ("oura",))]

    assert ridden == minutes


def test_day_on_which_a_source_counted_is_not_told_once_it_is_kept_back(mission: Mission) -> None:
    run(mission, 1, situation={"kept_back": ["strava"]})
    run(mission, 2, situation={"kept_back": []})
    run(mission, 3, situation=None)
    run(mission, 4, outcome="failed", decision=None)

    days = {
        kept: [(TODAY - one.date).days for one in told(mission, *kept)]
        for kept in ((), ("strava",), ("oura", "strava"))
    }

    assert days == {(): [1, 2, 3, 4], ("strava",): [1, 4], ("oura", "strava"): [4]}


@pytest.mark.parametrize("count", [1, 5])
def test_past_runs_are_one_query_however_many(
    mission: Mission, count: int, django_assert_num_queries: Any
) -> None:
    for days in range(1, count + 1):
        Feedback.objects.create(run=run(mission, days), word="done")

    with django_assert_num_queries(1):
        assert len(told(mission)) == count
