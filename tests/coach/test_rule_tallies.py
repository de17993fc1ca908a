import pytest

from coach import rule_tallies
from coach.models import RuleTally
from coach.rules import Violation

pytestmark = pytest.mark.django_db


def broken(*rules: str) -> list[Violation]:
    return [Violation(rule, "as it should be", "another", "this") for rule in rules]


def test_each_rule_a_decision_breaks_is_counted_once_for_its_model() -> None:
    rule_tallies.count("gpt-4o", broken("L1", "G1", "G1"))
    rule_tallies.count("gpt-4o", broken("G1", "T1"))
    rule_tallies.count("gpt-6-luna", broken("L1"))
    rule_tallies.count("gpt-4o", broken())

    assert set(RuleTally.objects.values_list("model", "rule", "is_flag", "count")) == {
        ("gpt-4o", "L1", False, 1),
        ("gpt-4o", "G1", False, 2),
        ("gpt-4o", "T1", True, 1),
        ("gpt-6-luna", "L1", False, 1),
    }
