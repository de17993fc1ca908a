"""What the model may answer, as types; coach/schemas/ holds the JSON Schema made from them.

Every field is required and nothing extra is accepted, because strict structured outputs ask for
that and because a missing field must never turn into a default.
"""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from missions import limits
from missions.points import MOST_BONUSES, MOST_POINTS

SCHEMAS = Path(__file__).parent / "schemas"

Action = Literal["recover", "ease", "maintain", "push"]
Intensity = Literal["low", "moderate", "high"]
RideMode = Literal["gc", "breakaway", "steady", "rest"]
StageType = Literal["flat", "hilly", "mountain", "itt", "mtn_itt"]
StepKind = Literal["warmup", "steady", "ramp", "recovery", "cooldown", "free"]

Minutes = Annotated[int, Field(ge=0, le=720)]


def within(limit: limits.Limit) -> FieldInfo:
    """What is sane for a limit of a mission, as pydantic says it."""
    field: FieldInfo = Field(ge=limit.least, le=limit.most)
    return field


class Reply(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        strict=True,
        # An error that quoted its input would carry health values into a log.
        hide_input_in_errors=True,
    )


class Target(Reply):
    """What to hold: a range, or the start and the end of a ramp, warm-up or cool-down."""

    unit: Literal["pct_ftp", "pct_lthr", "rpe"]
    low: Annotated[float, Field(ge=0, le=250)]
    high: Annotated[float, Field(ge=0, le=250)]


class Cadence(Reply):
    low: Annotated[int, Field(ge=30, le=180)]
    high: Annotated[int, Field(ge=30, le=180)]


class Step(Reply):
    kind: StepKind
    seconds: Annotated[int, Field(ge=1, le=43_200)]
    target: Target | None
    cadence: Cadence | None
    cue: Annotated[str, Field(max_length=120)]


class Repeat(Reply):
    kind: Literal["repeat"]
    count: Annotated[int, Field(ge=2, le=60)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=10)]


class ZoneMinutes(Reply):
    """Minutes in each of Coggan's seven power zones."""

    Z1: Minutes
    Z2: Minutes
    Z3: Minutes
    Z4: Minutes
    Z5: Minutes
    Z6: Minutes
    Z7: Minutes

    def total(self) -> int:
        return sum(self.model_dump().values())

    def hard(self) -> int:
        return self.Z4 + self.Z5 + self.Z6 + self.Z7


class WorkoutPlan(Reply):
    type: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(min_length=1, max_length=800)]
    duration_minutes: Minutes
    zones: ZoneMinutes
    estimated_load: Annotated[float, Field(ge=0, le=1_000)] | None
    intensity_factor: Annotated[float, Field(ge=0, le=2)] | None
    steps: Annotated[list[Step | Repeat], Field(max_length=40)]


class Evidence(Reply):
    """One number of the situation the decision rests on, by its path in the situation."""

    metric: Annotated[str, Field(min_length=1, max_length=80)]
    value: float


class Decision(Reply):
    action: Action
    intensity_recommendation: Intensity
    reason: Annotated[str, Field(min_length=20, max_length=1_500)]
    flags: Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=12)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    missing_data: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=30)]
    needs_medical_referral: bool
    evidence: Annotated[list[Evidence], Field(max_length=12)]
    workout_plan: WorkoutPlan | None
    recommended_ride_mode: RideMode | None
    mode_rationale: Annotated[str, Field(max_length=600)]
    stage_type: StageType | None
    expected_points: Annotated[int, Field(ge=0, le=1_000)] | None
    bonus_opportunities: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=12)]
    strategic_notes: Annotated[str, Field(max_length=800)]


MissionType = Literal[
    "road_stage_race",
    "gravel_ultra",
    "tt_series",
    "gran_fondo",
    "century",
    "indoor_tour",
    "other",
]
MISSION_TYPES: tuple[str, ...] = get_args(MissionType)
Points = Annotated[int, Field(ge=0, le=MOST_POINTS)]


class Prices(Reply):
    """What a stage of one type earns in each mode."""

    gc: Points
    breakaway: Points


class Bonus(Reply):
    """Points for a feat, by the feat's name: one of those `missions.points` can count."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    threshold: Annotated[int, Field(ge=1, le=MOST_POINTS)]
    points: Points


class PointsSchema(Reply):
    """A price for each stage type of the event; null for a type it does not have."""

    flat: Prices | None
    hilly: Prices | None
    mountain: Prices | None
    itt: Prices | None
    mtn_itt: Prices | None
    bonuses: Annotated[list[Bonus], Field(max_length=MOST_BONUSES)]

    def as_stored(self) -> dict[str, Any]:
        """The same in the shape of `Mission.points_schema`."""
        prices = self.model_dump(exclude={"bonuses"}, exclude_none=True)
        bonuses = {one.name: one.model_dump(exclude={"name"}) for one in self.bonuses}
        return {**prices, "bonuses": bonuses}


class PlannedStage(Reply):
    """One day of the event."""

    number: Annotated[int, Field(ge=1, le=60)]
    date: date
    stage_type: StageType
    is_rest_day: bool


class DraftLimits(Reply):
    """The limits of a mission: `missions.limits` says what is sane."""

    min_readiness: Annotated[int, within(limits.MIN_READINESS)]
    min_tsb: Annotated[int, within(limits.MIN_TSB)]
    force_rest_readiness: Annotated[int, within(limits.FORCE_REST_READINESS)]
    force_rest_tsb: Annotated[int, within(limits.FORCE_REST_TSB)]
    max_ramp_rate: Annotated[int, within(limits.MAX_RAMP_RATE)]
    max_consecutive_hard_days: Annotated[int, within(limits.MAX_CONSECUTIVE_HARD_DAYS)]
    max_hard_sessions_per_week: Annotated[int, within(limits.MAX_HARD_SESSIONS_PER_WEEK)]
    max_rhr: Annotated[int, within(limits.MAX_RHR)] | None
    max_zone: Annotated[int, within(limits.MAX_ZONE)] | None


class Targets(Reply):
    """What to aim at in the preparation; null for no such aim."""

    ctl: Annotated[int, within(limits.TARGETS["ctl"])] | None
    long_ride_minutes: Annotated[int, within(limits.TARGETS["long_ride_minutes"])] | None
    climb_minutes: Annotated[int, within(limits.TARGETS["climb_minutes"])] | None
    threshold_minutes: Annotated[int, within(limits.TARGETS["threshold_minutes"])] | None


class MissionDraft(Reply):
    """A mission as the model proposes it from a survey."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    mission_type: MissionType
    prep_start: date
    event_start: date
    event_end: date
    points_schema: PointsSchema
    stages: Annotated[list[PlannedStage], Field(min_length=1, max_length=60)]
    constraints: DraftLimits
    targets: Targets
    notes: Annotated[str, Field(min_length=1, max_length=2_000)]


class TurningPoint(Reply):
    """A stage at which the event took a turn."""

    stage_number: Annotated[int, Field(ge=1, le=60)]
    what: Annotated[str, Field(min_length=1, max_length=300)]


class Reflection(Reply):
    """What the model says when a mission is complete; its counts must be those it was given."""

    headline: Annotated[str, Field(min_length=1, max_length=120)]
    points_total: Annotated[int, Field(ge=0)]
    stages_completed: Annotated[int, Field(ge=0, le=60)]
    stages_missed: Annotated[int, Field(ge=0, le=60)]
    story: Annotated[str, Field(min_length=200, max_length=4_000)]
    turning_points: Annotated[list[TurningPoint], Field(max_length=6)]
    learnt: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1, max_length=5)
    ]
    next_time: Annotated[str, Field(min_length=1, max_length=600)]


# The name each goes by towards the model, and in coach/schemas/.
NAMES: dict[str, type[Reply]] = {
    "coach_output": Decision,
    "mission_draft": MissionDraft,
    "reflection": Reflection,
}


def name_of(reply: type[Reply]) -> str:
    return next(name for name, one in NAMES.items() if one is reply)


def schema_file(name: str) -> Path:
    return SCHEMAS / f"{name}.json"


def schema_text(name: str) -> str:
    """The JSON Schema sent to the model; `manage.py write_reply_schema` checks it in."""
    # In the order of the fields above: a model fills a strict schema in from top to bottom.
    return json.dumps(NAMES[name].model_json_schema(), indent=2) + "\n"
