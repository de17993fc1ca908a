"""Which bonuses today's ride mode brings nearer: not earned yet, and still possible."""

from dataclasses import dataclass
from typing import Any

from sandbox.coach.calendar import stage_type
from sandbox.coach.situation import Situation


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the game stands; streak is the completed stages in a row up to now."""

    streak: float
    breakaways: float
    remaining: float
    missed: float
    mountains_not_in_the_break: float
    is_final_week_missed: bool


def bonuses_in_reach(situation: Situation, mode: str) -> list[str]:
    if mode == "rest":
        return []
    known = situation.at("mission.bonuses") or situation.at("mission.points_schema.bonuses") or {}
    open_names = situation.at("progress.bonuses_attainable")
    earned = situation.at("progress.bonuses_earned") or []
    standing = _standing(situation)
    is_mountain = stage_type(situation) == "mountain"
    return [
        name
        for name, bonus in known.items()
        if name not in earned
        and (open_names is None or name in open_names)
        and _is_in_reach(name, _threshold(bonus), standing, mode, is_mountain)
    ]


def _is_in_reach(
    name: str, threshold: float | None, standing: Standing, mode: str, is_mountain: bool
) -> bool:
    is_breakaway = mode == "breakaway"
    streak, breakaways = threshold or 5, threshold or 10
    # The number is part of the name: consecutive_5, breakaway_10.
    kind = name.rstrip("0123456789")
    return {
        "consecutive_": standing.streak < streak <= standing.streak + standing.remaining,
        "breakaway_": is_breakaway
        and standing.breakaways < breakaways <= standing.breakaways + standing.remaining,
        "all_mountains_breakaway": is_breakaway
        and is_mountain
        and not standing.mountains_not_in_the_break,
        "final_week_complete": not standing.is_final_week_missed,
        "all_gc": not is_breakaway and not standing.breakaways and not standing.missed,
        "all_gc_mode": not is_breakaway and not standing.breakaways and not standing.missed,
    }.get(kind, False)


def _threshold(bonus: Any) -> float | None:
    return bonus.get("threshold") if isinstance(bonus, dict) else None


def _standing(situation: Situation) -> Standing:
    stages = situation.at("progress.stages")
    is_given = situation.number("progress.remaining_stages") is not None
    if isinstance(stages, list) and not is_given:
        return _counted(situation, stages)
    return _given(situation)


def _given(situation: Situation) -> Standing:
    """The situation states the sums itself."""

    def of(field: str) -> float:
        return situation.number(f"progress.{field}") or 0

    return Standing(
        streak=of("consecutive_stages"),
        breakaways=of("breakaway_count"),
        remaining=of("remaining_stages"),
        missed=of("stages_missed"),
        mountains_not_in_the_break=of("mountain_not_breakaway"),
        is_final_week_missed=situation.flag("progress.final_week_missed"),
    )


def _counted(situation: Situation, stages: list[dict[str, Any]]) -> Standing:
    """The situation lists the settled stages; today's and the later ones remain."""
    total = situation.number("progress.stages_total") or 0
    ridden = [stage for stage in stages if stage.get("is_completed")]
    missed = [stage for stage in stages if not stage.get("is_completed")]
    streak = 0
    for stage in reversed(stages):
        if not stage.get("is_completed"):
            break
        streak += 1
    mountains = [stage for stage in stages if stage.get("stage_type") == "mountain"]
    return Standing(
        streak=streak,
        breakaways=sum(stage.get("ride_mode") == "breakaway" for stage in ridden),
        remaining=total - len(stages),
        missed=len(missed),
        mountains_not_in_the_break=sum(
            stage.get("ride_mode") != "breakaway" for stage in mountains
        ),
        is_final_week_missed=any(stage.get("number", 0) > total - 7 for stage in missed),
    )
