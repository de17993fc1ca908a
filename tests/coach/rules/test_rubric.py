"""The rules against the rubric they are taken from."""

import json
from pathlib import Path

from coach.rules import RULES, Violation

RUBRIC = json.loads(
    (Path(__file__).parents[2] / "data" / "rubric.json").read_text(encoding="utf-8")
)["rules"]


def test_every_rule_is_the_rubrics_own_in_its_words_and_basis() -> None:
    ours = {
        one.id: (
            one.predicate,
            "flag" if one.is_flag else "reprompt",
            one.basis,
            "all states" if one.state is None else [one.state],
        )
        for one in RULES.values()
    }

    assert ours == {
        one["id"]: (one["predicate"], one["on_violation"], one["basis"], one["applies_in"])
        for one in RUBRIC
    }
    assert len(RULES) == 50
    assert sum(one.is_flag for one in RULES.values()) == 10


def test_a_violation_is_told_whole_and_kept_without_its_predicate() -> None:
    violation = Violation("L1", "a => b", "a and not b", "b")

    assert str(violation) == "L1: a => b. Observed: a and not b; allowed: b"
    assert violation.as_json() == {"rule": "L1", "observed": "a and not b", "allowed": "b"}
