"""The rubric's 50 rules, as predicates over a situation and a decision; ids are the rubric's.

A broken rule goes back to the model with what was observed and allowed, or, where the rubric says
so, only flags the decision. Nothing is ever corrected here.
"""

from coach.replies import Decision
from coach.rules import confidence, event, form, grounding, health, integrity, limits, structure
from coach.rules.integrity import MARKUP
from coach.rules.rubric import Rule, Violation
from coach.rules.work import expanded, is_hard
from coach.situation import Situation

__all__ = ["MARKUP", "RULES", "Rule", "Violation", "expanded", "flags", "is_hard", "violations"]

RULES: dict[str, Rule] = {
    one.id: one
    for module in (structure, limits, form, event, grounding, confidence, health, integrity)
    for one in vars(module).values()
    if isinstance(one, Rule)
}


def violations(situation: Situation, decision: Decision) -> list[Violation]:
    """The broken rules for which the model is asked again."""
    return _broken(situation, decision, is_flag=False)


def flags(situation: Situation, decision: Decision) -> list[Violation]:
    """The broken rules that only mark a decision: it is told all the same."""
    return _broken(situation, decision, is_flag=True)


def _broken(situation: Situation, decision: Decision, *, is_flag: bool) -> list[Violation]:
    asked = (one for one in RULES.values() if one.is_flag == is_flag)
    found = (one.violation(situation, decision) for one in asked)
    return [one for one in found if one is not None]
