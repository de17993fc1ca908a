from datetime import date, timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from accounts.models import Ftp, User
from coach.best_line import BestLine
from coach.event_facts import bonus_progress, told_line
from coach.observe import draw_up
from coach.situation import Situation
from connections import readings
from missions.game import game_of
from missions.models import Mission, RideMode
from missions.progress import StageRidden, settle
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def event(tester: User) -> Mission:
    """Five flat days, the second of them today, and a known form that no limit holds back."""
    Ftp.objects.create(user=tester, effective_date=ago(200), power_w=200)
    factories.connection(tester, last_success_at=NOW - timedelta(minutes=6))
    for days in range(1, 60):
        factories.ride(tester, ago(days), np_w=120.0)
    return factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=ago(1),
        event_end=ago(-3),
        min_tsb=-60,
        force_rest_tsb=-80,
    )


def situation(mission: Mission, count: CaptureQueriesContext | None = None) -> Situation:
    read = readings.gather(mission.owner, TODAY)
    if count is None:
        return draw_up(mission, read, local_date=TODAY, now=NOW)
    with count:
        return draw_up(mission, read, local_date=TODAY, now=NOW)


def test_best_line_is_a_number_by_its_name_and_what_each_mode_makes_of_it(event: Mission) -> None:
    settle(event, event.stages.get(number=1), StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)

    progress = situation(event).progress or {}

    # Readiness is unknown today: no breakaway; from tomorrow on three, and five in a row.
    assert progress["best_line"] == {
        "what": "best total still possible under the limits",
        "points": 5 + 5 + 3 * 8 + 5,
        "points_by_mode_today": {"rest": 5 + 3 * 8, "gc": 39, "breakaway": None},
    }
    assert progress["bonus_progress"] == {"consecutive_5": {"count": 1, "needed": 5, "points": 5}}
    assert progress["bonuses_attainable"] == ["consecutive_5"]


def test_best_line_keeps_the_limits_of_the_mission(event: Mission) -> None:
    event.min_tsb, event.force_rest_tsb = -15, -20
    settle(event, event.stages.get(number=1), StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)

    progress = situation(event).progress or {}

    # Ninety minutes are far more than this rider is used to.
    assert progress["best_line"]["points"] < 39


def test_day_without_time_leaves_the_best_line_only_rest_today(event: Mission) -> None:
    settle(event, event.stages.get(number=1), StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)
    event.owner.check_ins.create(local_date=TODAY, minutes_today=0)

    progress = situation(event).progress or {}

    assert progress["best_line"]["points_by_mode_today"] == {
        "rest": 29,
        "gc": None,
        "breakaway": None,
    }


def test_stage_that_is_ridden_already_leaves_no_choice_for_today(event: Mission) -> None:
    settle(event, event.stages.get(number=1), StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)
    factories.ride(event.owner, TODAY, started_at=NOW - timedelta(hours=2), np_w=120.0)

    drawn_up = situation(event)

    assert drawn_up.today.stage is not None
    assert drawn_up.today.stage.completed
    line = (drawn_up.progress or {})["best_line"]
    # For GC today, as it was ridden.
    assert (line["points"], line["points_by_mode_today"]) == (39, {})


def test_best_line_that_cannot_be_told_says_why() -> None:
    assert told_line(BestLine(reason="no_form")) == {
        "what": "best total still possible under the limits",
        "points": None,
        "reason": "no_form",
    }


def test_earned_and_lost_bonuses_have_no_progress(event: Mission) -> None:
    event.points_schema["bonuses"] = {
        "consecutive_1": {"threshold": 1, "points": 2},
        "breakaway_3": {"threshold": 3, "points": 4},
        "all_gc": {"threshold": 5, "points": 9},
    }
    event.save()
    ridden = StageRidden(RideMode.BREAKAWAY, "strava:1", NOW)
    settle(event, event.stages.get(number=1), ridden, now=NOW)

    assert bonus_progress(game_of(event)) == {"breakaway_3": {"count": 1, "needed": 3, "points": 4}}


@pytest.mark.parametrize("count", [1, 20])
def test_situation_costs_the_same_queries_however_much_there_is(
    event: Mission, count: int, django_assert_num_queries: Any
) -> None:
    """Check-ins, today's stage, past runs; of the game the stages and the awards."""
    for days in range(count):
        event.owner.check_ins.create(local_date=ago(days), illness="above_neck")
        event.runs.create(
            local_date=ago(1 + days), trigger="schedule", outcome="failed", done={"minutes": 60}
        )
    read = readings.gather(event.owner, TODAY)

    with django_assert_num_queries(6):
        drawn_up = draw_up(event, read, local_date=TODAY, now=NOW)

    assert len(drawn_up.last_runs) == min(count, 5)
