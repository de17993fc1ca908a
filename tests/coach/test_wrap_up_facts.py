from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import Ftp, User
from coach.models import MissionRun
from coach.wrap_up.facts import Facts, draw_up
from missions.models import BonusAward, Mission
from tests import factories
from tests.coach.test_wrap_up import FIRST, LAST, over
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SCHEMA = {
    "flat": {"gc": 5, "breakaway": 8},
    "bonuses": {
        "breakaway_1": {"threshold": 1, "points": 11},
        "consecutive_3": {"threshold": 3, "points": 7},
    },
}


@pytest.fixture(autouse=True)
def _the_morning_after() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def complete(tester: User) -> Mission:
    mission = over(tester, points_schema=SCHEMA, event_style="breakaway")
    BonusAward.objects.create(mission=mission, name="breakaway_1", points=11)
    return mission


def run(mission: Mission, day: date, outcome: str) -> None:
    decision: dict[str, Any] | None = {} if outcome == "decided" else None
    MissionRun.objects.create(
        mission=mission, local_date=day, trigger="schedule", outcome=outcome, decision=decision
    )


def test_facts_are_those_of_the_rows(complete: Mission) -> None:
    Ftp.objects.create(user=complete.owner, effective_date=FIRST, power_w=200)
    for number, day in ((1, FIRST), (2, FIRST + timedelta(days=1))):
        factories.ride(complete.owner, day, external_id=str(number), duration_s=5400)
    run(complete, FIRST, "decided")
    run(complete, LAST, "failed")

    assert draw_up(complete, TODAY).model_dump(mode="json") == {
        "mission_type": "road_stage_race",
        "event_style": "breakaway",
        "event_start": "2026-07-01",
        "event_end": "2026-07-03",
        "event_days": 3,
        "rest_days": 0,
        "points_total": 24,
        "points_of_stages": 13,
        "points_of_bonuses": 11,
        "points_all_gc": 22,
        "points_all_breakaway": 42,
        "stages_planned": 3,
        "stages_completed": 2,
        "stages_missed": 1,
        "stages_open": 0,
        "mode_counts": {"gc": 1, "breakaway": 1, "steady": 0},
        "stages": [
            {
                "number": 1,
                "date": "2026-07-01",
                "stage_type": "flat",
                "outcome": "ridden",
                "ride_mode": "gc",
                "points": 5,
                "minutes": 90,
                "load": 96,
            },
            {
                "number": 2,
                "date": "2026-07-02",
                "stage_type": "flat",
                "outcome": "ridden",
                "ride_mode": "breakaway",
                "points": 8,
                "minutes": 90,
                "load": 96,
            },
            {
                "number": 3,
                "date": "2026-07-03",
                "stage_type": "flat",
                "outcome": "missed",
                "ride_mode": None,
                "points": 0,
                "minutes": None,
                "load": None,
            },
        ],
        "bonuses": [
            {
                "name": "consecutive_3",
                "title": "3 stages in a row",
                "points": 7,
                "count": 2,
                "needed": 3,
                "is_earned": False,
            },
            {
                "name": "breakaway_1",
                "title": "1 stage in the breakaway",
                "points": 11,
                "count": 1,
                "needed": 1,
                "is_earned": True,
            },
        ],
        "briefs_written": 1,
        "briefs_failed": 1,
        "event_minutes": 180,
        "event_time": "3 h 0 min",
        "event_load": 192,
        "unknown": [],
        "kept_back": [],
        "left_out": [],
    }


def unknown(facts: Facts) -> tuple[Any, ...]:
    return facts.event_minutes, facts.event_time, facts.event_load, facts.unknown


def test_ride_that_is_gone_leaves_its_time_and_load_unknown(complete: Mission) -> None:
    factories.ride(complete.owner, FIRST, external_id="1")

    facts = draw_up(complete, TODAY)

    known = [stage.minutes for stage in facts.stages]
    assert (known, unknown(facts)) == (
        [60, None, None],
        (None, None, None, ("how long you rode on every stage", "how hard every stage was")),
    )


def test_open_stage_is_neither_ridden_nor_missed(complete: Mission) -> None:
    complete.progress.filter(stage__number=3).delete()

    facts = draw_up(complete, TODAY)

    assert (facts.stages_completed, facts.stages_missed, facts.stages_open) == (2, 0, 1)
    assert facts.stages[2].outcome == "open"
    assert facts.unknown[0] == "how every stage went"


def test_rest_day_is_no_stage(complete: Mission) -> None:
    complete.progress.filter(stage__number=3).delete()
    complete.stages.filter(number=3).update(is_rest_day=True)

    facts = draw_up(complete, TODAY)

    assert [stage.number for stage in facts.stages] == [1, 2]
    assert (facts.rest_days, facts.stages_planned, facts.points_all_breakaway) == (1, 2, 27)


def test_mission_without_any_outcome_has_facts_too(complete: Mission) -> None:
    complete.progress.all().delete()
    complete.awards.all().delete()

    facts = draw_up(complete, TODAY)

    assert (facts.points_total, facts.stages_open, unknown(facts)) == (
        0,
        3,
        (None, None, None, ("how every stage went",)),
    )


def test_facts_are_read_back_as_they_were_kept(complete: Mission) -> None:
    facts = draw_up(complete, TODAY)

    assert Facts.model_validate(facts.model_dump(mode="json")) == facts


@pytest.mark.parametrize("days", [1, 21])
def test_facts_cost_as_many_queries_for_one_stage_as_for_many(
    tester: User, django_assert_num_queries: Any, days: int
) -> None:
    start = LAST - timedelta(days=days - 1)
    mission = factories.mission(tester, state="MISSION_COMPLETE", event_start=start, event_end=LAST)

    with django_assert_num_queries(12):
        draw_up(mission, TODAY)
