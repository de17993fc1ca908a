from datetime import date, timedelta
from functools import partial

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from missions import progress
from missions.models import EventProgress, Mission, RideMode, Stage, StageType
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

BREAKAWAY = StageRidden(RideMode.BREAKAWAY, "strava:77", NOW)


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
    settled = progress.settle(event, event.stages.get(number=1), BREAKAWAY)
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


def test_settled_stage_has_its_mode_its_points_and_its_ride(event: Mission) -> None:
    stage = event.stages.get(number=2)

    row = progress.settle(event, stage, BREAKAWAY)

    assert (row.mission, row.stage) == (event, stage)
    assert (row.ride_mode, row.points, row.ride_key, row.completed_at) == (
        *("breakaway", 15, "strava:77"),
        NOW,
    )
    assert event.points_total() == 15


def test_stage_without_a_ride_is_missed_and_worth_nothing(event: Mission) -> None:
    row = progress.settle(event, event.stages.get(number=1), None)

    assert (row.ride_mode, row.points, row.ride_key, row.completed_at) == ("rest", 0, "", None)


def test_stage_without_a_price_is_worth_nothing(event: Mission) -> None:
    event.points_schema = {"flat": {"gc": 5, "breakaway": 8}}

    row = progress.settle(event, event.stages.get(number=2), BREAKAWAY)

    assert (row.ride_mode, row.points) == ("breakaway", 0)


def test_stage_settled_again_keeps_its_first_outcome(event: Mission) -> None:
    stage = event.stages.get(number=1)
    first = progress.settle(event, stage, None)

    second = progress.settle(event, stage, BREAKAWAY)

    assert second == first
    assert (second.ride_mode, event.points_total()) == ("rest", 0)


@pytest.mark.django_db(transaction=True)
def test_stage_settled_at_once_by_two_is_awarded_once() -> None:
    mission = factories.mission(factories.tester(), event_start=TODAY, event_end=TODAY)
    stage = mission.stages.get()

    rows = at_once(*[partial(progress.settle, mission, stage, BREAKAWAY)] * 4)

    assert len(set(rows)) == 1
    assert mission.points_total() == 8


@pytest.mark.parametrize(
    ("before", "numbers"), [(day(1), []), (day(2), [1]), (day(3), [1, 2]), (day(9), [1, 2])]
)
def test_unsettled_are_the_stages_of_days_that_are_over(
    event: Mission, before: date, numbers: list[int]
) -> None:
    assert [stage.number for stage in progress.unsettled_stages(event, before)] == numbers


def test_unsettled_leaves_out_what_is_settled(event: Mission) -> None:
    progress.settle(event, event.stages.get(number=1), BREAKAWAY)

    assert [stage.number for stage in progress.unsettled_stages(event, day(3))] == [2]


def test_standing_tells_the_points_and_each_settled_stage(event: Mission) -> None:
    progress.settle(event, event.stages.get(number=2), BREAKAWAY)
    progress.settle(event, event.stages.get(number=1), None)

    assert progress.standing(event) == {
        "points_total": 15,
        "stages_total": 3,
        "stages": [
            {
                "number": 1,
                "stage_type": "flat",
                "ride_mode": "rest",
                "points": 0,
                "is_completed": False,
            },
            {
                "number": 2,
                "stage_type": "mountain",
                "ride_mode": "breakaway",
                "points": 15,
                "is_completed": True,
            },
        ],
    }


@pytest.mark.parametrize("stages", [1, 21])
def test_standing_asks_the_database_as_often_for_many_stages(
    tester: User, stages: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mission = factories.mission(
        tester, event_start=TODAY, event_end=TODAY + timedelta(days=stages - 1)
    )
    for stage in Stage.objects.all():
        progress.settle(mission, stage, BREAKAWAY)

    with django_assert_num_queries(2):
        standing = progress.standing(mission)

    assert (standing["points_total"], len(standing["stages"])) == (8 * stages, stages)
