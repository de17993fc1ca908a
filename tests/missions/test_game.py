from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from missions import appeals, game, progress
from missions.bonuses import TITLES, BonusStanding
from missions.models import Mission, RideMode, StageType
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.missions.test_bonuses import is_met

pytestmark = pytest.mark.django_db

SCHEMA = {
    "flat": {"gc": 5, "breakaway": 8},
    "mountain": {"gc": 10, "breakaway": 15},
    "bonuses": {
        "breakaway_1": {"threshold": 1, "points": 3},
        "consecutive_5": {"threshold": 5, "points": 9},
        "all_gc": {"threshold": 21, "points": 20},
    },
}


def event(owner: User, days: int = 6, **fields: Any) -> Mission:
    """Flat stages from three days ago on, the third a rest day, the fourth in the mountains."""
    mission = factories.mission(
        owner,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY + timedelta(days=days - 4),
        points_schema=SCHEMA,
        **fields,
    )
    mission.stages.filter(number=3).update(is_rest_day=True)
    mission.stages.filter(number=4).update(stage_type=StageType.MOUNTAIN)
    return mission


def ride(mission: Mission, number: int, mode: RideMode | None) -> None:
    ridden = StageRidden(mode, f"strava:{number}", NOW) if mode else None
    progress.settle(mission, mission.stages.get(number=number), ridden, now=NOW)


def test_game_tells_stages_points_bonuses_and_ghosts(tester: User) -> None:
    mission = event(tester)
    ride(mission, 1, RideMode.STEADY)
    ride(mission, 2, None)
    ride(mission, 4, RideMode.BREAKAWAY)

    told = game.game_of(mission)

    assert (told.of_stages, told.of_bonuses, told.points_total) == (20, 3, 23)
    assert (told.stages_completed, told.stages_total) == (2, 5)
    assert [
        (one.stage.number, one.row and one.row.ride_mode, one.is_ridden) for one in told.stages
    ] == [
        (1, "steady", True),
        (2, "rest", False),
        (3, None, False),
        (4, "breakaway", True),
        (5, None, False),
        (6, None, False),
    ]
    assert [one.stage.number for one in told.settled] == [1, 2, 4]
    assert [[award.name for award in one.bonuses] for one in told.settled] == [
        *([], []),
        ["breakaway_1"],
    ]
    assert told.bonuses == (
        BonusStanding("consecutive_5", "5 stages in a row", 1, 5, 9, False, False, None),
        BonusStanding("breakaway_1", "1 stage in the breakaway", 1, 1, 3, True, True, 4),
        BonusStanding("all_gc", "Every stage for GC", 1, 5, 20, False, False, None),
    )
    # Three settled stages, two of them flat; the whole is five, with what each ghost earns.
    assert [astuple(ghost) for ghost in told.ghosts] == [
        ("all_gc", 20, 30 + 9 + 20),
        ("all_breakaway", 31 + 3, 47 + 3 + 9),
    ]
    assert [ghost.title for ghost in told.ghosts] == ["All GC", "All breakaway"]


def test_game_that_has_not_begun_has_nothing_yet(tester: User) -> None:
    told = game.game_of(event(tester))

    assert (told.points_total, told.stages_completed, told.settled) == (0, 0, [])
    assert [one.is_attainable for one in told.bonuses] == [True, True, True]
    assert [ghost.so_far for ghost in told.ghosts] == [0, 0]


def test_game_of_an_imported_mission_is_as_it_was_recorded(tester: User) -> None:
    mission = event(tester, imported_from="tour.toml")
    stage = mission.stages.get(number=1)
    row = mission.progress.create(
        stage=stage, ride_mode="breakaway", classified_as="gc", points=99, completed_at=NOW
    )
    mission.awards.create(name="all_gc", points=25, progress=row)

    told = game.game_of(mission)

    assert (told.of_stages, told.of_bonuses) == (99, 25)
    assert [(one.name, one.is_earned) for one in told.bonuses] == [
        ("consecutive_5", False),
        ("breakaway_1", False),
        ("all_gc", True),
    ]


def test_standing_is_what_the_coach_is_told(tester: User) -> None:
    mission = event(tester, days=8)
    mission.stages.filter(number__in=(2, 5)).update(stage_type=StageType.MOUNTAIN)
    ride(mission, 1, RideMode.GC)
    ride(mission, 2, RideMode.BREAKAWAY)
    ride(mission, 4, RideMode.GC)

    assert game.standing(game.game_of(mission)) == {
        "total_points": 33,
        "stages_total": 7,
        "stages_completed": 3,
        "stages_missed": 0,
        "remaining_stages": 4,
        "consecutive_stages": 3,
        "breakaway_count": 1,
        "mountain_breakaway": 1,
        "mountain_not_breakaway": 1,
        "remaining_mountain": 1,
        "final_week_missed": False,
        "bonuses_earned": ["breakaway_1"],
        "bonuses_attainable": ["consecutive_5"],
        "stages": [
            {
                "number": number,
                "stage_type": stage_type,
                "ride_mode": mode,
                "points": points,
                "is_completed": True,
            }
            for number, stage_type, mode, points in (
                (1, "flat", "gc", 5),
                (2, "mountain", "breakaway", 15),
                (4, "mountain", "gc", 10),
            )
        ],
    }


@pytest.mark.parametrize(("missed", "is_final_week"), [(1, False), (2, True)])
def test_stage_missed_in_the_final_week_is_told(
    tester: User, missed: int, is_final_week: bool
) -> None:
    mission = event(tester, days=8)
    ride(mission, missed, None)

    told = game.standing(game.game_of(mission))

    assert (told["stages_missed"], told["final_week_missed"]) == (1, is_final_week)
    assert told["consecutive_stages"] == 0


# --- against an oracle --------------------------------------------------------------------------

PRICES = st.fixed_dictionaries({"gc": st.integers(0, 9), "breakaway": st.integers(0, 9)})
NAMES = ("consecutive_2", "consecutive_4", "breakaway_2", *TITLES)
KINDS = {"f": "flat", "m": "mountain", "t": "mtn_itt"}
MODES = {"g": RideMode.GC, "b": RideMode.BREAKAWAY, "s": RideMode.STEADY, "x": None}


@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    # The rows of the fixture are there for every example, and the rest is undone after each.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    plan=st.lists(st.sampled_from(["f", "m", "t", "f", "m", "-"]), min_size=1, max_size=9),
    prices=st.fixed_dictionaries({}, optional=dict.fromkeys(KINDS.values(), PRICES)),
    worth=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 30), max_size=4),
    moves=st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["g", "b", "s", "x", "appeal"])), max_size=14
    ),
)
def test_total_is_that_of_the_oracle_whatever_happened_before(
    tester: User,
    plan: list[str],
    prices: dict[str, dict[str, int]],
    worth: dict[str, int],
    moves: list[tuple[int, str]],
) -> None:
    """Stages are settled, settled anew and appealed in any order; only how they ended counts."""
    bonuses = {
        name: {"threshold": int(name[-1]) if name[-1].isdigit() else 21, "points": points}
        for name, points in worth.items()
    }
    letters = ["-" if kind == "-" else "." for kind in plan]
    with undone():
        mission = mission_of(tester, plan, {**prices, "bonuses": bonuses})
        for ride_number, (index, move) in enumerate(moves):
            play(mission, letters, index % len(plan), move, f"strava:{ride_number}")
        told = game.game_of(mission)

    days, kinds = "".join(letters), "".join(plan)
    price_of = {"g": "gc", "s": "gc", "b": "breakaway"}
    of_stages = sum(
        prices.get(KINDS[kind], {}).get(price_of.get(letter, ""), 0)
        for letter, kind in zip(days, kinds, strict=True)
        if kind != "-"
    )
    met = {name: points for name, points in worth.items() if is_met(name, days, kinds)}
    assert (told.of_stages, told.of_bonuses) == (of_stages, sum(met.values()))
    assert {award.name for one in told.stages for award in one.bonuses} == set(met)
    assert told.stages_completed == sum(letter in "gbs" for letter in days)


def mission_of(owner: User, plan: list[str], schema: dict[str, Any]) -> Mission:
    mission = factories.mission(
        owner,
        event_start=TODAY,
        event_end=TODAY + timedelta(days=len(plan) - 1),
        points_schema=schema,
        prep_start=TODAY,
    )
    for stage, kind in zip(mission.stages.all(), plan, strict=True):
        stage.is_rest_day, stage.stage_type = kind == "-", KINDS.get(kind, "flat")
        stage.save()
    return mission


def play(mission: Mission, letters: list[str], index: int, move: str, ride_key: str) -> None:
    """One thing that happens to a stage, on the mission and on the letters."""
    before, number = letters[index], index + 1
    if before == "-":
        return
    if move != "appeal":
        mode = MODES[move]
        ridden = StageRidden(mode, ride_key, NOW) if mode else None
        progress.settle(mission, mission.stages.get(number=number), ridden, now=NOW)
        letters[index] = move
    elif before in "gbs":
        letters[index] = "b" if before != "b" else "s"
        to = MODES[letters[index]] or RideMode.STEADY
        appeals.appeal(mission, number, to=to, reason="So it was.", by=mission.owner, now=NOW)


@contextmanager
def undone() -> Iterator[None]:
    before = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)


@pytest.mark.parametrize("days", [6, 21])
def test_game_asks_the_database_as_often_for_many_stages(
    tester: User, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mission = event(tester, days)
    for stage in mission.stages.filter(is_rest_day=False):
        ride(mission, stage.number, RideMode.BREAKAWAY)

    with django_assert_num_queries(2):
        told = game.standing(game.game_of(mission))

    assert len(told["stages"]) == days - 1


def test_modes_count_how_every_stage_was_ridden_and_what_is_to_come(tester: User) -> None:
    event = factories.mission(tester, state=Mission.State.EVENT_ACTIVE, event_start=TODAY)
    first, second, third, *_ = event.stages.all()
    progress.settle(event, first, StageRidden(RideMode.GC, "file:1", NOW), now=NOW)
    progress.settle(event, second, StageRidden(RideMode.BREAKAWAY, "file:2", NOW), now=NOW)
    progress.settle(event, third, None, now=NOW)

    played = game.game_of(event)

    still = played.stages_total - 3
    assert played.modes == [
        ("breakaway", "in the breakaway", 1),
        ("gc", "for GC", 1),
        ("rest", "missed", 1),
        ("open", "still to come", still),
    ]
    assert [one.mode_words for one in played.stages[:4]] == [
        "for GC",
        "in the breakaway",
        "missed",
        "still to come",
    ]
