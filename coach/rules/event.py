"""E1 to E9: the event, its game and its stages."""

from coach import derived
from coach.replies import Decision
from coach.rules import bonuses, work
from coach.rules.rubric import DEFINITION, Broken, rule
from coach.situation import Situation
from missions.points import points_for

EVENT = "EVENT_ACTIVE"
NO_WORKOUT = {"PREP", "MISSION_COMPLETE", "ARCHIVED"}
LEGAL_MODES = ("rest", "gc", "breakaway")
BELOW_BREAKAWAY_IF = 0.03
BELOW_GC_IF = 0.05
# A zone only tells its middle, so its minutes need this much of what the mode asks for.
ZONES_SHARE = 0.9


@rule(
    "E1",
    "state = EVENT_ACTIVE <=> ride mode in {rest,gc,breakaway}; otherwise all event fields "
    "null/empty",
    DEFINITION,
)
def event_fields_fit_the_state(situation: Situation, decision: Decision) -> Broken | None:
    mode = decision.recommended_ride_mode
    if situation.mission.state == EVENT:
        return None if mode in LEGAL_MODES else Broken(f"ride mode {mode}", ", ".join(LEGAL_MODES))
    told = {
        "recommended_ride_mode": mode,
        "stage_type": decision.stage_type,
        "expected_points": decision.expected_points,
        "bonus_opportunities": decision.bonus_opportunities or None,
    }
    set_ones = [f"{name} {value}" for name, value in told.items() if value is not None]
    if not set_ones:
        return None
    return Broken(", ".join(set_ones), "outside the event these are null, and there are no bonuses")


@rule("E2", "stage_type = today's stage type in the mission's timezone", DEFINITION, state=EVENT)
def stage_type_is_planned(situation: Situation, decision: Decision) -> Broken | None:
    planned = situation.today.stage.type if situation.today.stage else None
    if decision.stage_type == planned:
        return None
    return Broken(f"stage_type {decision.stage_type or 'null'}", planned or "null")


@rule(
    "E3",
    "expected_points = points_schema[stage_type][mode]; 0 for rest, rest day, completed stage",
    DEFINITION,
    state=EVENT,
)
def points_are_priced(situation: Situation, decision: Decision) -> Broken | None:
    """null where nobody has priced that stage."""
    stage, mode = situation.today.stage, decision.recommended_ride_mode
    if stage is None or stage.completed or mode is None:
        priced: int | None = 0
    else:
        priced = points_for(situation.mission.points_schema, stage.type, mode)
    if decision.expected_points == priced:
        return None
    observed = decision.expected_points
    return Broken(
        f"expected_points {'null' if observed is None else observed}",
        "null" if priced is None else str(priced),
    )


@rule("E4", "official rest day => mode rest and action recover", DEFINITION, state=EVENT)
def a_rest_day_is_rest(situation: Situation, decision: Decision) -> Broken | None:
    rests = decision.action == "recover" and decision.recommended_ride_mode == "rest"
    if not situation.today.is_rest_day or rests:
        return None
    return Broken(work.words(decision), 'the mode "rest" and the action "recover"')


@rule("E5", "mode breakaway => readiness fresh and tsb known", DEFINITION, state=EVENT)
def a_breakaway_is_known_to_be_safe(situation: Situation, decision: Decision) -> Broken | None:
    unknown = [path for path in ("metrics.readiness", "metrics.tsb") if path in situation.missing()]
    if decision.recommended_ride_mode != "breakaway" or not unknown:
        return None
    return Broken(f"breakaway without {' and '.join(unknown)}", "gc or rest")


@rule(
    "E6",
    "every bonus id exists, is not earned, and is still attainable from progress",
    DEFINITION,
    state=EVENT,
)
def bonuses_are_in_reach(situation: Situation, decision: Decision) -> Broken | None:
    in_reach = bonuses.in_reach(situation)
    wrong = [name for name in decision.bonus_opportunities if name not in in_reach]
    return Broken(", ".join(wrong), ", ".join(in_reach) or "none") if wrong else None


@rule("E7", "stage already completed today => <= 45 min, no Z3+", DEFINITION, state=EVENT)
def a_ridden_stage_is_enough(situation: Situation, decision: Decision) -> Broken | None:
    stage = situation.today.stage
    is_short = work.minutes(decision) <= derived.AFTER_STAGE_MINUTES
    is_easy = is_short and not work.is_above_endurance(decision)
    if stage is None or not stage.completed or is_easy:
        return None
    return Broken(
        work.words(decision), f"at most {derived.AFTER_STAGE_MINUTES} minutes, nothing above Z2"
    )


@rule(
    "E8",
    "mode and plan agree with the mission's own detection: breakaway IF >= 0.85-0.03, gc IF >= "
    "0.70-0.05, rest no Z3+",
    DEFINITION,
    state=EVENT,
)
def the_plan_would_be_detected(situation: Situation, decision: Decision) -> Broken | None:
    """A mode without a plan would not be detected either, nor one shorter than what counts."""
    plan, mode, limits = (
        decision.workout_plan,
        decision.recommended_ride_mode,
        situation.mission.detection,
    )
    if mode == "rest" and work.is_above_endurance(decision):
        return Broken(work.words(decision), "with the mode rest nothing above Z2")
    if limits is None or mode not in {"gc", "breakaway"}:
        return None
    least = limits.gc_if - BELOW_GC_IF if mode == "gc" else limits.breakaway_if - BELOW_BREAKAWAY_IF
    factor = work.intensity(plan) if plan else None
    of_zones = work.implied_intensity(plan) if plan else None
    # What a plan says of itself counts as far as its minutes in zones bear it out.
    if factor is not None and of_zones is not None and of_zones < ZONES_SHARE * least:
        factor = of_zones
    is_long = work.minutes(decision) >= limits.min_minutes
    if is_long and factor is not None and factor >= least - 1e-9:
        return None
    observed = "no riding" if factor is None else f"an intensity factor of {factor:.2f}"
    return Broken(
        f"{mode} with {observed} in {work.minutes(decision)} minutes",
        f"an intensity factor of at least {least:.2f} in at least {limits.min_minutes} minutes",
    )


@rule("E9", "state in {PREP, MISSION_COMPLETE, ARCHIVED} => no workout", DEFINITION)
def no_workout_outside_the_mission(situation: Situation, decision: Decision) -> Broken | None:
    if situation.mission.state not in NO_WORKOUT or work.minutes(decision) == 0:
        return None
    return Broken(f"a workout of {work.minutes(decision)} minutes", "no workout_plan")
