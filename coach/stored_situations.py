"""Situations as they were kept: those of the service's first weeks have an older shape."""

from typing import Any

from coach.situation import Situation


def read(stored: dict[str, Any]) -> Situation:
    """A stored situation in today's shape; nothing that it did not hold is made up."""
    return Situation.model_validate(_as_now(stored) if "untrusted" in stored else stored)


def _as_now(stored: dict[str, Any]) -> dict[str, Any]:
    """The first shape had its typed lines in one list, and its own words for stages and rides."""
    mission, today = stored["mission"], stored["today"]
    prices = dict(mission["points_schema"])
    bonuses = prices.pop("bonuses", {})
    kept = {name: value for name, value in stored.items() if name != "untrusted"}
    return {
        **kept,
        "mission": {
            **mission,
            "points_schema": prices,
            "bonuses": {name: bonus["points"] for name, bonus in bonuses.items()},
        },
        "today": {**today, "stage": _stage(today["stage"])},
        "recent_activities": [_ride(one) for one in stored["recent_activities"]],
        "progress": _progress(stored["progress"]),
        "notes": [_note(line) for line in stored["untrusted"]],
    }


def _stage(stage: dict[str, Any] | None) -> dict[str, Any] | None:
    if stage is None:
        return None
    return {
        "number": stage["number"],
        "type": stage["stage_type"],
        "completed": stage["is_completed"],
    }


def _ride(ride: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: value for name, value in ride.items() if name != "intensity_factor"},
        "if": ride["intensity_factor"],
    }


def _progress(progress: dict[str, Any] | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    told = {name: value for name, value in progress.items() if name != "points_total"}
    return {**told, "total_points": progress["points_total"]}


def _note(line: str) -> dict[str, str]:
    source, _, text = line.partition(": ")
    return {"source": source, "text": text}
