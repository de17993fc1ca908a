"""A scenario file of a few scenarios, and a count of every row there is."""

import copy
import json
from pathlib import Path
from typing import Any

from django.apps import apps

from tests.coach.samples import SITUATION

CONTEXT = {name: value for name, value in SITUATION.items() if name != "drawn_up_at"}
SCENARIO: dict[str, Any] = {
    "id": "A1",
    "category": "load",
    "title": "An ordinary day",
    "why": "Penalises a coach that never lets anybody ride.",
    "rules_exercised": ["S1"],
    "context": CONTEXT,
    "expect": {"actions": ["maintain", "push"], "min_duration": 45},
    "judge": [],
}


def scenario(name: str = "A1", **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SCENARIO), "id": name, **fields}


def file(folder: Path, *scenarios: Any) -> Path:
    path = folder / "scenarios.json"
    path.write_text(json.dumps({"version": 1, "scenarios": scenarios}))
    return path


def rows() -> dict[str, int]:
    """How many rows each table has."""
    return {one._meta.label: one._default_manager.count() for one in apps.get_models()}
