"""A rule of the rubric: a named predicate over a situation and a decision, and how it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from coach.replies import Decision
from coach.situation import Situation

DEFINITION = "definition or the mission's own configuration"
CONVENTION = "coaching convention"
EVIDENCE = "published evidence or consensus"


class Broken(NamedTuple):
    """What was found in a decision, and what may stand there."""

    observed: str
    allowed: str


Check = Callable[[Situation, Decision], Broken | None]


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    predicate: str
    observed: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.predicate}. Observed: {self.observed}; allowed: {self.allowed}"

    def as_json(self) -> dict[str, str]:
        return {"rule": self.rule, "observed": self.observed, "allowed": self.allowed}


@dataclass(frozen=True, slots=True)
class Rule:
    """`state` is the only state of a mission that it is about; None for all of them."""

    id: str
    predicate: str
    basis: str
    is_flag: bool
    state: str | None
    check: Check

    def violation(self, situation: Situation, decision: Decision) -> Violation | None:
        if self.state not in {None, situation.mission.state}:
            return None
        broken = self.check(situation, decision)
        return broken and Violation(self.id, self.predicate, broken.observed, broken.allowed)


def rule(
    rule_id: str, predicate: str, basis: str, *, state: str | None = None, is_flag: bool = False
) -> Callable[[Check], Rule]:
    """Make a predicate a rule; the words are the rubric's own."""
    return lambda check: Rule(rule_id, predicate, basis, is_flag, state, check)
