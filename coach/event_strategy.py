"""What the day means for the event: the stage and how to ride it, or the way that is left to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts import formats
from coach.brief import MODE_WORDS
from coach.figures import counted, shown
from coach.replies import Decision
from coach.situation import Situation
from missions.bonuses import title_of
from missions.models import StageType

STAGE_WORDS = dict(StageType.choices)


@dataclass(frozen=True, slots=True)
class Strategy:
    """`lead` in large, the sentences below it, then the bonuses within reach."""

    lead: str
    sentences: Sequence[str] = ()
    bonuses: Sequence[str] = ()


def of(situation: Situation, decision: Decision) -> Strategy | None:
    """None outside of a mission's training and event."""
    said = [words for words in (decision.mode_rationale, decision.strategic_notes) if words]
    if situation.mission.state == "TRAINING":
        return Strategy(_way_to_go(situation), [*_on_the_way(situation), *said])
    if situation.mission.state != "EVENT_ACTIVE":
        return None
    return Strategy(
        _stage(situation),
        [*_mode(decision), *_so_far(situation), *said],
        _bonuses(situation, decision),
    )


def _way_to_go(situation: Situation) -> str:
    days = situation.today.days_to_event
    left = "The event is near" if days is None else f"{counted(days, 'day')} to go"
    return left if days != 0 else "The event begins today"


def _on_the_way(situation: Situation) -> list[str]:
    phase, metrics = situation.mission.phase, situation.metrics
    told = [f"The event begins on {formats.weekday_date(situation.mission.event_start)}."]
    if phase:
        told.append(f"Phase: {phase.lower()}.")
    if aim := situation.mission.targets.get("ctl"):
        ctl = "unknown" if metrics.ctl is None else shown(metrics.ctl)
        told.append(f"Fitness (CTL) {ctl}; you aim at {aim}.")
    if metrics.projected_ctl is not None and metrics.projected_tsb is not None:
        ctl, tsb = shown(metrics.projected_ctl), shown(metrics.projected_tsb)
        told.append(
            "Riding as in the last four weeks you would start it with "
            f"fitness (CTL) {ctl} and form (TSB) {tsb}."
        )
    return told


def _stage(situation: Situation) -> str:
    stage = situation.today.stage
    if stage is None:
        return "No stage today"
    ridden = ", ridden already" if stage.completed else ""
    return f"Stage {stage.number}, {STAGE_WORDS.get(stage.type, stage.type)}{ridden}"


def _mode(decision: Decision) -> list[str]:
    mode, points = decision.recommended_ride_mode, decision.expected_points
    if mode is None:
        return []
    worth = "" if points is None else f", worth {counted(points, 'point')}"
    return [f"Ride mode: {MODE_WORDS[mode]}{worth}."]


def _so_far(situation: Situation) -> list[str]:
    """As the coach was told: the mission itself may count rides that are kept from it."""
    if situation.progress is None:
        return []
    return [f"{counted(situation.progress['total_points'], 'point')} so far."]


def _bonuses(situation: Situation, decision: Decision) -> list[str]:
    """Those the coach sees within reach, with how far they are where that was counted."""
    progress = (situation.progress or {}).get("bonus_progress", {})
    return [_bonus(name, progress.get(name)) for name in decision.bonus_opportunities]


def _bonus(name: str, progress: dict[str, Any] | None) -> str:
    if progress is None:
        return title_of(name)
    points = counted(progress["points"], "point")
    return f"{title_of(name)}: {progress['count']} of {progress['needed']}, for {points}"
