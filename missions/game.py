"""Where the game stands: the stages, the points, the bonuses, and two riders to compare with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from missions.bonuses import BonusStanding, GameStage, final_week, row_under_way, standings
from missions.models import BonusAward, EventProgress, Mission, RideMode, Stage
from missions.points import ghost_total
from missions.progress import as_game_stage, outcome_of

GHOSTS = {"all_gc": "gc", "all_breakaway": "breakaway"}
OPEN = "open"
MODE_WORDS = {"breakaway": "in the breakaway", "gc": "for GC", "steady": "steady", "rest": "missed"}


@dataclass(frozen=True, slots=True)
class Ghost:
    """Somebody who rides every stage in one mode: up to now on the stages that are settled here,
    and over the whole plan; bonuses included."""

    name: str
    so_far: int
    whole: int

    @property
    def title(self) -> str:
        return f"All {RideMode(GHOSTS[self.name]).label}"


@dataclass(frozen=True, slots=True)
class PlayedStage:
    """A stage of the plan, its outcome if there is one, and the bonuses it brought."""

    stage: Stage
    row: EventProgress | None
    bonuses: tuple[BonusAward, ...]

    @property
    def is_ridden(self) -> bool:
        return self.row is not None and self.row.completed_at is not None

    @property
    def mode(self) -> str:
        """How it was ridden, `rest` when it was missed, OPEN while nobody knows."""
        return self.row.ride_mode if self.row else OPEN

    @property
    def mode_words(self) -> str:
        return MODE_WORDS.get(self.mode, "still to come")


@dataclass(frozen=True, slots=True)
class Game:
    """The stages hold the rest days too; nothing else counts those.

    `earned` are the bonuses by name, each for as many points as it was awarded.
    """

    stages: tuple[PlayedStage, ...]
    plan: tuple[GameStage, ...]
    bonuses: tuple[BonusStanding, ...]
    ghosts: tuple[Ghost, ...]
    of_stages: int
    earned: Mapping[str, int]

    @property
    def of_bonuses(self) -> int:
        return sum(self.earned.values())

    @property
    def points_total(self) -> int:
        return self.of_stages + self.of_bonuses

    @property
    def to_ride(self) -> list[GameStage]:
        return [one for one in self.plan if not one.is_rest_day]

    @property
    def settled(self) -> list[PlayedStage]:
        return [one for one in self.stages if one.row is not None]

    @property
    def modes(self) -> list[tuple[str, str, int]]:
        """How often each way to ride it was so far: its name, in words, and the count."""
        names = [one.mode for one in self.stages if not one.stage.is_rest_day]
        words = {**MODE_WORDS, OPEN: "still to come"}
        return [(name, words[name], names.count(name)) for name in words if name in names]

    @property
    def stages_total(self) -> int:
        return len(self.to_ride)

    @property
    def stages_completed(self) -> int:
        return sum(one.is_ridden for one in self.stages)


def game_of(mission: Mission, outcomes: Mapping[int, EventProgress] | None = None) -> Game:
    """Two queries, however long the event is.

    With `outcomes`, by the primary key of a stage, these count and not what is stored.
    """
    stages = list(mission.stages.select_related("progress"))
    if outcomes is None:
        rows = {stage.pk: row for stage in stages if (row := outcome_of(stage))}
        awards = list(mission.awards.all())
    else:
        rows, awards = dict(outcomes), []
    plan = tuple(as_game_stage(stage, rows.get(stage.pk)) for stage in stages)
    bonuses = tuple(_bonuses(mission, plan, awards))
    return Game(
        stages=tuple(_played(stage, rows.get(stage.pk), awards) for stage in stages),
        plan=plan,
        bonuses=bonuses,
        ghosts=tuple(_ghosts(mission.points_schema, plan)),
        of_stages=sum(row.points for row in rows.values()),
        earned={one.name: one.points for one in awards}
        if outcomes is None
        else {one.name: one.points for one in bonuses if one.is_earned},
    )


def standing(game: Game) -> dict[str, Any]:
    """What the coach is told of the game: sums and names, and each settled stage."""
    mountains = [one for one in game.to_ride if one.stage_type == "mountain"]
    in_breakaway = sum(one.ride_mode == "breakaway" for one in mountains)
    open_mountains = sum(one.is_open for one in mountains)
    return {
        "total_points": game.points_total,
        "stages_total": game.stages_total,
        "stages_completed": game.stages_completed,
        "stages_missed": sum(one.is_missed for one in game.to_ride),
        "remaining_stages": sum(one.is_open for one in game.to_ride),
        "consecutive_stages": row_under_way(game.plan),
        "breakaway_count": sum(one.ride_mode == "breakaway" for one in game.to_ride),
        "mountain_breakaway": in_breakaway,
        "mountain_not_breakaway": len(mountains) - in_breakaway - open_mountains,
        "remaining_mountain": open_mountains,
        "final_week_missed": any(one.is_missed for one in final_week(game.plan)),
        "bonuses_earned": [one.name for one in game.bonuses if one.is_earned],
        "bonuses_attainable": [
            one.name for one in game.bonuses if one.is_attainable and not one.is_earned
        ],
        "stages": [
            {
                "number": one.stage.number,
                "stage_type": one.stage.stage_type,
                "ride_mode": one.row.ride_mode,
                "points": one.row.points,
                "is_completed": one.is_ridden,
            }
            for one in game.stages
            if one.row is not None
        ],
    }


def _played(stage: Stage, row: EventProgress | None, awards: Sequence[BonusAward]) -> PlayedStage:
    brought = (award for award in awards if row is not None and award.progress_id == row.pk)
    return PlayedStage(stage, row, tuple(brought))


def _bonuses(
    mission: Mission, plan: Sequence[GameStage], awards: Sequence[BonusAward]
) -> list[BonusStanding]:
    """The bonuses as the rules have them; of an imported mission, earned is what was recorded."""
    played = standings(mission.points_schema, plan)
    if not mission.imported_from:
        return played
    recorded = {award.name: award.points for award in awards}
    return [
        replace(
            one,
            points=recorded.get(one.name, one.points),
            is_earned=one.name in recorded,
            is_attainable=one.name in recorded,
        )
        for one in played
    ]


def _ghosts(schema: dict[str, Any], plan: Sequence[GameStage]) -> list[Ghost]:
    whole = [one if one.is_rest_day else replace(one, ride_mode="gc") for one in plan]
    return [
        Ghost(name, so_far=ghost_total(schema, plan, mode), whole=ghost_total(schema, whole, mode))
        for name, mode in GHOSTS.items()
    ]
