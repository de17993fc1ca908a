"""What a scenario expects of a decision, and which of it the decision does not meet."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NO_PLAN: dict[str, Any] = {
    "duration_minutes": 0,
    "zones": {f"Z{zone}": 0 for zone in range(1, 8)},
    "estimated_load": 0.0,
    "description": "",
}
HARD_ZONES = ("Z4", "Z5", "Z6", "Z7")
TEXTS = ("reason", "mode_rationale", "strategic_notes")

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation by its name in the file, what it asks for, and what the decision has."""

    name: str
    wanted: Any
    observed: Any

    def __str__(self) -> str:
        return f"{self.name} {self.wanted}: {self.observed}"

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "wanted": self.wanted, "observed": self.observed}


@dataclass(frozen=True, slots=True)
class Check:
    """`observe` takes from the decision what `holds` compares with the wish."""

    observe: Callable[[Facts, Any], Any]
    holds: Callable[[Any, Any], bool]


def unmet(
    expected: Mapping[str, Any], context: Mapping[str, Any], decision: Mapping[str, Any]
) -> list[Unmet]:
    """The expectations that a decision does not meet, in their order."""
    facts = _facts(context, decision)
    found = []
    for name, wanted in expected.items():
        check = CHECKS[name]
        observed = check.observe(facts, wanted)
        if not check.holds(observed, wanted):
            found.append(Unmet(name, wanted, observed))
    return found


def _facts(context: Mapping[str, Any], decision: Mapping[str, Any]) -> Facts:
    plan = decision["workout_plan"] or NO_PLAN
    minutes = plan["zones"]
    hard = sum(minutes[zone] for zone in HARD_ZONES)
    return {
        **decision,
        "duration": plan["duration_minutes"],
        "hard": hard,
        "z3plus": hard + minutes["Z3"],
        "load": plan["estimated_load"],
        "text": " ".join([*(decision[name] for name in TEXTS), plan["description"]]),
        "price": _price(context, decision),
    }


def _price(context: Mapping[str, Any], decision: Mapping[str, Any]) -> int | None:
    """What the mode of the decision earns on the stage it names; None where nothing says so."""
    mode = decision["recommended_ride_mode"]
    prices = context["mission"].get("points_schema") or {}
    return 0 if mode == "rest" else prices.get(decision["stage_type"], {}).get(mode)


def _of(name: str) -> Callable[[Facts, Any], Any]:
    return lambda facts, _: facts[name]


def _is_found(pattern: str, facts: Facts) -> bool:
    return re.search(pattern, facts["text"], re.IGNORECASE) is not None


def _unnamed(facts: Facts, wanted: list[str]) -> list[str]:
    return [path for path in wanted if path not in facts["missing_data"]]


def _beside(facts: Facts, wanted: list[str]) -> list[str]:
    return [name for name in facts["bonus_opportunities"] if name not in wanted]


def _not_said(facts: Facts, patterns: list[str]) -> list[str]:
    return [pattern for pattern in patterns if not _is_found(pattern, facts)]


def _said(facts: Facts, patterns: list[str]) -> list[str]:
    return [pattern for pattern in patterns if _is_found(pattern, facts)]


def _is_one_of(observed: Any, wanted: Any) -> bool:
    return observed in wanted


def _is_at_most(load: float | None, most: float) -> bool:
    """A plan without a load, because there is no FTP, is held to its minutes alone."""
    return load is None or load <= most


def _is_nothing(observed: list[str], _: Any) -> bool:
    return not observed


def _is_priced(facts: Facts, _: Any) -> bool:
    return bool(facts["expected_points"] == facts["price"])


CHECKS: dict[str, Check] = {
    "actions": Check(_of("action"), _is_one_of),
    "modes": Check(_of("recommended_ride_mode"), _is_one_of),
    "max_duration": Check(_of("duration"), operator.le),
    "min_duration": Check(_of("duration"), operator.ge),
    "max_hard_minutes": Check(_of("hard"), operator.le),
    "min_hard_minutes": Check(_of("hard"), operator.ge),
    "max_z3plus": Check(_of("z3plus"), operator.le),
    "max_load": Check(_of("load"), _is_at_most),
    "confidence_max": Check(_of("confidence"), operator.le),
    "missing_includes": Check(_unnamed, _is_nothing),
    "needs_medical_referral": Check(_of("needs_medical_referral"), operator.eq),
    "expected_points": Check(_of("expected_points"), operator.eq),
    "points_consistent": Check(_is_priced, operator.eq),
    "bonus_exactly_subset_of": Check(_beside, _is_nothing),
    "must_match": Check(_not_said, _is_nothing),
    "must_not_match": Check(_said, _is_nothing),
}
