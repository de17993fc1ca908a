"""The bonuses of a drafted mission as its tester picks them: by kind, in words, with a number."""

from datetime import date
from typing import Any

from missions.bonuses import TITLES, GameStage, standings
from missions.price_list import ALL_THERE_ARE, BONUS_KINDS, COUNTED, kind_of

Bonus = dict[str, Any]
Day = dict[str, Any]


def title_of(name: str) -> str:
    kind = kind_of(name)
    return COUNTED.get(kind) or TITLES.get(kind) or name.replace("_", " ")


def offered(proposed: list[Bonus]) -> list[Bonus]:
    """Those of the proposal, then those it could have besides, still without points."""
    kinds = {kind_of(bonus["name"]) for bonus in proposed}
    others = [kind for kind in BONUS_KINDS if kind not in kinds]
    return proposed + [{"name": kind, "threshold": None, "points": None} for kind in others]


def chosen(bonus: Bonus, threshold: int | None, points: int, days: list[Day]) -> Bonus:
    """An offered bonus with the tester's numbers; what wants the whole plan counts it itself."""
    kind = kind_of(bonus["name"])
    if kind in COUNTED:
        return {"name": f"{kind}_{threshold}", "threshold": threshold, "points": points}
    if kind in TITLES:
        threshold = max(1, _held_by_plan(kind, days))
        return {"name": kind, "threshold": threshold, "points": points}
    return bonus | {"points": points}


def _held_by_plan(kind: str, days: list[Day]) -> int:
    plan = [GameStage(**{**day, "date": date.fromisoformat(day["date"])}) for day in days]
    alone = {"bonuses": {kind: {"threshold": ALL_THERE_ARE, "points": 0}}}
    return standings(alone, plan)[0].needed
