"""The game's prices, pure: stage type and ride mode to points."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from missions.bonuses import GameStage, problem_in_name, standings

STAGE_TYPES = ("flat", "hilly", "mountain", "itt", "mtn_itt")
PRICED_MODES = ("gc", "breakaway")
MOST_POINTS = 1_000
MOST_BONUSES = 20

DEFAULT_POINTS_SCHEMA: dict[str, Any] = {
    "flat": {"gc": 5, "breakaway": 8},
    "hilly": {"gc": 7, "breakaway": 11},
    "mountain": {"gc": 10, "breakaway": 15},
    "itt": {"gc": 4, "breakaway": 6},
    "mtn_itt": {"gc": 6, "breakaway": 9},
    "bonuses": {
        "consecutive_5": {"threshold": 5, "points": 5},
        "breakaway_10": {"threshold": 10, "points": 15},
    },
}


def default_points_schema() -> dict[str, Any]:
    return {key: {**prices} for key, prices in DEFAULT_POINTS_SCHEMA.items()}


def problems_in(schema: object) -> list[str]:
    """What is wrong with a points schema, in sentences; an empty list when nothing is."""
    if not isinstance(schema, dict):
        return ["The points schema must be an object of stage types."]
    priced = [kind for kind in schema if kind in STAGE_TYPES]
    problems = [
        f'"{kind}" is not a stage type; use one of {", ".join(STAGE_TYPES)}.'
        for kind in schema
        if kind not in (*STAGE_TYPES, "bonuses")
    ]
    if not priced:
        problems.append("Price at least one stage type, such as flat.")
    for kind in priced:
        problems += _problems_in_prices(kind, schema[kind])
    return problems + _problems_in_bonuses(schema.get("bonuses", {}))


def _problems_in_prices(kind: str, prices: object) -> list[str]:
    if not isinstance(prices, dict) or set(prices) != set(PRICED_MODES):
        return [f'"{kind}" needs a price for each ride mode: {" and ".join(PRICED_MODES)}.']
    return [
        f'The price of "{kind}" in {mode} must be a whole number from 0 to {MOST_POINTS}.'
        for mode, price in prices.items()
        if not _is_whole(price, least=0)
    ]


def _problems_in_bonuses(bonuses: object) -> list[str]:
    if not isinstance(bonuses, dict) or len(bonuses) > MOST_BONUSES:
        return [f'"bonuses" must be an object of at most {MOST_BONUSES} bonus names.']
    return [problem for name, bonus in bonuses.items() for problem in _problems_in(name, bonus)]


def _problems_in(name: str, bonus: object) -> Iterable[str]:
    is_whole = (
        isinstance(bonus, dict)
        and set(bonus) == {"threshold", "points"}
        and _is_whole(bonus["threshold"], least=1)
        and _is_whole(bonus["points"], least=0)
    )
    if not is_whole:
        yield f'The bonus "{name}" needs whole numbers for threshold (1 or more) and points.'
    elif problem := problem_in_name(name, bonus["threshold"]):  # type: ignore[index]
        yield problem


def _is_whole(number: object, *, least: int) -> bool:
    return type(number) is int and least <= number <= MOST_POINTS


def points_for(schema: Mapping[str, Any], stage_type: str, ride_mode: str) -> int | None:
    """Points of one stage ridden in one mode; 0 for rest, None when the schema has no price.

    A steady ride is a finished stage: it earns what gc earns.
    """
    if ride_mode == "rest":
        return 0
    prices = schema.get(stage_type)
    if prices is None:
        return None
    return int(prices["gc" if ride_mode == "steady" else ride_mode])


def plan_total(schema: Mapping[str, Any], stages: Iterable[Any], mode: str) -> int:
    """What a plan is worth with every stage ridden in one mode, before any bonus.

    A stage has `stage_type` and `is_rest_day`; one without a price is worth nothing.
    """
    ridden = (one for one in stages if not one.is_rest_day)
    return sum(points_for(schema, one.stage_type, mode) or 0 for one in ridden)


def ghost_total(schema: Mapping[str, Any], plan: Sequence[GameStage], mode: str) -> int:
    """What a rider gets who rides all of a plan's settled stages in one mode, bonuses included."""
    ridden = [one if one.is_open else replace(one, ride_mode=mode) for one in plan]
    settled = [one for one in ridden if not one.is_open]
    earned = sum(bonus.points for bonus in standings(schema, ridden) if bonus.is_earned)
    return plan_total(schema, settled, mode) + earned
