"""What the stages of a plan earn, and the feats that its rider can still do: no others."""

from collections.abc import Iterator
from typing import Any

PRICES = {
    "flat": {"gc": 5, "breakaway": 8},
    "hilly": {"gc": 7, "breakaway": 11},
    "mountain": {"gc": 10, "breakaway": 15},
    "itt": {"gc": 4, "breakaway": 6},
    "mtn_itt": {"gc": 6, "breakaway": 9},
}
LONG_EVENT_DAYS = 10


def schema_for(stages: list[dict[str, Any]], style: str) -> dict[str, Any]:
    """A price for each stage type that is ridden, null for the others, and the bonuses."""
    types = {stage["stage_type"] for stage in ridden(stages)}
    prices = {kind: price if kind in types else None for kind, price in PRICES.items()}
    return {**prices, "bonuses": list(_bonuses(stages, style))}


def ridden(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [stage for stage in stages if not stage["is_rest_day"]]


def _bonuses(stages: list[dict[str, Any]], style: str) -> Iterator[dict[str, Any]]:
    count = len(ridden(stages))
    in_a_row, breaks = (5, 10) if count >= LONG_EVENT_DAYS else (3, 2)
    if count >= in_a_row:
        yield _bonus(f"consecutive_{in_a_row}", in_a_row, 5)
        yield _bonus(f"breakaway_{breaks}", breaks, 15 if breaks == 10 else 6)
    mountains = sum(stage["stage_type"] == "mountain" for stage in ridden(stages))
    if mountains >= 2:
        yield _bonus("all_mountains_breakaway", mountains, 10)
    if len(stages) >= LONG_EVENT_DAYS:
        yield _bonus("final_week_complete", len(ridden(stages[-7:])), 10)
    if count >= in_a_row and style == "gc":
        yield _bonus("all_gc", count, 10)


def _bonus(name: str, threshold: int, points: int) -> dict[str, Any]:
    return {"name": name, "threshold": threshold, "points": points}
