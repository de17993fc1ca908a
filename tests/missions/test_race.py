from datetime import timedelta

import pytest

from accounts.models import User
from missions.game import Game, game_of
from missions.models import BonusAward, Mission, RideMode
from missions.progress import StageRidden, settle
from missions.race import race_of
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

ROW_OF_TWO = {"consecutive_2": {"threshold": 2, "points": 5}}


@pytest.fixture
def event(tester: User) -> Mission:
    """Five flat stages, at 5 points for GC and 8 in the breakaway, and a bonus for two in a row."""
    prices = {"flat": {"gc": 5, "breakaway": 8}, "bonuses": ROW_OF_TWO}
    return factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=4),
        event_end=TODAY,
        points_schema=prices,
    )


def ride(mission: Mission, *modes: RideMode | None) -> None:
    """The first stages by their modes; None for one that was missed."""
    for stage, mode in zip(mission.stages.all(), modes, strict=False):
        ridden = StageRidden(mode, f"file:{stage.number}", NOW) if mode else None
        settle(mission, stage, ridden, now=NOW)


def race(mission: Mission) -> list[tuple[int, int, dict[str, int]]]:
    stages = race_of(game_of(mission), mission.points_schema)
    return [(one.stage.number, one.points, dict(one.ghosts)) for one in stages]


def ends(game: Game) -> tuple[int, dict[str, int]]:
    return game.points_total, {one.name: one.so_far for one in game.ghosts}


def test_nobody_has_begun_before_the_first_stage_is_settled(event: Mission) -> None:
    assert race(event) == []


def test_points_add_up_stage_by_stage_with_each_bonus_where_it_was_earned(event: Mission) -> None:
    ride(event, RideMode.BREAKAWAY, RideMode.GC, RideMode.STEADY)

    assert race(event) == [
        (1, 8, {"all_gc": 5, "all_breakaway": 8}),
        (2, 18, {"all_gc": 15, "all_breakaway": 21}),
        (3, 23, {"all_gc": 20, "all_breakaway": 29}),
    ]


def test_stage_that_was_missed_is_one_the_ghosts_have_ridden(event: Mission) -> None:
    ride(event, None, RideMode.GC)

    assert race(event) == [
        (1, 0, {"all_gc": 5, "all_breakaway": 8}),
        (2, 5, {"all_gc": 15, "all_breakaway": 21}),
    ]


def test_race_ends_where_the_game_stands(event: Mission) -> None:
    ride(event, RideMode.BREAKAWAY, None, RideMode.GC, RideMode.GC, RideMode.BREAKAWAY)
    _, points, ghosts = race(event)[-1]

    assert (points, ghosts) == ends(game_of(event))


def test_award_that_names_no_stage_counts_with_the_last(event: Mission) -> None:
    ride(event, RideMode.GC, None)
    BonusAward.objects.create(mission=event, name="recorded", points=7, awarded_at=NOW)

    assert [points for _, points, _ in race(event)] == [5, 12]


def test_rest_day_is_no_stage_of_the_race(event: Mission) -> None:
    event.stages.filter(number=2).update(is_rest_day=True)
    event.stages.filter(number=2).update(stage_type="flat")
    for number in (1, 3):
        stage = event.stages.get(number=number)
        settle(event, stage, StageRidden(RideMode.GC, f"file:{number}", NOW), now=NOW)

    assert [number for number, _, _ in race(event)] == [1, 3]
