import copy
from typing import Any

import pytest

from coach.evaluation.expectations import CHECKS, Unmet, unmet
from coach.evaluation.scenarios import Expected
from tests.coach.evaluation.samples import CONTEXT
from tests.coach.samples import IN_THE_BUNCH, reply
from tests.sandbox.scenarios import SCENARIOS

NO_PLAN = reply({"workout_plan": None, "action": "recover"})
TEMPO = reply({"workout_plan.zones.Z3": 15, "workout_plan.zones.Z5": 6})
UNPRICED = {"mission": {"points_schema": {"mountain": {"gc": 10}}}}
# Name, a wish that is met, one just beyond it, and what is observed then; of the sound decision.
OF_A_DECISION: list[tuple[str, Any, Any, Any]] = [
    ("actions", ["maintain"], ["push", "ease"], "maintain"),
    ("modes", [None, "rest"], ["rest"], None),
    ("max_duration", 60, 59, 60),
    ("min_duration", 60, 61, 60),
    ("max_hard_minutes", 0, -1, 0),
    ("min_hard_minutes", 0, 1, 0),
    ("max_z3plus", 0, -1, 0),
    ("max_load", 42.0, 41.9, 42.0),
    ("confidence_max", 0.8, 0.79, 0.8),
    ("missing_includes", [], ["metrics.tsb"], ["metrics.tsb"]),
    ("needs_medical_referral", False, True, False),
    ("expected_points", None, 10, None),
    ("points_consistent", True, False, True),
    ("bonus_exactly_subset_of", [], None, None),
    ("must_match", ["READINESS is 82", "even, easy"], ["readiness", "tired"], ["tired"]),
    ("must_not_match", ["tired"], ["tired", "your form"], ["your form"]),
]


def names(expected: dict[str, Any], decision: dict[str, Any], **context: Any) -> list[str]:
    return [one.name for one in unmet(expected, {**CONTEXT, **context}, decision)]


@pytest.mark.parametrize(("name", "met", "not_met", "observed"), OF_A_DECISION)
def test_expectation_is_met_up_to_its_limit_and_not_beyond(
    name: str, met: Any, not_met: Any, observed: Any
) -> None:
    assert unmet({name: met}, CONTEXT, reply()) == []
    if not_met is not None:
        assert unmet({name: not_met}, CONTEXT, reply()) == [Unmet(name, not_met, observed)]


def test_every_expectation_is_judged_and_can_be_asked_for() -> None:
    assert list(CHECKS) == list(Expected.model_fields) == [name for name, *_ in OF_A_DECISION]
    assert {name for one in SCENARIOS for name in one["expect"]} <= CHECKS.keys()


def test_several_are_told_in_their_order() -> None:
    wishes = {"max_duration": 30, "actions": ["maintain"], "min_hard_minutes": 8}

    assert [str(one) for one in unmet(wishes, CONTEXT, reply())] == [
        "max_duration 30: 60",
        "min_hard_minutes 8: 0",
    ]


def test_hard_minutes_are_those_of_the_four_highest_zones() -> None:
    assert names({"min_hard_minutes": 6, "max_hard_minutes": 6}, TEMPO) == []
    assert names({"max_z3plus": 20}, TEMPO) == ["max_z3plus"]
    assert names({"max_z3plus": 21}, TEMPO) == []


def test_day_without_a_plan_has_no_minutes_and_no_load() -> None:
    assert names({"max_duration": 0, "max_z3plus": 0, "max_load": 0}, NO_PLAN) == []
    assert names({"min_duration": 1}, NO_PLAN) == ["min_duration"]


def test_plan_without_a_load_is_held_to_its_minutes_alone() -> None:
    plain = reply({"workout_plan.estimated_load": None})

    assert names({"max_load": 10}, plain) == []


def test_points_are_consistent_with_the_price_of_the_mode() -> None:
    gc = reply(IN_THE_BUNCH)
    resting = reply({"recommended_ride_mode": "rest", "expected_points": 0})
    wish = {"points_consistent": True}

    assert names(wish, gc) == []
    assert names(wish, {**gc, "expected_points": 8}) == ["points_consistent"]
    assert names(wish, resting) == []
    assert names(wish, {**gc, "recommended_ride_mode": "breakaway"}, **UNPRICED) == [
        "points_consistent"
    ]


def test_bonuses_may_be_fewer_and_not_others() -> None:
    wish = {"bonus_exactly_subset_of": ["consecutive_5", "breakaway_10"]}

    assert names(wish, reply({"bonus_opportunities": ["consecutive_5"]})) == []
    told = unmet(wish, CONTEXT, reply({"bonus_opportunities": ["consecutive_5", "gc_all"]}))
    assert [one.as_json() for one in told] == [
        {
            "name": "bonus_exactly_subset_of",
            "wanted": ["consecutive_5", "breakaway_10"],
            "observed": ["gc_all"],
        }
    ]


def test_words_are_looked_for_in_every_text() -> None:
    said = reply({"mode_rationale": "alpha", "strategic_notes": "beta"})

    assert names({"must_match": ["alpha", "beta", "hour at", "you keep"]}, said) == []


def test_judging_changes_nothing() -> None:
    said, before = reply(), copy.deepcopy(reply())

    unmet({"must_match": ["x"]}, CONTEXT, said)

    assert said == before
