"""Which bonuses are still in reach, from what the situation tells of the game."""

from collections.abc import Mapping
from typing import Any

from coach.situation import Situation
from missions.bonuses import COUNTED

COUNTS = {"consecutive": "consecutive_stages", "breakaway": "breakaway_count"}
# What must not have happened yet, by the name of the bonus.
SPOILT_BY = {
    "all_mountains_breakaway": ("mountain_not_breakaway",),
    "final_week_complete": ("final_week_missed",),
    "all_gc": ("breakaway_count", "stages_missed"),
    "all_gc_mode": ("breakaway_count", "stages_missed"),
}


def in_reach(situation: Situation) -> list[str]:
    """As the situation says; else those of the mission that are neither earned nor lost."""
    progress: Mapping[str, Any] = situation.progress or {}
    told = progress.get("bonuses_attainable")
    if told is not None:
        return list(told)
    earned = progress.get("bonuses_earned", ())
    return [
        name
        for name in situation.mission.bonuses
        if name not in earned and not _is_lost(name, progress)
    ]


def _is_lost(name: str, progress: Mapping[str, Any]) -> bool:
    """Of a count that is not told nobody can say that it is too small."""
    counted = COUNTED.fullmatch(name)
    if counted is None:
        return any(progress.get(field) for field in SPOILT_BY.get(name, ()))
    count, remaining = progress.get(COUNTS[counted[1]]), progress.get("remaining_stages")
    return count is not None and remaining is not None and count + remaining < int(counted[2])
