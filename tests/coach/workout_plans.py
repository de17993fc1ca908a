"""Workouts to be written into files, and every workout a model may prescribe as a strategy."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from coach.replies import Repeat, Step, WorkoutPlan
from coach.rules import expanded
from coach.workout_files.prescribed import Prescribed, Stamp
from tests.coach.samples import decision
from tests.coach.test_workouts import plan

FTP_W, LTHR_BPM = 220, 166
STAMP = Stamp(
    file_name="2026-07-04-tempo.erg",
    serial_number=12_345,
    made_at=datetime(2026, 7, 4, 5, 30, tzinfo=UTC),
)
quickly = settings(max_examples=60, deadline=None, derandomize=True, database=None)

TEXTS = st.text(max_size=120)
PCTS = st.floats(0, 250)


def prescribed(
    *steps: dict[str, Any],
    ftp_w: int | None = FTP_W,
    lthr_bpm: int | None = LTHR_BPM,
    **changes: Any,
) -> Prescribed:
    return Prescribed(plan(*steps, **changes), ftp_w, lthr_bpm)


def with_cadence(one: dict[str, Any], low: int, high: int) -> dict[str, Any]:
    return {**one, "cadence": {"low": low, "high": high}}


def of_steps(steps: list[Step | Repeat], **changes: Any) -> WorkoutPlan:
    """A plan of steps as they are: nothing checks their texts any more."""
    whole = decision().workout_plan
    assert whole is not None
    return whole.model_copy(update={"steps": steps, **changes})


@st.composite
def any_step(draw: st.DrawFn, *, has_power: bool) -> Step:
    kinds = ["warmup", "steady", "ramp", "recovery", "cooldown"]
    units = ["pct_ftp"]
    if not has_power:
        kinds, units = [*kinds, "free"], [*units, "pct_lthr", "rpe"]
    targets = st.fixed_dictionaries({"unit": st.sampled_from(units), "low": PCTS, "high": PCTS})
    cadences = st.fixed_dictionaries({"low": st.integers(30, 180), "high": st.integers(30, 180)})
    return Step.model_validate(
        {
            "kind": draw(st.sampled_from(kinds)),
            "seconds": draw(st.integers(1, 43_200)),
            "target": draw(targets if has_power else st.none() | targets),
            "cadence": draw(st.none() | cadences),
            "cue": draw(TEXTS),
        }
    )


@st.composite
def any_repeat(draw: st.DrawFn, *, has_power: bool) -> Repeat:
    steps = draw(st.lists(any_step(has_power=has_power), min_size=1, max_size=3))
    return Repeat(kind="repeat", count=draw(st.integers(2, 60)), steps=steps)


@st.composite
def any_workout(draw: st.DrawFn, *, has_power: bool = False) -> Prescribed:
    """Any steps, names and cues that the schema lets through."""
    item = any_step(has_power=has_power) | any_repeat(has_power=has_power)
    made = of_steps(
        draw(st.lists(item, min_size=1, max_size=4)),
        type=draw(st.text(min_size=1, max_size=60)),
        description=draw(st.text(min_size=1, max_size=200)),
    )
    # As strict as the reply of a model.
    checked = WorkoutPlan.model_validate_json(made.model_dump_json())
    lthr_bpm = draw(st.none() | st.integers(60, 220))
    return Prescribed(checked, draw(st.integers(50, 500)), lthr_bpm)


def ridden_s(workout: Prescribed) -> list[int]:
    """How long each step lasts, in riding order."""
    return [one.seconds for one in expanded(workout.plan)]
