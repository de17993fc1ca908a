from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from missions import editing, progress
from missions.appeals import appeal
from missions.changes import Day
from missions.models import EventProgress, Mission, RideMode, StageType
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

BREAKAWAY = StageRidden(RideMode.BREAKAWAY, "strava:77", NOW)
GC = replace(BREAKAWAY, ride_mode=RideMode.GC)
LONGER = StageRidden(RideMode.GC, "strava:78", NOW)


@pytest.fixture
def event(tester: User) -> Mission:
    """An event of three days that began yesterday: flat, mountain, and a day of rest."""
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY + timedelta(days=1),
    )
    mission.stages.filter(number=2).update(stage_type=StageType.MOUNTAIN)
    mission.stages.filter(number=3).update(is_rest_day=True)
    return mission


def plan(mission: Mission) -> list[tuple[int, date, str, bool]]:
    return list(mission.stages.values_list("number", "date", "stage_type", "is_rest_day"))


def day(number: int) -> date:
    """The date of the event's stage of that number, as first planned."""
    return TODAY - timedelta(days=2) + timedelta(days=number)


# --- the plan ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mission_type", "stage_type"),
    [
        ("road_stage_race", "flat"),
        ("gravel_ultra", "hilly"),
        ("tt_series", "itt"),
        ("gran_fondo", "hilly"),
        ("century", "flat"),
        ("indoor_tour", "flat"),
        ("other", "flat"),
    ],
)
def test_plan_is_one_usual_stage_for_each_day(
    tester: User, mission_type: str, stage_type: str
) -> None:
    mission = factories.mission(
        tester,
        mission_type=mission_type,
        event_start=TODAY,
        event_end=TODAY + timedelta(days=1),
    )

    assert plan(mission) == [
        (1, TODAY, stage_type, False),
        (2, TODAY + timedelta(days=1), stage_type, False),
    ]


def test_plan_of_one_day_is_one_stage(tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY, event_end=TODAY)

    assert plan(mission) == [(1, TODAY, "flat", False)]


def test_plan_made_again_for_the_same_days_touches_no_row(
    event: Mission, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [(stage.pk, stage.stage_type) for stage in event.stages.all()]

    with django_assert_num_queries(1):
        progress.plan_stages(event)

    assert [(stage.pk, stage.stage_type) for stage in event.stages.all()] == rows


def test_longer_event_keeps_the_plan_of_its_days(event: Mission) -> None:
    event.event_end += timedelta(days=1)

    progress.plan_stages(event)

    assert plan(event) == [
        (1, day(1), "flat", False),
        (2, day(2), "mountain", False),
        (3, day(3), "flat", True),
        (4, day(4), "flat", False),
    ]


def test_shorter_event_loses_the_days_that_it_lost(event: Mission) -> None:
    event.event_end -= timedelta(days=1)

    progress.plan_stages(event)

    assert plan(event) == [(1, day(1), "flat", False), (2, day(2), "mountain", False)]


def test_event_that_begins_a_day_later_counts_its_stages_anew(event: Mission) -> None:
    event.event_start += timedelta(days=1)

    progress.plan_stages(event)

    assert plan(event) == [(1, day(2), "mountain", False), (2, day(3), "flat", True)]


def test_changed_dates_leave_a_settled_stage_alone(event: Mission) -> None:
    settled = settle(event, 1, BREAKAWAY)
    event.event_end += timedelta(days=1)

    progress.plan_stages(event)

    assert [number for number, *_ in plan(event)] == [1, 2, 3, 4]
    assert list(EventProgress.objects.all()) == [settled]
    assert event.stages.get(number=1) == settled.stage


def test_plan_leaves_the_stages_of_others_alone(event: Mission, stranger: User) -> None:
    other = factories.mission(stranger)
    before = plan(other)

    event.event_end += timedelta(days=1)
    progress.plan_stages(event)

    assert plan(other) == before


# --- the outcome -------------------------------------------------------------------------------


def settle(mission: Mission, number: int, ridden: StageRidden | None) -> EventProgress:
    return progress.settle(mission, mission.stages.get(number=number), ridden, now=NOW)


def kept(mission: Mission) -> tuple[list[Any], list[Any]]:
    """Every column of the outcomes and of the awards."""
    return list(mission.progress.values()), list(mission.awards.values())


def awards(mission: Mission) -> list[tuple[Any, ...]]:
    rows = mission.awards.select_related("progress__stage")
    return [(row.name, row.points, row.progress and row.progress.stage.number) for row in rows]


def test_settled_stage_has_its_mode_its_points_and_its_ride(event: Mission) -> None:
    row = settle(event, 2, BREAKAWAY)

    assert (row.mission, row.stage) == (event, event.stages.get(number=2))
    assert (row.ride_mode, row.classified_as, row.points, row.ride_key) == (
        *("breakaway", "breakaway", 15),
        "strava:77",
    )
    assert (row.completed_at, row.settled_at) == (NOW, NOW)
    assert event.points_total() == 15


def test_stage_without_a_ride_is_missed_and_worth_nothing(event: Mission) -> None:
    row = settle(event, 1, None)

    assert (row.ride_mode, row.points, row.ride_key, row.completed_at) == ("rest", 0, "", None)


def test_stage_without_a_price_is_worth_nothing(event: Mission) -> None:
    Mission.objects.update(points_schema={"flat": {"gc": 5, "breakaway": 8}})

    row = settle(event, 2, BREAKAWAY)

    assert (row.ride_mode, row.points) == ("breakaway", 0)


def test_stage_settled_again_as_it_was_is_not_written(event: Mission) -> None:
    for number, ridden in ((1, None), (2, BREAKAWAY)):
        settle(event, number, ridden)
    before = kept(event)

    later = NOW + timedelta(hours=1)
    progress.settle(event, event.stages.get(number=1), None, now=later)
    progress.settle(event, event.stages.get(number=2), BREAKAWAY, now=later)

    assert kept(event) == before


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (None, BREAKAWAY, ("breakaway", 8, "strava:77", NOW)),
        (BREAKAWAY, LONGER, ("gc", 5, "strava:78", NOW)),
        (BREAKAWAY, None, ("rest", 0, "", None)),
        # The same ride with other numbers, for its rider mended it.
        (BREAKAWAY, replace(BREAKAWAY, ride_mode=RideMode.GC), ("gc", 5, "strava:77", NOW)),
    ],
    ids=["late", "longer", "deleted", "mended"],
)
def test_stage_settled_anew_has_its_new_outcome(
    event: Mission,
    first: StageRidden | None,
    second: StageRidden | None,
    outcome: tuple[Any, ...],
) -> None:
    settle(event, 1, first)
    later = NOW + timedelta(hours=1)

    row = progress.settle(event, event.stages.get(number=1), second, now=later)

    row.refresh_from_db()
    assert (row.ride_mode, row.points, row.ride_key, row.completed_at) == outcome
    assert row.settled_at == later
    assert EventProgress.objects.count() == 1


@pytest.mark.parametrize(
    ("ridden", "counts_as"),
    [
        (BREAKAWAY, ("gc", "breakaway")),
        (replace(BREAKAWAY, ride_mode=RideMode.STEADY), ("gc", "steady")),
        (replace(BREAKAWAY, ride_mode=RideMode.GC), ("gc", "gc")),
        (replace(BREAKAWAY, ride_key="strava:99"), ("breakaway", "breakaway")),
        (None, ("rest", "rest")),
    ],
    ids=["same ride", "same ride mended", "mended to what was said", "another ride", "no ride"],
)
def test_appeal_holds_as_long_as_the_same_ride_counts(
    event: Mission, ridden: StageRidden | None, counts_as: tuple[str, str]
) -> None:
    settle(event, 1, BREAKAWAY)
    appeal(event, 1, to=RideMode.GC, reason="I sat in.", by=event.owner, now=NOW)

    row = settle(event, 1, ridden)

    assert (row.ride_mode, row.classified_as) == counts_as


def test_appeal_holds_when_the_numbers_agree_for_a_while(event: Mission) -> None:
    settle(event, 1, GC)
    appeal(event, 1, to=RideMode.BREAKAWAY, reason="I was ahead.", by=event.owner, now=NOW)

    for mode in (RideMode.BREAKAWAY, RideMode.GC):
        row = settle(event, 1, replace(GC, ride_mode=mode))

    assert (row.ride_mode, row.classified_as, row.points) == ("breakaway", "gc", 8)


def test_appeal_that_was_taken_back_holds_no_more(event: Mission) -> None:
    settle(event, 1, BREAKAWAY)
    for mode in (RideMode.GC, RideMode.BREAKAWAY):
        appeal(event, 1, to=mode, reason="On second thought.", by=event.owner, now=NOW)

    row = settle(event, 1, replace(BREAKAWAY, ride_mode=RideMode.STEADY))

    assert row.ride_mode == "steady"


@pytest.mark.parametrize(
    ("before", "numbers"), [(day(1), []), (day(2), [1]), (day(3), [1, 2]), (day(9), [1, 2])]
)
def test_past_are_the_stages_of_days_that_are_over_settled_or_not(
    event: Mission, before: date, numbers: list[int]
) -> None:
    row = settle(event, 1, BREAKAWAY)

    stages = list(progress.past_stages(event, before))

    assert [stage.number for stage in stages] == numbers
    assert [progress.outcome_of(stage) for stage in stages] == [row, None][: len(numbers)]


# --- the bonuses -------------------------------------------------------------------------------


@pytest.fixture
def rich(event: Mission) -> Mission:
    """The event with a bonus for two stages in a row and one for a breakaway."""
    event.points_schema["bonuses"] = {
        "consecutive_2": {"threshold": 2, "points": 5},
        "breakaway_1": {"threshold": 1, "points": 3},
    }
    event.save()
    return event


def test_bonus_is_awarded_with_the_stage_that_completed_it(rich: Mission) -> None:
    settle(rich, 2, BREAKAWAY)
    assert awards(rich) == [("breakaway_1", 3, 2)]

    settle(rich, 1, LONGER)

    assert awards(rich) == [("breakaway_1", 3, 2), ("consecutive_2", 5, 2)]
    assert rich.points_total() == 15 + 5 + 3 + 5


def test_bonus_that_is_earned_no_more_goes(rich: Mission) -> None:
    settle(rich, 1, LONGER)
    settle(rich, 2, BREAKAWAY)

    settle(rich, 2, None)

    assert awards(rich) == []
    assert rich.points_total() == 5


def test_bonus_that_another_stage_completes_now_follows_it(rich: Mission) -> None:
    settle(rich, 2, BREAKAWAY)

    settle(rich, 1, BREAKAWAY)

    assert awards(rich) == [("breakaway_1", 3, 1), ("consecutive_2", 5, 2)]


def test_bonus_has_the_points_that_stand_in_the_schema_now(rich: Mission) -> None:
    settle(rich, 1, BREAKAWAY)
    rich.points_schema["bonuses"]["breakaway_1"]["points"] = 30
    rich.save()

    settle(rich, 1, BREAKAWAY)

    assert awards(rich) == [("breakaway_1", 30, 1)]


def test_bonus_follows_the_plan_when_it_is_changed_and_when_that_is_undone(
    event: Mission,
) -> None:
    """The second stage of two is a mountain, too, until its rider makes it a flat one."""
    schema = {"bonuses": {"all_mountains_breakaway": {"threshold": 2, "points": 10}}}
    Mission.objects.update(points_schema={**event.points_schema, **schema})
    event.stages.filter(number=1).update(stage_type=StageType.MOUNTAIN)
    event.refresh_from_db()
    settle(event, 1, BREAKAWAY)
    assert awards(event) == []

    easier = Day(day(2), StageType.FLAT, is_rest_day=False)
    editing.keep(event, NOW, by=event.owner, stages=[easier])
    assert awards(event) == [("all_mountains_breakaway", 10, 1)]

    editing.take_back(event, NOW)
    assert awards(event) == []


def test_awards_of_an_imported_mission_stay_as_they_were_recorded(rich: Mission) -> None:
    rich.awards.create(name="all_gc", points=25)
    Mission.objects.update(imported_from="tour.toml")
    rich.refresh_from_db()

    progress.award(rich, NOW)

    assert awards(rich) == [("all_gc", 25, None)]


@pytest.mark.django_db(transaction=True)
def test_stage_settled_at_once_by_many_is_awarded_once() -> None:
    schema = {
        "flat": {"gc": 5, "breakaway": 8},
        "bonuses": {"breakaway_1": {"threshold": 1, "points": 3}},
    }
    mission = factories.mission(
        factories.tester(), event_start=TODAY, event_end=TODAY, points_schema=schema
    )
    stage = mission.stages.get()

    rows = at_once(*[partial(progress.settle, mission, stage, BREAKAWAY, now=NOW)] * 4)

    assert len(set(rows)) == 1
    assert awards(mission) == [("breakaway_1", 3, 1)]
    assert mission.points_total() == 11


@pytest.mark.django_db(transaction=True)
def test_stages_settled_at_once_complete_their_bonus_once() -> None:
    """Neither sees the other's stage unless one waits for the other."""
    schema = {
        "flat": {"gc": 5, "breakaway": 8},
        "bonuses": {"breakaway_3": {"threshold": 3, "points": 3}},
    }
    mission = factories.mission(
        factories.tester(),
        event_start=TODAY,
        event_end=TODAY + timedelta(days=2),
        points_schema=schema,
    )

    at_once(
        *[
            partial(progress.settle, mission, stage, BREAKAWAY, now=NOW)
            for stage in mission.stages.all()
        ]
    )

    assert awards(mission) == [("breakaway_3", 3, 3)]
    assert mission.points_total() == 27
