"""What a decision asks of the rider: minutes, hard minutes, load and intensity."""

from bisect import bisect_left
from collections.abc import Iterator

from coach import derived
from coach.physiology.zones import POWER_UPPER_PCT, POWER_ZONES
from coach.replies import Decision, Repeat, Step, WorkoutPlan
from coach.rules.rubric import Broken

HARD_MINUTES = 5
BOUNDS = (0.0, *POWER_UPPER_PCT, 1_000.0)
# Where Z4 begins: Coggan's bounds for power and heart rate, and an effort that ends long talks.
HARD_ABOVE = {"pct_ftp": float(POWER_UPPER_PCT[2]), "pct_lthr": 100.0, "rpe": 7.0}
SLOPING = {"warmup", "ramp", "cooldown"}
NOT_HARD = (
    f"a day that is not hard: at most {HARD_MINUTES} minutes in Z4 or above, no high intensity, "
    "no push and no breakaway"
)


def minutes(decision: Decision) -> int:
    plan = decision.workout_plan
    return plan.duration_minutes if plan else 0


def hard_minutes(decision: Decision) -> int:
    """Minutes in Z4 or above."""
    plan = decision.workout_plan
    return plan.zones.hard() if plan else 0


def tempo_minutes(decision: Decision) -> int:
    plan = decision.workout_plan
    return plan.zones.Z3 if plan else 0


def is_above_endurance(decision: Decision) -> bool:
    return tempo_minutes(decision) + hard_minutes(decision) > 0


def is_hard(decision: Decision) -> bool:
    return (
        hard_minutes(decision) > HARD_MINUTES
        or decision.intensity_recommendation == "high"
        or decision.action == "push"
        or decision.recommended_ride_mode == "breakaway"
    )


def words(decision: Decision) -> str:
    """The day in a few words, for what was observed."""
    mode = decision.recommended_ride_mode
    return (
        f"{decision.action}, {decision.intensity_recommendation}, "
        f"{f'{mode}, ' if mode else ''}{minutes(decision)} minutes, "
        f"{tempo_minutes(decision)} in Z3, {hard_minutes(decision)} in Z4 or above"
    )


def known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def not_hard(decision: Decision, why: str | None) -> Broken | None:
    """Broken where there is a reason against a hard day and the day is hard."""
    if why is None or not is_hard(decision):
        return None
    return Broken(f"{why}, and {words(decision)}", NOT_HARD)


def expanded(plan: WorkoutPlan) -> Iterator[Step]:
    """The steps in riding order, with repeats written out."""
    for step in plan.steps:
        if isinstance(step, Repeat):
            for _ in range(step.count):
                yield from step.steps
        else:
            yield step


def implied_intensity(plan: WorkoutPlan) -> float | None:
    """The fourth-power mean of the zones' middles, as a share of FTP; None for no minutes."""
    spent = plan.zones.model_dump()
    total = sum(spent.values())
    if total <= 0:
        return None
    fourth = sum(spent[zone] * share**4 for zone, share in derived.ZONE_MIDDLES.items())
    return float((fourth / total) ** 0.25)


def implied_load(plan: WorkoutPlan) -> float:
    """TSS of the zones: hours, times the square of their intensity, times 100."""
    return plan.zones.total() / 60 * (implied_intensity(plan) or 0) ** 2 * 100


def load(decision: Decision) -> float:
    """The load that a plan states, else the one its zones imply; 0 is no riding at all."""
    plan = decision.workout_plan
    if plan is None:
        return 0.0
    return implied_load(plan) if plan.estimated_load is None else plan.estimated_load


def intensity(plan: WorkoutPlan) -> float | None:
    """The intensity factor that a plan states, else the one its zones imply."""
    return plan.intensity_factor if plan.intensity_factor is not None else implied_intensity(plan)


def minutes_by_zone(plan: WorkoutPlan, *, slopes_pass: bool) -> dict[str, float]:
    """Minutes of %FTP steps in each zone: every step at its middle, or slopes as they pass."""
    spent: dict[str, float] = dict.fromkeys(POWER_ZONES, 0.0)
    for step in expanded(plan):
        for zone, share in _shares(step, slopes_pass=slopes_pass):
            spent[zone] += share * step.seconds / 60
    return spent


def hard_minutes_of_steps(plan: WorkoutPlan) -> float:
    """Minutes of steps whose middle is above Z3, whichever unit their target has."""
    hard = (
        step
        for step in expanded(plan)
        if step.target and (step.target.low + step.target.high) / 2 > HARD_ABOVE[step.target.unit]
    )
    return sum(step.seconds for step in hard) / 60


def _shares(step: Step, *, slopes_pass: bool) -> Iterator[tuple[str, float]]:
    if step.target is None:
        return
    low, high = sorted((step.target.low, step.target.high))
    if not (slopes_pass and step.kind in SLOPING and high > low):
        yield POWER_ZONES[bisect_left(POWER_UPPER_PCT, (low + high) / 2)], 1.0
        return
    for zone, least, most in zip(POWER_ZONES, BOUNDS[:-1], BOUNDS[1:], strict=True):
        yield zone, max(min(high, most) - max(low, least), 0) / (high - low)
