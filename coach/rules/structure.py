"""S1 to S6: the reply agrees with itself."""

from collections.abc import Iterator

from coach.physiology.zones import POWER_ZONES
from coach.replies import Decision, WorkoutPlan
from coach.rules import work
from coach.rules.rubric import DEFINITION, Broken, rule
from coach.situation import Situation

ZONE_TOLERANCE_MIN = 3
LEAST_LOAD_TOLERANCE = 10
LOAD_TOLERANCE = 0.25


@rule("S1", "|sum(zones) - duration_minutes| <= 1", DEFINITION)
def zones_add_up(_: Situation, decision: Decision) -> Broken | None:
    plan = decision.workout_plan
    if plan is None or abs(plan.zones.total() - plan.duration_minutes) <= 1:
        return None
    return Broken(
        f"zones add up to {plan.zones.total()}", f"{plan.duration_minutes} minutes, give or take 1"
    )


@rule("S2", "zones keys in {Z1..Z7}, minutes >= 0", DEFINITION)
def zones_are_zones(_: Situation, decision: Decision) -> Broken | None:
    """The schema refuses such a reply before any rule reads it; the rule says it once more."""
    plan = decision.workout_plan
    spent = plan.zones.model_dump() if plan else {}
    wrong = [
        f"{zone} {told}" for zone, told in spent.items() if zone not in POWER_ZONES or told < 0
    ]
    return Broken(", ".join(wrong), "Z1 to Z7, each 0 minutes or more") if wrong else None


@rule("S3", "steps present => |sum(expanded step seconds) - 60*duration| <= 60", DEFINITION)
def steps_add_up(_: Situation, decision: Decision) -> Broken | None:
    plan = decision.workout_plan
    if plan is None or not plan.steps:
        return None
    seconds, wanted = sum(step.seconds for step in work.expanded(plan)), 60 * plan.duration_minutes
    if abs(seconds - wanted) <= 60:
        return None
    return Broken(f"steps add up to {seconds} seconds", f"{wanted} seconds, give or take 60")


@rule("S4", "all steps in %FTP => per zone |minutes from steps - zones[z]| <= 3", DEFINITION)
def zones_agree_with_steps(_: Situation, decision: Decision) -> Broken | None:
    """A step counts at the middle of its target; a slope may also count as it passes.

    Whatever the unit of a target is: what is hard in the steps is hard in the zones.
    """
    plan = decision.workout_plan
    steps = list(work.expanded(plan)) if plan else []
    if plan is None or not steps:
        return None
    if any(step.target is None or step.target.unit != "pct_ftp" for step in steps):
        return _hard_steps_are_told(plan)
    told = plan.zones.model_dump()
    at_the_middle, as_it_passes = (
        work.minutes_by_zone(plan, slopes_pass=slopes_pass) for slopes_pass in (False, True)
    )
    off = _off(told, at_the_middle)
    if not off or not _off(told, as_it_passes):
        return None
    return Broken(
        "zones say " + ", ".join(f"{zone} {told[zone]}" for zone in off),
        "the steps have "
        + ", ".join(f"{zone} {at_the_middle[zone]:.1f}" for zone in off)
        + f" minutes, give or take {ZONE_TOLERANCE_MIN}",
    )


def _hard_steps_are_told(plan: WorkoutPlan) -> Broken | None:
    ridden, told = work.hard_minutes_of_steps(plan), plan.zones.hard()
    if ridden <= told + ZONE_TOLERANCE_MIN + 1e-9:
        return None
    return Broken(
        f"{told} minutes in Z4 or above, and {ridden:.1f} minutes of steps as hard as that",
        f"zones that have the minutes of the steps, give or take {ZONE_TOLERANCE_MIN}",
    )


def _off(told: dict[str, int], ridden: dict[str, float]) -> list[str]:
    return [zone for zone in ridden if abs(ridden[zone] - told[zone]) > ZONE_TOLERANCE_MIN + 1e-9]


@rule(
    "S5",
    "estimated_load not null => within max(10, 25 %) of the load implied by zones (4th-power mean "
    "of zone mid-points)",
    DEFINITION,
)
def load_agrees_with_zones(_: Situation, decision: Decision) -> Broken | None:
    plan = decision.workout_plan
    if plan is None or plan.estimated_load is None:
        return None
    implied = work.implied_load(plan)
    tolerance = max(LEAST_LOAD_TOLERANCE, LOAD_TOLERANCE * implied)
    if abs(plan.estimated_load - implied) <= tolerance + 1e-9:
        return None
    return Broken(
        f"estimated_load {plan.estimated_load:g}",
        f"{max(implied - tolerance, 0):.0f} to {implied + tolerance:.0f}",
    )


@rule(
    "S6",
    "recover => low, no Z3+, <= 60 min; ease => not high, Z4+ <= 5; push => not low; low => no "
    "Z4+, Z3 <= 5; moderate => Z4+ <= 20; high => Z4+ > 0",
    DEFINITION,
)
def words_agree_with_work(_: Situation, decision: Decision) -> Broken | None:
    broken = list(_disagreements(decision))
    return Broken(work.words(decision), "; ".join(broken)) if broken else None


def _disagreements(decision: Decision) -> Iterator[str]:
    action, intensity = decision.action, decision.intensity_recommendation
    hard, tempo = work.hard_minutes(decision), work.tempo_minutes(decision)
    is_gentle = intensity == "low" and hard + tempo == 0 and work.minutes(decision) <= 60
    if action == "recover" and not is_gentle:
        yield "recover is low, nothing above Z2, at most 60 minutes"
    if action == "ease" and (intensity == "high" or hard > work.HARD_MINUTES):
        yield f"ease is not high, with at most {work.HARD_MINUTES} minutes in Z4 or above"
    if action == "push" and intensity == "low":
        yield "push is not low"
    if intensity == "low" and (hard > 0 or tempo > 5):
        yield "low has nothing in Z4 or above and at most 5 minutes in Z3"
    if intensity == "moderate" and hard > 20:
        yield "moderate has at most 20 minutes in Z4 or above"
    if intensity == "high" and hard == 0:
        yield "high has minutes in Z4 or above"
