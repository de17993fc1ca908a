"""The race against the two ghosts, stage by stage; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from missions.bonuses import GameStage, standings
from missions.game import GHOSTS, Game, PlayedStage
from missions.models import Stage
from missions.points import points_for


@dataclass(frozen=True, slots=True)
class RaceStage:
    """Where everybody stands after a stage whose outcome is known, bonuses included."""

    played: PlayedStage
    points: int
    ghosts: Mapping[str, int]

    @property
    def stage(self) -> Stage:
        return self.played.stage


def race_of(game: Game, schema: Mapping[str, Any]) -> list[RaceStage]:
    """The settled stages in order; the last one's sums are those of the game."""
    settled = game.settled
    if not settled:
        return []
    own = list(accumulate(_own(game, settled)))
    ghosts = {name: _ghost(game.plan, schema, mode) for name, mode in GHOSTS.items()}
    return [
        RaceStage(one, points, {name: sums[one.stage.number] for name, sums in ghosts.items()})
        for one, points in zip(settled, own, strict=True)
    ]


def _own(game: Game, settled: Sequence[PlayedStage]) -> list[int]:
    """What each stage brought; an award that names no stage counts with the last."""
    brought = [
        (one.row.points if one.row else 0) + sum(award.points for award in one.bonuses)
        for one in settled
    ]
    brought[-1] += game.points_total - sum(brought)
    return brought


def _ghost(plan: Sequence[GameStage], schema: Mapping[str, Any], mode: str) -> dict[int, int]:
    """By the number of each settled stage what a rider has who rides them all in one mode."""
    ridden = [one if one.is_open else replace(one, ride_mode=mode) for one in plan]
    bonuses = [one for one in standings(schema, ridden) if one.stage_number is not None]
    settled = [one for one in ridden if not one.is_open]
    brought = (
        (0 if one.is_rest_day else points_for(schema, one.stage_type, mode) or 0)
        + sum(bonus.points for bonus in bonuses if bonus.stage_number == one.number)
        for one in settled
    )
    return dict(zip((one.number for one in settled), accumulate(brought), strict=True))
