"""The best line against an oracle that rides every way there is, and by example."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach import line_search
from coach.best_line import EXPECTED_IF, LEAST_MINUTES, REASONS, BestLine
from coach.classify import BREAKAWAY_IF, LEAST_S
from coach.scored import HARD_RIDE_IF
from missions.bonuses import GameStage
from tests.coach.lines import (
    FIRST,
    LOOSE,
    USUAL,
    best_without_form,
    case,
    check,
    drawn,
    outcomes,
    the_day_after,
    tour,
    with_bonuses,
)

DEFAULT_ASSUMPTIONS = (
    "A stage takes the time there is for it, for GC at 0.75 of FTP and in the breakaway at 0.88.",
    "Days without a stage bring no load.",
    "From tomorrow on readiness is never below its limits.",
    "No limits but those on readiness, form and hard days in a row are counted.",
)


def test_the_best_line_is_that_of_the_oracle_in_cases_of_every_kind() -> None:
    rng = random.Random(20260704)

    for _ in range(150):
        check(drawn(rng, ahead=rng.randint(3, 6)))


def test_the_best_line_is_that_of_the_oracle_over_a_week() -> None:
    rng = random.Random(7)

    for _ in range(12):
        check(drawn(rng, ahead=7))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    kinds=st.text("fhmit-", min_size=1, max_size=6).filter(lambda text: text.strip("-")),
    minutes=st.lists(st.sampled_from([0, 30, 60, 120, 240]), min_size=6, max_size=6),
    form=st.tuples(st.floats(0, 120), st.floats(0, 150)),
    bonuses=st.dictionaries(
        st.sampled_from(["consecutive_2", "consecutive_4", "breakaway_2", "all_gc"]),
        st.integers(0, 30),
    ),
    readiness=st.sampled_from([None, 50, 65, 70]),
)
def test_the_best_line_is_that_of_the_oracle_whatever_is_asked(
    kinds: str,
    minutes: list[int],
    form: tuple[float, float],
    bonuses: dict[str, int],
    readiness: int | None,
) -> None:
    asked = case(kinds, schema=with_bonuses(**bonuses), readiness=readiness, limits=USUAL)
    times = {one.date: minutes[n] for n, one in enumerate(asked.plan)}

    check(replace(asked, minutes=times, ctl=form[0], atl=form[1]))


# --- by example ---------------------------------------------------------------------------------


def test_a_rider_whom_no_limit_holds_back_rides_everything_in_the_breakaway() -> None:
    asked = case("fhmit", limits=LOOSE.model_copy(update={"max_consecutive_hard_days": 5}))

    assert asked.solved() == BestLine(
        points_total=49,
        points_so_far=0,
        points_today={"rest": 41, "gc": 46, "breakaway": 49},
        stage_numbers=(1, 2, 3, 4, 5),
        modes=("breakaway",) * 5,
        assumptions=DEFAULT_ASSUMPTIONS,
    )


def test_the_easy_day_between_hard_ones_is_the_cheapest() -> None:
    told = case("mfmmm", limits=LOOSE.model_copy(update={"max_consecutive_hard_days": 3})).solved()

    assert told.modes == ("breakaway", "gc", "breakaway", "breakaway", "breakaway")
    assert told.points_total == 4 * 15 + 5


def test_a_rest_day_ends_the_row_of_hard_days_and_not_that_of_ridden_stages() -> None:
    limits = LOOSE.model_copy(update={"max_consecutive_hard_days": 2})
    told = case("ff-ff", limits=limits, schema=with_bonuses(consecutive_4=30)).solved()

    assert told.modes == ("breakaway",) * 4
    assert told.stage_numbers == (1, 2, 4, 5)
    assert told.points_total == 4 * 8 + 30


def test_what_was_ridden_counts_with_its_bonuses() -> None:
    asked = case("fffff", schema=with_bonuses(consecutive_2=7, breakaway_3=20, all_gc=50))
    asked = replace(asked, plan=outcomes(asked, "gbs"), local_date=FIRST + timedelta(days=3))

    told = asked.solved()

    assert told.points_so_far == 5 + 8 + 5 + 7
    assert told.points_total == 25 + 8 + 8 + 20
    assert told.points_today == {"rest": 25 + 8, "gc": 25 + 5 + 8, "breakaway": 25 + 8 + 8 + 20}
    assert (told.stage_numbers, told.modes) == ((4, 5), ("breakaway", "breakaway"))


def test_a_bonus_is_worth_a_stage_ridden_easier() -> None:
    told = case("mmm", schema=with_bonuses(all_gc=16)).solved()

    assert (told.modes, told.points_total) == (("gc", "gc", "gc"), 46)
    assert told.points_today == {"rest": 30, "gc": 46, "breakaway": 45}


def test_form_too_low_for_a_breakaway_today_is_saved_up_for_the_mountain() -> None:
    tired = case("ffm", ctl=60, atl=76, limits=USUAL).solved()

    assert tired.points_today["breakaway"] is None
    assert tired.modes[-1] == "breakaway"
    assert "rest" in tired.modes


def test_forced_rest_leaves_nothing_else_today() -> None:
    spent = case("mm", ctl=60, atl=81, limits=USUAL).solved()
    unready = case("mm", readiness=59).solved()

    assert spent.points_today == {"rest": spent.points_total, "gc": None, "breakaway": None}
    assert unready.points_today == {"rest": 15, "gc": None, "breakaway": None}


def test_riding_weeks_ago_can_be_what_the_last_stage_needs() -> None:
    """The first stage brings nothing but fitness, without which form is too low three weeks on."""
    asked = case("f" + "-" * 24 + "m", ctl=20, atl=20)
    asked = replace(
        asked,
        schema={**asked.schema, "flat": {"gc": 0, "breakaway": 0}},
        minutes=dict.fromkeys(asked.minutes, 240),
        limits=LOOSE.model_copy(update={"min_tsb": 11}),
    )
    the_day_before = replace(asked, local_date=FIRST - timedelta(days=1))

    assert asked.solved().points_today == {"rest": 10, "gc": 15, "breakaway": None}
    assert the_day_before.solved().modes == ("gc", "breakaway")
    check(the_day_before)


@pytest.mark.parametrize("readiness", [None, 65, 69])
def test_without_readiness_for_it_today_is_no_breakaway_and_tomorrow_may_be(
    readiness: int | None,
) -> None:
    told = case("ff", readiness=readiness).solved()

    assert told.points_today == {"rest": 8, "gc": 13, "breakaway": None}
    assert told.modes == ("gc", "breakaway")


def test_what_is_not_known_is_said() -> None:
    asked = case("fff", readiness=None, hard_days=None, schema=with_bonuses(consecutive_3=9))
    asked = replace(asked, local_date=FIRST + timedelta(days=1))

    told = asked.solved()

    assert told.assumptions == (
        *DEFAULT_ASSUMPTIONS,
        "Today’s readiness is not known, so today is no breakaway.",
        "Whether yesterday was hard is not known, so today is no breakaway.",
        "Earlier stages without an outcome were not ridden.",
    )
    assert (told.points_so_far, told.points_total, told.modes) == (0, 13, ("gc", "breakaway"))


def test_with_hard_days_unknown_only_today_is_spared() -> None:
    told = case("ff", hard_days=None).solved()

    assert told.points_today == {"rest": 8, "gc": 13, "breakaway": None}


def test_a_stage_ridden_this_morning_is_counted_with_its_expected_load() -> None:
    asked = case("mm", ctl=60, atl=60, limits=USUAL)
    fresh = replace(asked, minutes=dict.fromkeys(asked.minutes, 240))
    told = replace(fresh, plan=outcomes(fresh, "b")).solved()

    assert told.points_today == {}
    assert (told.points_so_far, told.points_total, told.modes) == (15, 15, ("rest",))
    assert told.assumptions[-1] == "The stage ridden today had the load expected of its mode."


def test_before_the_event_and_on_its_rest_days_there_is_a_total_and_no_choice_today() -> None:
    asked = case("f-f", limits=LOOSE.model_copy(update={"max_consecutive_hard_days": 1}))
    before = replace(asked, local_date=FIRST - timedelta(days=5)).solved()
    resting = replace(
        asked, plan=outcomes(asked, "g"), local_date=FIRST + timedelta(days=1)
    ).solved()

    assert (before.points_today, before.points_total) == ({}, 16)
    assert (resting.points_today, resting.points_total) == ({}, 13)


@pytest.mark.parametrize("minutes", [0, LEAST_MINUTES - 1])
def test_without_time_enough_for_a_ride_that_counts_a_stage_is_rest(minutes: int) -> None:
    asked = case("ff")
    told = replace(asked, minutes={**asked.minutes, FIRST: minutes}).solved()

    assert told.points_today == {"rest": 8, "gc": None, "breakaway": None}


def test_of_equal_lines_the_one_that_is_easiest_today_is_told() -> None:
    asked = case("ff", schema={"flat": {"gc": 0, "breakaway": 0}})

    assert asked.solved().modes[0] == "rest"


def test_an_unpriced_stage_is_worth_nothing() -> None:
    asked = case("fm", schema={"mountain": {"gc": 10, "breakaway": 15}})

    assert asked.solved().points_today == {"rest": 15, "gc": 15, "breakaway": 15}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ctl": None}, "no_form"),
        ({"atl": None}, "no_form"),
        ({"minutes": {}}, "no_minutes"),
        ({"minutes": {FIRST: 90}}, "no_minutes"),
        ({"local_date": FIRST + timedelta(days=2)}, "no_stages"),
        ({"plan": []}, "no_stages"),
        ({"plan": [GameStage(1, FIRST, "flat", "gc")]}, "no_stages"),
        (
            {"plan": [GameStage(2, FIRST, "flat"), GameStage(1, FIRST + timedelta(1), "flat")]},
            "stages_out_of_order",
        ),
        (
            {"plan": [GameStage(1, FIRST, "flat"), GameStage(2, FIRST, "flat")]},
            "stages_out_of_order",
        ),
        (
            {
                "plan": [
                    GameStage(1, FIRST, "flat", "gc"),
                    GameStage(2, FIRST + timedelta(1), "flat"),
                ],
                "minutes": {FIRST: 0, FIRST + timedelta(1): 90},
            },
            "no_minutes",
        ),
    ],
)
def test_why_there_is_no_line(changes: dict[str, Any], reason: Any) -> None:
    told = replace(case("ff"), **changes).solved()

    assert told == BestLine(reason=reason)
    assert not told.is_exact
    assert REASONS[told.reason or "no_form"].endswith(".")


def test_a_search_that_grows_too_large_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_search, "MOST_LABELS", 300)

    assert tour().solved() == BestLine(reason="too_many_lines")


def test_the_modes_are_those_that_a_ride_is_taken_for() -> None:
    assert EXPECTED_IF["gc"] < min(BREAKAWAY_IF, HARD_RIDE_IF)
    assert EXPECTED_IF["breakaway"] >= max(BREAKAWAY_IF, HARD_RIDE_IF)
    assert LEAST_MINUTES * 60 == LEAST_S


# --- a whole tour -------------------------------------------------------------------------------


def test_mornings_of_a_tour_agree_with_what_comes_after() -> None:
    """A mode of today is worth what the best line of tomorrow is, today ridden so; to the end."""
    asked = tour()

    for n in range(len(asked.plan) - 1):
        told = asked.solved()
        assert told.points_total == 187
        other_modes = told.points_today if n % 11 == 0 else {}
        for mode, points in other_modes.items():
            if points is not None:
                assert the_day_after(asked, mode).solved().points_total == points
        asked = the_day_after(asked, told.modes[0] if told.points_today else "rest")
    check(asked)


def test_the_last_week_of_a_tour_is_that_of_the_oracle() -> None:
    asked = tour()
    ridden = ("b", "b", "r", "b", "r", "b", "b", "r", "g", "b", "-", "r", "b", "r", "b", "r", "-")
    for mode in ridden:
        named = {"b": "breakaway", "g": "gc"}.get(mode, "rest")
        asked = the_day_after(asked, named)

    check(asked)


def test_a_tour_whose_limits_never_bind_is_ridden_as_its_prices_say() -> None:
    """Three breakaways and an easy day: the easy one is the cheapest that breaks the row."""
    asked = tour()
    free = replace(asked, ctl=300.0, atl=0.0, schema={**asked.schema, "bonuses": {}})

    assert free.solved().points_total == best_without_form(free)
