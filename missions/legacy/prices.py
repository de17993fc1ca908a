"""The prices of the forerunner's event game, pure: in the shape of ours, with what does not fit."""

from typing import Any

from missions.legacy.file import Table
from missions.legacy.game import PlannedStage, our_bonus
from missions.points import MOST_POINTS, PRICED_MODES, STAGE_TYPES, problems_in

# Stages 16 to 21 of the forerunner's event.
FINAL_WEEK_STAGES = 6


def read_prices(
    event: Table, days: tuple[PlannedStage, ...]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """A points schema, None when none can be stored, and our name of each of their bonuses."""
    schema = _prices(event.table("points"))
    bonuses, names = _bonuses(event.table("bonuses"), days)
    if not schema:
        event.flag("points", "has no price that can be stored; the usual prices are.")
        return None, names
    schema["bonuses"] = bonuses
    if problems := problems_in(schema):
        event.flag("points", f"cannot be stored, the usual prices are. {' '.join(problems)}")
        return None, names
    return schema, names


def _prices(table: Table) -> dict[str, Any]:
    prices: dict[str, Any] = {}
    for kind in table.values:
        of_kind = table.table(kind)
        found = {mode: of_kind.whole(mode, 0, MOST_POINTS) for mode in PRICED_MODES}
        of_kind.tell_the_rest()
        if kind in STAGE_TYPES and None not in found.values():
            prices[kind] = found
        else:
            known = ", ".join(STAGE_TYPES)
            table.flag(kind, f"is left out; expected a price for gc and breakaway of {known}.")
    return prices


def _bonuses(
    table: Table, days: tuple[PlannedStage, ...]
) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    bonuses: dict[str, dict[str, int]] = {}
    names: dict[str, str] = {}
    for theirs in table.values:
        points, name = table.whole(theirs, 0, MOST_POINTS), our_bonus(theirs)
        threshold = _threshold(name, days) if name else 0
        if name is None or name in bonuses or threshold > MOST_POINTS:
            table.flag(theirs, "is no bonus we know, or the same as another; it is left out.")
        elif points is not None:
            bonuses[name] = {"threshold": threshold, "points": points}
            names[theirs] = name
    return bonuses, names


def _threshold(bonus: str, days: tuple[PlannedStage, ...]) -> int:
    """How many stages it takes; the forerunner has these numbers in its code, not in the file."""
    count = bonus.rpartition("_")[2]
    if count.isdigit():
        return int(count)
    if bonus == "final_week_complete":
        return FINAL_WEEK_STAGES
    is_of_mountains = bonus == "all_mountains_breakaway"
    stages = [one for one in days if one.number]
    return max(sum(one.stage_type == "mountain" or not is_of_mountains for one in stages), 1)
