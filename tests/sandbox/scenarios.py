"""The scenarios that are given, and what a decision leaves unmet of their `expect` blocks."""

import json
from pathlib import Path
from typing import Any

from coach.evaluation.expectations import unmet

FILE = Path(__file__).parent.parent / "data" / "scenarios.json"
SCENARIOS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["scenarios"]
BY_ID = {scenario["id"]: scenario for scenario in SCENARIOS}


def broken(scenario: dict[str, Any], decision: dict[str, Any]) -> list[str]:
    """The expectations that the decision does not meet, by name."""
    return [one.name for one in unmet(scenario["expect"], scenario["context"], decision)]
