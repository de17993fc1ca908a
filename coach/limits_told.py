"""What would change today's call: how far each limit is from the number it is about.

Computed from the situation and the decision; the nearest limit comes first, what is unknown last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from coach import derived
from coach.figures import shown
from coach.replies import Decision
from coach.situation import Situation
from missions.models import Mission

Side = Literal["at least", "at most", "below"]
LIVE = {Mission.State.TRAINING, Mission.State.EVENT_ACTIVE}

NOTHING_HARD = "nothing hard"
REST = "a day of rest"
SHORTER = "a shorter ride"
MARKED = "it is marked"


@dataclass(frozen=True, slots=True)
class LimitTold:
    """A limit beside its input, in the unit they share.

    `side`: the input is to be "at least" or "at most" the limit, or stay "below" it. `step` is what
    counts as near in that unit. A custom is a convention that the mission may set differently.
    """

    name: str
    value: float | None
    limit: float
    side: Side
    then: str
    unit: str = ""
    step: float = 1
    is_custom: bool = False

    @property
    def distance(self) -> float | None:
        """How far the input may move before the limit holds; below zero, it holds today."""
        if self.value is None:
            return None
        room = self.value - self.limit if self.side == "at least" else self.limit - self.value
        return round(room, 1) + 0.0

    @property
    def holds(self) -> bool:
        """Whether the limit shapes today's call."""
        room = self.distance
        return room is not None and (room <= 0 if self.side == "below" else room < 0)

    @property
    def nearness(self) -> float:
        return float("inf") if self.distance is None else abs(self.distance) / self.step

    def __str__(self) -> str:
        limit = self._with_unit(self.limit)
        if self.value is None or self.distance is None:
            return f"{self.name} unknown; the limit is {limit}."
        beyond = BEYOND[self.side]
        standing = f"{self.name} {self._with_unit(self.value)}"
        if self.holds:
            return f"{standing}, {beyond.holds} {limit}: {self.then}."
        room = f"{self._with_unit(self.distance)} {beyond.way}" if self.distance else "any change"
        return f"{standing}. {beyond.free} {limit} ({room}): {self.then}."

    def _with_unit(self, value: float) -> str:
        unit = "day" if self.unit == "days" and value == 1 else self.unit
        return f"{shown(value)} {unit}".strip()


@dataclass(frozen=True, slots=True)
class Beyond:
    """The words for the far side of a limit: where it holds, where it would, and which way."""

    holds: str
    free: str
    way: str


BEYOND: dict[Side, Beyond] = {
    "at least": Beyond("below", "Below", "lower"),
    "at most": Beyond("above", "Above", "more"),
    "below": Beyond("at or above", "From", "more"),
}


def limits_of(situation: Situation, decision: Decision) -> list[LimitTold]:
    """Every limit that applies on this day, nearest first; no number outweighs a warning sign."""
    if situation.mission.state not in LIVE or situation.health.red_flags:
        return []
    told = [*_of_recovery(situation), *_of_days(situation), *_of_the_plan(situation, decision)]
    return sorted(told, key=lambda one: one.nearness)


def _of_recovery(situation: Situation) -> Iterator[LimitTold]:
    metrics, limits = situation.metrics, situation.mission.constraints
    score = derived.readiness(situation)
    yield LimitTold("Readiness", score, limits.min_readiness, "at least", NOTHING_HARD, step=10)
    yield LimitTold("Readiness", score, limits.force_rest_readiness, "at least", REST, step=10)
    yield LimitTold("Form (TSB)", metrics.tsb, limits.min_tsb, "at least", NOTHING_HARD, step=5)
    yield LimitTold("Form (TSB)", metrics.tsb, limits.force_rest_tsb, "at least", REST, step=5)
    yield LimitTold(
        "Rise of the resting heart rate",
        derived.rhr_rise(situation),
        limits.rhr_rise_bpm,
        "below",
        NOTHING_HARD,
        unit="bpm",
        step=4,
        is_custom=True,
    )
    if limits.max_rhr is not None:
        yield LimitTold(
            "Resting heart rate",
            derived.fresh(situation, "metrics.rhr"),
            limits.max_rhr,
            "at most",
            NOTHING_HARD,
            unit="bpm",
            step=4,
        )
    if situation.health.illness_resolved_days is not None:
        yield LimitTold(
            "Days since you were ill",
            situation.health.illness_resolved_days,
            derived.WELL_DAYS,
            "at least",
            NOTHING_HARD,
        )


def _of_days(situation: Situation) -> Iterator[LimitTold]:
    metrics, limits = situation.metrics, situation.mission.constraints
    yield LimitTold(
        "Hard days in a row",
        metrics.consecutive_hard_days,
        limits.max_consecutive_hard_days,
        "below",
        NOTHING_HARD,
        is_custom=True,
    )
    if metrics.history_days < derived.NEW_TESTER_DAYS:
        yield LimitTold(
            "History",
            metrics.history_days,
            derived.NEW_TESTER_DAYS,
            "at least",
            NOTHING_HARD,
            unit="days",
            step=7,
            is_custom=True,
        )
    shift, days = situation.today.tz_shift_hours, situation.today.days_since_travel
    if shift and (days is None or days <= derived.JET_LAG_DAYS):
        yield LimitTold(
            "Hours of time zones crossed",
            abs(shift),
            limits.jet_lag_hours,
            "below",
            "a hard day is marked",
            is_custom=True,
        )
    if situation.mission.state != Mission.State.TRAINING:
        return
    yield LimitTold(
        "Days since rest",
        metrics.days_since_rest,
        derived.most_days_without_rest(situation),
        "below",
        REST,
        is_custom=True,
    )
    yield LimitTold(
        "Hard sessions this week",
        situation.week.hard_sessions_done,
        limits.max_hard_sessions_per_week,
        "below",
        "one more is marked",
        is_custom=True,
    )
    yield LimitTold(
        "Monotony of the week",
        metrics.monotony,
        limits.max_monotony,
        "at most",
        MARKED,
        step=0.5,
        is_custom=True,
    )


def _of_the_plan(situation: Situation, decision: Decision) -> Iterator[LimitTold]:
    plan = decision.workout_plan
    if plan is None or not plan.duration_minutes:
        return
    yield LimitTold(
        "Minutes planned",
        plan.duration_minutes,
        derived.most_minutes(situation),
        "at most",
        SHORTER,
        unit="min",
        step=15,
    )
    if derived.is_new_tester(situation):
        yield LimitTold(
            "Minutes planned in your first two weeks",
            plan.duration_minutes,
            situation.mission.constraints.new_tester_minutes,
            "at most",
            SHORTER,
            unit="min",
            step=15,
            is_custom=True,
        )
    if plan.estimated_load is not None and situation.mission.state == Mission.State.TRAINING:
        yield from _of_the_load(situation, plan.estimated_load)


def _of_the_load(situation: Situation, load: float) -> Iterator[LimitTold]:
    limits, highest = situation.mission.constraints, situation.metrics.max_load_30d
    most, ramp = derived.most_load(situation), derived.projected_ramp(situation, load)
    if most is not None:
        yield _load_limit("Load planned", load, most, SHORTER)
    if highest is not None:
        of_a_month = round(highest * limits.max_load_pct / 100, 1)
        yield _load_limit("Load planned, by your last 30 days", load, of_a_month, MARKED)
    if ramp is not None:
        yield LimitTold(
            "Fitness (CTL) gained in a week with it",
            round(ramp, 1),
            limits.usual_ramp_rate,
            "at most",
            MARKED,
            unit="points",
            step=2,
            is_custom=True,
        )


def _load_limit(name: str, load: float, most: float, then: str) -> LimitTold:
    return LimitTold(name, load, most, "at most", then, unit="points", step=20, is_custom=True)
