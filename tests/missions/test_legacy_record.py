"""The record of the long weekend, in which everything adds up, with one thing changed."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from missions.legacy import reading
from missions.legacy.game import Award, Game, PlannedStage, Record, RiddenStage
from missions.legacy.record import read_record
from tests.missions.test_legacy import WEEKEND, WEEKEND_POINTS

Change = Callable[[dict[str, Any]], object]

FIRST, SECOND, THIRD = "2025-05-02", "2025-05-03", "2025-05-05"
RIDDEN = (
    RiddenStage(
        number=1,
        day=date(2025, 5, 2),
        stage_type="flat",
        ride_mode="gc",
        points=5,
        completed_at=datetime(2025, 5, 2, 17, 30, tzinfo=UTC),
        ride_key="strava:701",
    ),
    RiddenStage(
        number=2,
        day=date(2025, 5, 3),
        stage_type="mountain",
        ride_mode="breakaway",
        points=15,
        completed_at=datetime(2025, 5, 3, 17, 45, tzinfo=UTC),
        ride_key="strava:702",
    ),
    RiddenStage(
        number=3,
        day=date(2025, 5, 5),
        stage_type="hilly",
        ride_mode="breakaway",
        points=11,
        completed_at=datetime(2025, 5, 5, 18, 5, tzinfo=UTC),
        ride_key="strava:703",
    ),
)
AWARDS = (
    Award("consecutive_3", "consecutive_3", 8),
    Award("all_mountains_breakaway", "all_mountains_breakaway", 10),
)
NOT_IMPORTED = "this record is not imported."


def record(change: Change = lambda _: None) -> Record:
    told = json.loads(WEEKEND_POINTS)
    change(told)
    return reading.read(
        "m.toml", WEEKEND, points_name="p.json", points_text=json.dumps(told)
    ).record


def flags(found: Record) -> list[str]:
    return [f"{flag.place}: {flag.text}" for flag in found.flags]


def on(day: str, **values: Any) -> Change:
    """The record of a day with other values; None takes one out."""

    def change(told: dict[str, Any]) -> None:
        told["stages"][day].update(values)
        for key in (key for key, value in values.items() if value is None):
            del told["stages"][day][key]

    return change


def at_the_top(**values: Any) -> Change:
    return lambda told: told.update(values)


def test_record_is_read_whole() -> None:
    assert record() == Record(
        ridden=RIDDEN, awards=AWARDS, total_points=49, stages_completed=3, flags=()
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            on(FIRST, points_earned=8),
            [
                (
                    f'stages."{FIRST}".points_earned: stage 1 earned 8; 5 was expected for “flat” '
                    "in the mode “gc”. Stored as recorded."
                ),
                (
                    "total_points: says 49; the imported stages make 34 and the bonuses 18. Stages "
                    "and bonuses are stored as recorded, so the total here differs."
                ),
            ],
        ),
        (
            on(FIRST, stage_type="itt"),
            [
                (
                    f'stages."{FIRST}".points_earned: stage 1 earned 5; no price is told for “itt” '
                    "in the mode “gc”. Stored as recorded."
                ),
                (
                    f'stages."{FIRST}".stage_type: stage 1 was ridden as itt, and is flat in the '
                    "plan. Stored as recorded."
                ),
            ],
        ),
        (
            on(FIRST, stage_type=None),
            [
                (
                    f'stages."{FIRST}".stage_type: is not told; expected one of flat, hilly, '
                    "mountain, itt, mtn_itt."
                )
            ],
        ),
        (
            on(FIRST, completed_at="2025-05-01T23:30:00-04:00"),
            [],
        ),
        (
            on(FIRST, completed_at="2025-05-02T23:30:00-04:00"),
            [
                (
                    f"stages.\"{FIRST}\".completed_at: '2025-05-02T23:30:00-04:00' is not on "
                    f"{FIRST}, the day it is filed on."
                )
            ],
        ),
        (
            on(FIRST, completed_at="yesterday"),
            [
                (
                    f"stages.\"{FIRST}\".completed_at: is 'yesterday'; the start of {FIRST}, UTC, "
                    "is stored."
                )
            ],
        ),
        (
            on(FIRST, completed_at="0001-01-01T00:00:00+14:00"),
            [
                (
                    f"stages.\"{FIRST}\".completed_at: is '0001-01-01T00:00:00+14:00'; the start "
                    f"of {FIRST}, UTC, is stored."
                )
            ],
        ),
        (
            on(FIRST, activity_id=None, activity_data=None),
            [
                (
                    f'stages."{FIRST}".activity_id: names no activity: which ride counted is not '
                    "known."
                ),
                "used_activity_ids: names strava:701, and no imported stage was ridden with it.",
            ],
        ),
        (
            on(FIRST, activity_id=702),
            [
                (
                    f'stages."{FIRST}".activity_id: several rides are named: strava:702, '
                    "strava:701. The first is stored."
                ),
                "stages: one ride, strava:702, counts for the stages 1, 2. Stored as recorded.",
                "used_activity_ids: names strava:701, and no imported stage was ridden with it.",
            ],
        ),
        (
            on(FIRST, activity_data={"id": 701, "mood": "good", "tss": 12.0}),
            [
                (
                    f'stages."{FIRST}".activity_data: left out, nothing here goes by that name: '
                    "mood 'good'."
                )
            ],
        ),
        (
            on(FIRST, weather="rain"),
            [f"stages.\"{FIRST}\": left out, nothing here goes by that name: weather 'rain'."],
        ),
        (
            at_the_top(used_activity_ids=[701, 702, "703", "home", 704]),
            [
                "used_activity_ids: 'home' is not the number of an activity.",
                "used_activity_ids: names strava:704, and no imported stage was ridden with it.",
            ],
        ),
        (
            at_the_top(used_activity_ids=[701, 702]),
            ["used_activity_ids: lacks strava:703, which counted for a stage."],
        ),
        (
            at_the_top(gc_count=2, breakaway_count=0, mountain_breakaway_count=2),
            [
                "breakaway_count: says 0; the imported stages make 2.",
                "gc_count: says 2; the imported stages make 1.",
                "mountain_breakaway_count: says 2; the imported stages make 1.",
            ],
        ),
        (
            at_the_top(consecutive_stages=3),
            ["consecutive_stages: says 3; the imported stages make 1."],
        ),
        (
            at_the_top(stages_completed=21),
            ["stages_completed: says 21, and 3 stages are recorded."],
        ),
        (
            at_the_top(total_points="49"),
            [
                "total_points: '49' is not a whole number from 0 to 100000; it is not stored.",
                "total_points: tells no total to hold the stages against.",
            ],
        ),
        (
            at_the_top(bonuses_earned=["consecutive_3", "consecutive_3_stages"], total_points=39),
            [
                "bonuses_earned: 'consecutive_3_stages' is claimed twice; once is stored.",
                (
                    "bonuses_earned: does not claim all_mountains_breakaway; its stages make 1 of "
                    "1. None is stored."
                ),
            ],
        ),
        (
            lambda told: told["bonuses_earned"].extend(["best_beard", "breakaway_2"]),
            [
                "bonuses_earned: 'best_beard' is no bonus we know; it is left out.",
                "bonuses_earned: breakaway_2 has no price; it is stored as worth 0.",
            ],
        ),
        (
            lambda told: (
                told["bonuses_earned"].append("all_gc_mode"),
                told.update(total_points=74),
            ),
            ["bonuses_earned: claims all_gc; its stages make 1 of 3. Stored as recorded."],
        ),
        (
            at_the_top(coach="LLM"),
            ["at the top: left out, nothing here goes by that name: coach 'LLM'."],
        ),
    ],
)
def test_what_does_not_add_up_is_flagged_and_stored(change: Change, told: list[str]) -> None:
    found = record(change)

    assert flags(found) == told
    assert [one.number for one in found.ridden] == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"ride_mode": "sprint"},
            [
                ".ride_mode: is 'sprint'; expected one of gc, breakaway, steady, rest.",
                f": without a ride mode, {NOT_IMPORTED}",
            ],
        ),
        (
            {"points_earned": -5},
            [
                ".points_earned: -5 is not a whole number from 0 to 1000; it is not stored.",
                f": without points, {NOT_IMPORTED}",
            ],
        ),
        ({"points_earned": None}, [f": without points, {NOT_IMPORTED}"]),
        ({"stage_number": 9}, [f": without the number of a planned stage, {NOT_IMPORTED}"]),
        (
            {"stage_number": 2},
            [
                (
                    ".points_earned: stage 2 earned 5; 10 was expected for “mountain” in the mode "
                    "“gc”. Stored as recorded."
                )
            ],
        ),
    ],
)
def test_record_that_cannot_be_stored_is_told(values: dict[str, Any], told: list[str]) -> None:
    values = {"stage_type": "mountain", **values} if values == {"stage_number": 2} else values
    found = record(on(FIRST, **values))

    place = f'stages."{FIRST}"'
    assert [one.removeprefix(place) for one in flags(found) if one.startswith(place)][
        : len(told)
    ] == told
    assert RIDDEN[0] not in found.ridden


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (
            "friday",
            {"stage_number": 1},
            "stages.friday: is not a date such as 2025-07-05; this record is not imported.",
        ),
        (FIRST, {}, f'stages."{FIRST}": holds nothing; there is no record to import.'),
    ],
)
def test_record_of_no_day_is_told(key: str, value: Any, told: str) -> None:
    def change(record_told: dict[str, Any]) -> None:
        del record_told["stages"][FIRST]
        record_told["stages"][key] = value

    found = record(change)

    assert flags(found)[0] == told
    assert found.ridden == RIDDEN[1:]


def test_stage_that_is_recorded_twice_is_stored_once() -> None:
    again = {
        **json.loads(WEEKEND_POINTS)["stages"][FIRST],
        "points_earned": 8,
        "completed_at": "2025-05-04T01:00:00",
    }

    found = record(lambda told: told["stages"].update({"2025-05-04": again}))

    assert flags(found) == [
        (
            'stages."2025-05-04": stage 1 is recorded already on 2025-05-02; this record of it '
            "(gc, 8 points, strava:701) is not imported."
        ),
        "stages_completed: says 3, and 4 stages are recorded.",
    ]
    assert found.ridden == RIDDEN


@pytest.mark.parametrize(
    ("day", "where"),
    [
        ("2025-05-04", "a rest day"),
        ("2025-05-06", "a day outside the event's plan"),
        ("2025-05-03", "the day of stage 2"),
    ],
)
def test_stage_keeps_its_own_day_and_the_recorded_one_is_noted(day: str, where: str) -> None:
    def change(told: dict[str, Any]) -> None:
        row = told["stages"].pop(THIRD)
        del told["stages"][SECOND], told["consecutive_stages"]
        told["stages"][day] = {**row, "completed_at": f"{day}T02:00:00"}

    told = json.loads(WEEKEND_POINTS)
    change(told)
    mission = reading.read("m.toml", WEEKEND, points_name="p.json", points_text=json.dumps(told))

    assert flags(mission.record)[0] == (
        f'stages."{day}": stage 3 is filed on {where}; its own day is {THIRD}. (Days were told in '
        "UTC.) It stays on its own day, and the mission's notes tell the recorded one."
    )
    assert mission.notes.splitlines()[2:] == [
        f"Filed on another day (in UTC) than planned: stage 3 on {day}."
    ]


def test_bonuses_that_the_total_does_not_hold_are_worth_nothing() -> None:
    found = record(at_the_top(total_points=31))

    assert found.awards == (
        Award("consecutive_3", "consecutive_3", 0),
        Award("all_mountains_breakaway", "all_mountains_breakaway", 0),
    )
    assert flags(found) == [
        (
            "bonuses_earned: claimed and not added: consecutive_3 (8 points), "
            "all_mountains_breakaway (10 points). total_points 31 is the sum of the stages alone, "
            "49 was expected. Stored as worth 0, so that the total stays."
        )
    ]


def test_name_that_stands_twice_is_told() -> None:
    text = WEEKEND_POINTS.replace('"gc_count"', '"total_points": 3, "gc_count"')

    found = reading.read("m.toml", WEEKEND, points_name="p.json", points_text=text).record

    assert flags(found) == ["total_points: stands twice in one object; the first is read."]
    assert found.total_points == 49


def test_empty_record_has_nothing_to_import() -> None:
    game = Game((PlannedStage(date(2025, 5, 2), 1, "flat"),), {})

    assert flags(read_record("p.json", "{}", game)) == [
        "stages: nothing is imported for these stages: 1.",
        "total_points: tells no total to hold the stages against.",
    ]
