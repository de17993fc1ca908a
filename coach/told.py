"""A situation in as few characters as say the same, for the model. Pure."""

from collections.abc import Collection
from typing import Any

WHERE_FROM = ("source", "age_h")
SOURCES = ("hrv", "rhr", "sleep")
# What it would say is in the sums beside it.
TOO_LONG = {"progress": ("stages",)}


def briefly(numbers: dict[str, Any], *, kept_nulls: Collection[str]) -> dict[str, Any]:
    """Without nulls and empty values, but for the nulls that are worth a word.

    A null says as little as a field that is not there, and the prompts say so.
    """
    return {
        room: _part(room, part, kept_nulls)
        for room, part in numbers.items()
        if part not in (None, [], {})
    }


def _part(room: str, part: Any, kept_nulls: Collection[str]) -> Any:
    if isinstance(part, list):
        return [_short(one) for one in part]
    left_out = {*TOO_LONG.get(room, ()), *(_said_of_the_night(part) if room == "metrics" else ())}
    return {
        name: _short(value)
        for name, value in part.items()
        if name not in left_out and (value not in (None, [], {}) or f"{room}.{name}" in kept_nulls)
    }


def _short(value: Any) -> Any:
    """Without what is null in it, and a whole number without its ".0"."""
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items() if one not in (None, [], {})}
    if isinstance(value, list):
        return [_short(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _said_of_the_night(metrics: dict[str, Any]) -> set[str]:
    """The source and age of a quantity of the night, where they are those of the night itself."""
    pairs = ((f"{name}_{what}", f"night_{what}") for name in SOURCES for what in WHERE_FROM)
    return {own for own, night in pairs if metrics.get(own) == metrics.get(night)}
