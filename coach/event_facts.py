"""A day of the event as the coach is told of it: the stage, where the game stands, what is left."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from coach import facts
from coach.best_line import BestLine, best_line
from coach.classify import ride_mode, ride_that_counts
from coach.scored import ScoredRide, game_told, ridden_on
from connections.readings import Readings
from missions.bonuses import GameStage
from missions.game import Game, standing
from missions.models import Mission, Stage

# Said beside the number, so that nobody takes it for a plan.
WHAT_IT_IS = "best total still possible under the limits"


def is_event(mission: Mission) -> bool:
    return mission.state == Mission.State.EVENT_ACTIVE


def stage_of_today(mission: Mission, local_date: date) -> Stage | None:
    return mission.stage_on(local_date) if is_event(mission) else None


def stage_facts(
    mission: Mission, stage: Stage | None, scored: Sequence[ScoredRide]
) -> facts.StageFacts | None:
    """None on a day without a stage to ride."""
    if stage is None or stage.is_rest_day:
        return None
    return facts.StageFacts(
        number=stage.number,
        type=stage.stage_type,
        completed=_ridden_on(mission, scored, stage.date) is not None,
    )


def _ridden_on(
    mission: Mission, scored: Sequence[ScoredRide], stage_date: date
) -> ScoredRide | None:
    """The ride of a day of the event that counts so far."""
    of_day = [one for one in scored if ridden_on(mission, one.ride) == stage_date]
    counting = ride_that_counts([one.ride for one in of_day])
    return next((one for one in of_day if one.ride is counting), None)


def progress_of(
    mission: Mission,
    readings: Readings,
    local_date: date,
    *,
    scored: Sequence[ScoredRide],
    metrics: facts.Metrics,
    constraints: facts.Constraints,
    minutes_today: int,
) -> dict[str, Any] | None:
    """Two queries, however long the event is; None outside of one."""
    if not is_event(mission):
        return None
    game = game_told(mission, readings, local_date=local_date)
    minutes = {one.date: mission.minutes_on(one.date) for one in game.plan}
    line = best_line(
        _as_of_now(game, _ridden_on(mission, scored, local_date), local_date),
        mission.points_schema,
        local_date=local_date,
        ctl=metrics.ctl,
        atl=metrics.atl,
        readiness=metrics.readiness,
        hard_days=metrics.consecutive_hard_days,
        minutes={**minutes, local_date: minutes_today},
        limits=constraints,
    )
    return {
        **standing(game),
        "bonus_progress": bonus_progress(game),
        "best_line": told_line(line),
    }


def _as_of_now(game: Game, ridden: ScoredRide | None, local_date: date) -> list[GameStage]:
    """The plan with today's stage as it was ridden already, which settles it only tomorrow."""
    mode = None if ridden is None else ride_mode(ridden.ride, ridden.load)
    return [
        replace(one, ride_mode=mode) if one.date == local_date and one.is_open else one
        for one in game.plan
    ]


def bonus_progress(game: Game) -> dict[str, dict[str, int]]:
    """How far each bonus is that is still open: `count` of `needed`, for so many points."""
    return {
        one.name: {"count": one.count, "needed": one.needed, "points": one.points}
        for one in game.bonuses
        if one.is_attainable and not one.is_earned
    }


def told_line(line: BestLine) -> dict[str, Any]:
    """A number by what it is, and what it becomes with each way to ride today; never a plan."""
    if line.points_total is None:
        return {"what": WHAT_IT_IS, "points": None, "reason": line.reason}
    return {
        "what": WHAT_IT_IS,
        "points": line.points_total,
        "points_by_mode_today": dict(line.points_today),
    }
