"""What is known of a mission that is complete, as one frozen value: the model adds no number.

Whatever is not known is None and named in `unknown`; minutes and loads are those of the rides that
counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from coach.models import MissionRun
from coach.scored import ScoredRide, game_told, score
from coach.situation import Fact
from connections import readings
from connections.readings import Readings
from missions.appeals import RIDDEN_MODES
from missions.game import Game, PlayedStage
from missions.models import Mission


class StageFacts(Fact):
    number: int
    date: date
    stage_type: str
    outcome: Literal["ridden", "missed", "open"]
    ride_mode: str | None
    points: int | None
    minutes: int | None
    load: int | None


class BonusFacts(Fact):
    name: str
    title: str
    points: int
    count: int
    needed: int
    is_earned: bool


class Facts(Fact):
    """Field names are the model's vocabulary; the points of the ghosts include bonuses."""

    mission_type: str
    event_style: str
    event_start: date
    event_end: date
    event_days: int
    rest_days: int
    points_total: int
    points_of_stages: int
    points_of_bonuses: int
    points_all_gc: int
    points_all_breakaway: int
    stages_planned: int
    stages_completed: int
    stages_missed: int
    stages_open: int
    mode_counts: dict[str, int]
    stages: tuple[StageFacts, ...]
    bonuses: tuple[BonusFacts, ...]
    briefs_written: int
    briefs_failed: int
    event_minutes: int | None
    event_time: str | None
    event_load: int | None
    unknown: tuple[str, ...]
    # For people and for us, not for the model: the sources left out, and those of them in words
    # that the tester has.
    kept_back: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def for_model(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"kept_back", "left_out"})


def draw_up(mission: Mission, local_date: date) -> Facts:
    """What is known on that date; a ride that arrives later changes the game, not the facts."""
    read = readings.gather(mission.owner, local_date)
    game = game_told(mission, read, local_date=local_date)
    ghosts = {ghost.name: ghost.whole for ghost in game.ghosts}
    stages = tuple(_stages(game, _rides(mission, read)))
    ridden = [stage for stage in stages if stage.outcome == "ridden"]
    minutes = _sum([stage.minutes for stage in ridden])
    runs = mission.runs
    return Facts(
        mission_type=mission.mission_type,
        event_style=mission.event_style,
        event_start=mission.event_start,
        event_end=mission.event_end,
        event_days=(mission.event_end - mission.event_start).days + 1,
        rest_days=len(game.stages) - len(stages),
        points_total=game.points_total,
        points_of_stages=game.of_stages,
        points_of_bonuses=game.of_bonuses,
        points_all_gc=ghosts["all_gc"],
        points_all_breakaway=ghosts["all_breakaway"],
        stages_planned=len(stages),
        stages_completed=len(ridden),
        stages_missed=sum(stage.outcome == "missed" for stage in stages),
        stages_open=sum(stage.outcome == "open" for stage in stages),
        mode_counts={
            mode.value: sum(stage.ride_mode == mode for stage in ridden) for mode in RIDDEN_MODES
        },
        stages=stages,
        bonuses=tuple(_bonuses(game)),
        briefs_written=runs.filter(outcome=MissionRun.Outcome.DECIDED).count(),
        briefs_failed=runs.filter(outcome=MissionRun.Outcome.FAILED).count(),
        event_minutes=minutes,
        event_time=None if minutes is None else f"{minutes // 60} h {minutes % 60} min",
        event_load=_sum([stage.load for stage in ridden]),
        unknown=tuple(_unknown(stages)),
        kept_back=tuple(sorted(read.kept_back)),
        left_out=tuple(one.words for one in read.withheld),
    )


def _rides(mission: Mission, read: Readings) -> dict[str, ScoredRide]:
    """The tester's rides by the key under which a stage remembers the one that counted."""
    return {f"{one.ride.source}:{one.ride.external_id}": one for one in score(mission.owner, read)}


def _stages(game: Game, rides: Mapping[str, ScoredRide]) -> Iterator[StageFacts]:
    for played in game.stages:
        if not played.stage.is_rest_day:
            yield _stage(played, rides)


def _stage(played: PlayedStage, rides: Mapping[str, ScoredRide]) -> StageFacts:
    stage, settled = played.stage, played.row
    mode, ride = None, None
    if settled and played.is_ridden:
        mode, ride = settled.ride_mode, rides.get(settled.ride_key)
    load = ride.load.load if ride else None
    return StageFacts(
        number=stage.number,
        date=stage.date,
        stage_type=stage.stage_type,
        outcome="open" if settled is None else "ridden" if played.is_ridden else "missed",
        ride_mode=mode,
        points=settled.points if settled else None,
        minutes=ride.minutes if ride else None,
        load=None if load is None else round(load),
    )


def _bonuses(game: Game) -> Iterator[BonusFacts]:
    """How near each came; earned are those that were awarded, for as much as they were."""
    for bonus in game.bonuses:
        yield BonusFacts(
            name=bonus.name,
            title=bonus.title,
            points=game.earned.get(bonus.name, bonus.points),
            count=bonus.count,
            needed=bonus.needed,
            is_earned=bonus.name in game.earned,
        )


def _sum(values: Sequence[int | None]) -> int | None:
    """None when there is nothing to add, or when one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _unknown(stages: Sequence[StageFacts]) -> Iterator[str]:
    """What the facts leave open, in words that follow "not known:"."""
    ridden = [stage for stage in stages if stage.outcome == "ridden"]
    if any(stage.outcome == "open" for stage in stages):
        yield "how every stage went"
    if any(stage.minutes is None for stage in ridden):
        yield "how long you rode on every stage"
    if any(stage.load is None for stage in ridden):
        yield "how hard every stage was"
