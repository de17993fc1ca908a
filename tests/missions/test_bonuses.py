"""The bonuses by example, and against an oracle that tries every way to ride on."""

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.bonuses import (
    BonusStanding,
    GameStage,
    final_week,
    row_under_way,
    standings,
    title_of,
)

FIRST = date(2026, 7, 1)
MODES = {"g": "gc", "b": "breakaway", "s": "steady", "x": "rest", ".": None}


def ridden(days: str, kinds: str = "") -> list[GameStage]:
    """A plan in letters: g, b, s for a mode, x for missed, . for open, - for a rest day.

    A kind is m for mountain, t for mountain time trial, anything else for flat.
    """
    kind_of = {"m": "mountain", "t": "mtn_itt"}
    return [
        GameStage(
            number=number,
            date=FIRST + timedelta(days=number - 1),
            stage_type=kind_of.get(kind, "flat"),
            ride_mode=MODES.get(letter),
            is_rest_day=letter == "-",
        )
        for number, (letter, kind) in enumerate(
            zip(days, kinds.ljust(len(days)), strict=True), start=1
        )
    ]


def standing(name: str, plan: list[GameStage], threshold: int = 60) -> BonusStanding:
    (only,) = standings({"bonuses": {name: {"threshold": threshold, "points": 7}}}, plan)
    return only


@pytest.mark.parametrize(
    ("days", "count", "is_attainable", "stage_number"),
    [
        ("", 0, False, None),
        ("...", 0, True, None),
        ("..", 0, False, None),
        ("gbs", 3, True, 3),
        ("gbsg", 3, True, 3),
        ("gg-g", 3, True, 4),
        ("g-g--g", 3, True, 6),
        ("ggx...", 2, True, None),
        ("ggx..", 2, False, None),
        ("gg.g", 2, True, None),
        ("xggxggg", 3, True, 7),
        ("gxgxg", 1, False, None),
        ("-", 0, False, None),
    ],
)
def test_stages_in_a_row_are_broken_by_a_missed_or_an_open_one_but_not_by_rest(
    days: str, count: int, is_attainable: bool, stage_number: int | None
) -> None:
    assert standing("consecutive_3", ridden(days), 3) == BonusStanding(
        name="consecutive_3",
        title="3 stages in a row",
        count=count,
        needed=3,
        points=7,
        is_earned=stage_number is not None,
        is_attainable=is_attainable,
        stage_number=stage_number,
    )


@pytest.mark.parametrize(
    ("days", "count", "is_attainable", "stage_number"),
    [
        ("bgb", 2, True, 3),
        ("bgbb", 2, True, 3),
        ("bx-g.", 1, True, None),
        ("bx-g", 1, False, None),
        ("", 0, False, None),
    ],
)
def test_breakaways_count_wherever_they_are(
    days: str, count: int, is_attainable: bool, stage_number: int | None
) -> None:
    told = standing("breakaway_2", ridden(days), 2)

    assert (told.count, told.needed, told.is_attainable, told.stage_number) == (
        *(count, 2, is_attainable),
        stage_number,
    )


@pytest.mark.parametrize(
    ("days", "kinds", "told"),
    [
        ("bbb", "m m", (2, 2, True, 3)),
        ("bgb", "m m", (2, 2, True, 3)),
        ("b.", "mm", (1, 2, True, None)),
        ("gb", "mm", (1, 2, False, None)),
        ("xb", "mm", (1, 2, False, None)),
        # A mountain time trial is no mountain, nor is a mountain on a rest day.
        ("b-g", "mmt", (1, 1, True, 1)),
        # Without any there is nothing to earn, however many the threshold asks for.
        ("bbb", "  t", (0, 0, False, None)),
    ],
)
def test_all_mountains_are_those_of_the_plan(
    days: str, kinds: str, told: tuple[int, int, bool, int | None]
) -> None:
    found = standing("all_mountains_breakaway", ridden(days, kinds), threshold=6)

    assert (found.count, found.needed, found.is_attainable, found.stage_number) == told


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ("xxgggggg-", (6, 6, True, 8)),
        ("gggggggg", (7, 7, True, 8)),
        ("xggggggg", (7, 7, True, 8)),
        ("gxgggggg", (6, 7, False, None)),
        ("ggggggg.", (6, 7, True, None)),
        ("g", (1, 1, True, 1)),
        ("g-------", (0, 0, False, None)),
    ],
)
def test_final_week_is_the_last_seven_days_of_the_calendar(
    days: str, told: tuple[int, int, bool, int | None]
) -> None:
    found = standing("final_week_complete", ridden(days))

    assert (found.count, found.needed, found.is_attainable, found.stage_number) == told


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ("gs-g", (3, 3, True, 4)),
        ("gg.", (2, 3, True, None)),
        ("gb.", (1, 3, False, None)),
        ("gx.", (1, 3, False, None)),
        ("-", (0, 0, False, None)),
    ],
)
def test_all_gc_takes_steady_for_gc(days: str, told: tuple[int, int, bool, int | None]) -> None:
    found = standing("all_gc", ridden(days), threshold=21)

    assert (found.count, found.needed, found.is_attainable, found.stage_number) == told


def test_names_that_are_no_bonus_of_the_game_have_no_standing() -> None:
    old = {"big_day": {"threshold": 1, "points": 5}, "consecutive_5": {"threshold": 4, "points": 5}}

    assert standings({"bonuses": old}, ridden("ggggg")) == []
    assert standings({}, ridden("g")) == []


def test_bonuses_stand_in_one_order_however_they_are_stored() -> None:
    names = ["all_gc", "breakaway_10", "consecutive_5", "breakaway_9", "all_mountains_breakaway"]
    bonuses = {
        name: {"threshold": int(name.rpartition("_")[2]) if name[-1].isdigit() else 1, "points": 1}
        for name in names
    }

    assert [one.name for one in standings({"bonuses": bonuses}, [])] == [
        *("consecutive_5", "breakaway_9", "breakaway_10", "all_mountains_breakaway"),
        "all_gc",
    ]


def test_titles_are_words() -> None:
    names = ("consecutive_1", "breakaway_10", "final_week_complete", "somebody_elses")

    assert [title_of(name) for name in names] == [
        "1 stage in a row",
        "10 stages in the breakaway",
        "Every stage of the last seven days",
        "somebody_elses",
    ]


@pytest.mark.parametrize(
    ("days", "row"), [("", 0), ("...", 0), ("gg-b..", 3), ("ggx", 0), ("gxg-g", 2), ("g.g", 2)]
)
def test_row_under_way_ends_with_the_last_stage_that_is_known(days: str, row: int) -> None:
    assert row_under_way(ridden(days)) == row


@pytest.mark.parametrize(
    ("name", "days", "told"),
    [
        ("all_gc", "gxs.", ("2 of the stages for GC", 2, 2, True, 3)),
        ("all_mountains_breakaway", "bgg.", ("2 of the mountain stages in the breakaway", 1, 2)),
        ("final_week_complete", "xxgb", ("2 of the stages of the last seven days", 2, 2, True, 4)),
    ],
)
def test_threshold_below_what_the_plan_holds_is_enough(
    name: str, days: str, told: tuple[Any, ...]
) -> None:
    found = standing(name, ridden(days, "mmmm"), threshold=2)

    whole = (found.title, found.count, found.needed, found.is_earned, found.stage_number)
    assert whole[: len(told)] == told


# --- against an oracle --------------------------------------------------------------------------

BONUSES = st.dictionaries(
    st.one_of(
        st.builds("{}_{}".format, st.sampled_from(["consecutive", "breakaway"]), st.integers(1, 5)),
        st.sampled_from(["all_mountains_breakaway", "final_week_complete", "all_gc"]),
    ),
    st.integers(0, 30),
    max_size=5,
)
DAYS = st.lists(
    st.tuples(st.sampled_from("gbsxgb-"), st.sampled_from("fmt")), min_size=0, max_size=14
)


def is_met(name: str, days: str, kinds: str, threshold: int = 60) -> bool:
    """The rules again, over the letters of a plan whose open days are all decided."""
    stages = [(letter, kind) for letter, kind in zip(days, kinds, strict=True) if letter != "-"]
    letters = "".join(letter for letter, _ in stages)
    if name.startswith("consecutive_"):
        needed = int(name.removeprefix("consecutive_"))
        return "r" * needed in letters.translate(str.maketrans("gbs", "rrr"))
    if name.startswith("breakaway_"):
        return letters.count("b") >= int(name.removeprefix("breakaway_"))
    if name == "all_gc":
        wanted, good = letters, "gs"
    elif name == "final_week_complete":
        wanted, good = days[-7:].replace("-", ""), "gbs"
    else:
        wanted, good = "".join(letter for letter, kind in stages if kind == "m"), "b"
    missing = sum(letter not in good for letter in wanted)
    return len(wanted) - missing >= min(threshold, len(wanted)) > 0


def is_still_possible(name: str, days: str, kinds: str, threshold: int) -> bool:
    """Some way to ride every open stage meets the bonus."""
    ways = product("gbx", repeat=days.count("."))
    return any(is_met(name, filled(days, way), kinds, threshold) for way in ways)


def filled(days: str, way: tuple[str, ...]) -> str:
    letters = iter(way)
    return "".join(next(letters) if letter == "." else letter for letter in days)


def completed_by(name: str, days: str, kinds: str, threshold: int) -> int | None:
    """The first stage with which, none after it being ridden, the bonus is met."""
    for number in range(1, len(days) + 1):
        later = days[number:]
        until = days[:number] + "".join("-" if letter == "-" else "." for letter in later)
        if days[number - 1] != "-" and is_met(name, until, kinds, threshold):
            return number
    return None


@settings(deadline=None, derandomize=True, max_examples=300)
@given(DAYS, st.integers(0, 5), BONUSES, st.integers(1, 9))
def test_bonuses_are_those_of_the_oracle(
    plan: list[tuple[str, str]], still_open: int, points: dict[str, int], least: int
) -> None:
    letters = [letter for letter, _ in plan]
    for index in range(max(len(letters) - still_open, 0), len(letters)):
        letters[index] = "-" if letters[index] == "-" else "."
    days, kinds = "".join(letters), "".join(kind for _, kind in plan)
    schema: dict[str, Any] = {
        "bonuses": {
            name: {"threshold": int(name.rpartition("_")[2]) if name[-1].isdigit() else least}
            | {"points": worth}
            for name, worth in points.items()
        }
    }

    told = {one.name: one for one in standings(schema, ridden(days, kinds))}

    assert told.keys() == points.keys()
    for name, one in told.items():
        assert one.is_earned == is_met(name, days, kinds, least), name
        assert one.is_attainable == is_still_possible(name, days, kinds, least), name
        number = completed_by(name, days, kinds, least)
        assert one.stage_number == (number if one.is_earned else None)
        assert one.points == points[name]
        assert one.is_earned == (one.count == one.needed > 0)


@settings(deadline=None, derandomize=True)
@given(DAYS)
def test_final_week_holds_no_day_before_it(plan: list[tuple[str, str]]) -> None:
    days = "".join(letter for letter, _ in plan)
    last_seven = range(len(days) - 6, len(days) + 1)

    assert [one.number for one in final_week(ridden(days))] == [
        number for number in last_seven if number >= 1 and days[number - 1] != "-"
    ]
