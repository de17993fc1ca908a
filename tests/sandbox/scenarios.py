"""The scenarios, and a small judge of their `expect` blocks."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "scenarios.json"
SCENARIOS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["scenarios"]
BY_ID = {scenario["id"]: scenario for scenario in SCENARIOS}

NO_PLAN: dict[str, Any] = {
    "duration_minutes": 0,
    "zones": {f"Z{zone}": 0 for zone in range(1, 8)},
    "estimated_load": 0.0,
    "description": "",
}
Check = Callable[[dict[str, Any], Any], bool]


def broken(scenario: dict[str, Any], decision: dict[str, Any]) -> list[str]:
    """The expectations that the decision does not meet, by name."""
    facts = _facts(scenario, decision)
    return [name for name, wish in scenario["expect"].items() if not CHECKS[name](facts, wish)]


def _facts(scenario: dict[str, Any], decision: dict[str, Any]) -> dict[str, Any]:
    plan = decision["workout_plan"] or NO_PLAN
    minutes = plan["zones"]
    hard = sum(minutes[zone] for zone in ("Z4", "Z5", "Z6", "Z7"))
    texts = ("reason", "mode_rationale", "strategic_notes")
    return {
        **decision,
        "duration": plan["duration_minutes"],
        "hard": hard,
        "z3plus": hard + minutes["Z3"],
        "load": plan["estimated_load"] or 0.0,
        "text": " ".join([*(decision[name] for name in texts), plan["description"]]),
        "price": _price(scenario["context"], decision),
    }


def _price(context: dict[str, Any], decision: dict[str, Any]) -> int | None:
    mode = decision["recommended_ride_mode"]
    prices = context["mission"].get("points_schema") or {}
    return 0 if mode == "rest" else prices.get(decision["stage_type"], {}).get(mode)


def _found(pattern: str, facts: dict[str, Any]) -> bool:
    return re.search(pattern, facts["text"], re.IGNORECASE) is not None


CHECKS: dict[str, Check] = {
    "actions": lambda facts, wish: facts["action"] in wish,
    "modes": lambda facts, wish: facts["recommended_ride_mode"] in wish,
    "max_duration": lambda facts, wish: facts["duration"] <= wish,
    "min_duration": lambda facts, wish: facts["duration"] >= wish,
    "max_hard_minutes": lambda facts, wish: facts["hard"] <= wish,
    "min_hard_minutes": lambda facts, wish: facts["hard"] >= wish,
    "max_z3plus": lambda facts, wish: facts["z3plus"] <= wish,
    "max_load": lambda facts, wish: facts["load"] <= wish,
    "confidence_max": lambda facts, wish: facts["confidence"] <= wish,
    "missing_includes": lambda facts, wish: set(wish) <= set(facts["missing_data"]),
    "needs_medical_referral": lambda facts, wish: facts["needs_medical_referral"] == wish,
    "expected_points": lambda facts, wish: facts["expected_points"] == wish,
    "points_consistent": lambda facts, wish: (facts["expected_points"] == facts["price"]) == wish,
    "bonus_exactly_subset_of": lambda facts, wish: set(facts["bonus_opportunities"]) <= set(wish),
    "must_match": lambda facts, wish: all(_found(pattern, facts) for pattern in wish),
    "must_not_match": lambda facts, wish: not any(_found(pattern, facts) for pattern in wish),
}
