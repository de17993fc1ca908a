"""What the model may answer, as types; coach/schemas/ holds the JSON Schema made from them.

Every field is required and nothing extra is accepted, because strict structured outputs ask for
that and because a missing field must never turn into a default.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_FILE = Path(__file__).parent / "schemas" / "coach_output.json"

Action = Literal["recover", "ease", "maintain", "push"]
Intensity = Literal["low", "moderate", "high"]
RideMode = Literal["gc", "breakaway", "steady", "rest"]
StageType = Literal["flat", "hilly", "mountain", "itt", "mtn_itt"]
StepKind = Literal["warmup", "steady", "ramp", "recovery", "cooldown", "free"]

Minutes = Annotated[int, Field(ge=0, le=720)]


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


def schema() -> dict[str, Any]:
    """The JSON Schema sent to the model; `manage.py write_reply_schema` checks it in."""
    return Decision.model_json_schema()


def schema_text() -> str:
    # In the order of the fields above: a model fills a strict schema in from top to bottom.
    return json.dumps(schema(), indent=2) + "\n"
