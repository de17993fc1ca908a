"""The rubric's rules that a reply must keep, as predicates over a situation and a decision.

Ids are the rubric's. A broken rule goes back to the model with what was observed and allowed;
nothing is ever corrected here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coach.replies import Decision, Evidence, Repeat, Step, WorkoutPlan
from coach.situation import Situation
from missions.points import points_for

HARD_MINUTES = 5
GRACE_MINUTES = 5
NEW_TESTER_DAYS = 14
NEW_TESTER_MINUTES = 75
RESTING_HR_RISE = 7
EVIDENCE_TOLERANCE = 0.05
# None of these occurs in the JSON of a decision unless a text brings it.
MARKUP = ("http://", "https://", "www.", "<", "```", "](")


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


Rule = Callable[[Situation, Decision], str | None]


def violations(situation: Situation, decision: Decision) -> list[Violation]:
    return [
        Violation(rule, message)
        for rule, check in RULES.items()
        if (message := check(situation, decision)) is not None
    ]


def is_hard(decision: Decision) -> bool:
    plan = decision.workout_plan
    return (
        (plan is not None and plan.zones.hard() > HARD_MINUTES)
        or decision.intensity_recommendation == "high"
        or decision.action == "push"
        or decision.recommended_ride_mode == "breakaway"
    )


def zones_add_up(_: Situation, decision: Decision) -> str | None:
    plan = decision.workout_plan
    if plan is None or abs(plan.zones.total() - plan.duration_minutes) <= 1:
        return None
    return f"zones add up to {plan.zones.total()}, duration_minutes is {plan.duration_minutes}."


def steps_add_up(_: Situation, decision: Decision) -> str | None:
    plan = decision.workout_plan
    if plan is None or not plan.steps:
        return None
    seconds = sum(step.seconds for step in expanded(plan))
    if abs(seconds - 60 * plan.duration_minutes) <= 60:
        return None
    return f"steps add up to {seconds} seconds, duration_minutes is {plan.duration_minutes}."


def action_agrees_with_the_work(_: Situation, decision: Decision) -> str | None:
    plan, intensity = decision.workout_plan, decision.intensity_recommendation
    hard = plan.zones.hard() if plan else 0
    tempo = plan.zones.Z3 if plan else 0
    minutes = plan.duration_minutes if plan else 0
    allowed = {
        "recover": intensity == "low" and hard == 0 and tempo == 0 and minutes <= 60,
        "ease": intensity != "high" and hard <= HARD_MINUTES,
        "maintain": True,
        "push": intensity != "low",
    }[decision.action] and {
        "low": hard == 0 and tempo <= HARD_MINUTES,
        "moderate": hard <= 20,
        "high": hard > 0,
    }[intensity]
    if allowed:
        return None
    return (
        f'action "{decision.action}" with intensity "{intensity}" does not fit {minutes} minutes '
        f"with {tempo} in Z3 and {hard} in Z4 or above."
    )


def not_hard_when(reason: Callable[[Situation], str | None]) -> Rule:
    """A rule that forbids a hard day whenever `reason` gives one."""

    def check(situation: Situation, decision: Decision) -> str | None:
        why = reason(situation) if is_hard(decision) else None
        return f"the day must not be hard: {why}." if why else None

    return check


def readiness_is_low(situation: Situation) -> str | None:
    value, least = situation.metrics.readiness, situation.mission.constraints.min_readiness
    return f"readiness {value} is below {least}" if value is not None and value < least else None


def tsb_is_low(situation: Situation) -> str | None:
    value, least = situation.metrics.tsb, situation.mission.constraints.min_tsb
    return f"TSB {value} is below {least}" if value is not None and value < least else None


def resting_hr_is_high(situation: Situation) -> str | None:
    rhr, baseline = situation.metrics.rhr, situation.metrics.rhr_baseline
    most = situation.mission.constraints.max_rhr
    if rhr is not None and most is not None and rhr > most:
        return f"resting heart rate {rhr} is above {most}"
    if rhr is None or baseline is None or rhr - baseline < RESTING_HR_RISE:
        return None
    return f"resting heart rate {rhr} is {RESTING_HR_RISE} or more above {baseline}"


def enough_hard_days(situation: Situation) -> str | None:
    days = situation.metrics.consecutive_hard_days
    most = situation.mission.constraints.max_consecutive_hard_days
    return f"{days} hard days in a row are enough" if days is not None and days >= most else None


def both_unknown(situation: Situation) -> str | None:
    values = situation.metrics.readiness, situation.metrics.tsb
    return "readiness and TSB are both unknown" if values == (None, None) else None


def rest_is_forced(situation: Situation, decision: Decision) -> str | None:
    metrics, limits = situation.metrics, situation.mission.constraints
    is_forced = (
        metrics.readiness is not None and metrics.readiness < limits.force_rest_readiness
    ) or (metrics.tsb is not None and metrics.tsb < limits.force_rest_tsb)
    rests = decision.action == "recover" and decision.recommended_ride_mode in {None, "rest"}
    if not is_forced or rests:
        return None
    return (
        f"readiness below {limits.force_rest_readiness} or TSB below {limits.force_rest_tsb} "
        'means action "recover" (in an event the mode "rest").'
    )


def fits_the_time(situation: Situation, decision: Decision) -> str | None:
    free, plan = situation.mission.availability, decision.workout_plan
    ridden = situation.week.minutes_done
    if plan is None:
        return None
    most = 0 if free.blocked_today else free.today_minutes + GRACE_MINUTES
    if situation.mission.state == "TRAINING" and ridden is not None:
        most = min(most, max(free.weekly_minutes - ridden, 0) + GRACE_MINUTES)
    if plan.duration_minutes <= most:
        return None
    return f"{plan.duration_minutes} minutes are more than the {most} there is time for."


def new_tester_is_spared(situation: Situation, decision: Decision) -> str | None:
    plan = decision.workout_plan
    if situation.metrics.history_days >= NEW_TESTER_DAYS:
        return None
    is_long = plan is not None and plan.duration_minutes > NEW_TESTER_MINUTES
    if not is_hard(decision) and not is_long:
        return None
    return (
        f"with less than {NEW_TESTER_DAYS} days of history the day is not hard and has at most "
        f"{NEW_TESTER_MINUTES} minutes."
    )


def event_fields_fit_the_state(situation: Situation, decision: Decision) -> str | None:
    if situation.mission.state == "EVENT_ACTIVE":
        if decision.recommended_ride_mode in {"rest", "gc", "breakaway"}:
            return None
        return 'recommended_ride_mode must be "rest", "gc" or "breakaway" on an event day.'
    event_fields = (
        decision.recommended_ride_mode,
        decision.stage_type,
        decision.expected_points,
        *decision.bonus_opportunities,
    )
    if all(value is None for value in event_fields):
        return None
    return "outside an event ride mode, stage type and points are null and there are no bonuses."


def stage_type_is_planned(situation: Situation, decision: Decision) -> str | None:
    if situation.mission.state != "EVENT_ACTIVE":
        return None
    planned = situation.today.stage.stage_type if situation.today.stage else None
    if decision.stage_type == planned:
        return None
    return f"stage_type must be {planned!r}."


def points_are_priced(situation: Situation, decision: Decision) -> str | None:
    if situation.mission.state != "EVENT_ACTIVE":
        return None
    stage, mode = situation.today.stage, decision.recommended_ride_mode
    if stage is None or stage.is_completed or mode is None:
        expected: int | None = 0
    else:
        expected = points_for(situation.mission.points_schema, stage.stage_type, mode)
    if decision.expected_points == expected:
        return None
    return f"expected_points must be {expected}."


def bonuses_are_in_reach(situation: Situation, decision: Decision) -> str | None:
    named, game = decision.bonus_opportunities, situation.progress
    if not named or situation.mission.state != "EVENT_ACTIVE" or game is None:
        return None
    # A situation of the first weeks of the service tells its stages only.
    in_reach = game.get("bonuses_attainable", named)
    wrong = [name for name in named if name not in in_reach]
    if not wrong:
        return None
    return (
        f"bonus_opportunities must not name {', '.join(wrong)}; still in reach: "
        f"{', '.join(in_reach) or 'none'}."
    )


def rest_day_is_rest(situation: Situation, decision: Decision) -> str | None:
    rests = decision.action == "recover" and decision.recommended_ride_mode == "rest"
    if not situation.today.is_rest_day or rests:
        return None
    return 'on a rest day the mode is "rest" and the action "recover".'


def breakaway_is_known_to_be_safe(situation: Situation, decision: Decision) -> str | None:
    unknown = None in (situation.metrics.readiness, situation.metrics.tsb)
    if decision.recommended_ride_mode != "breakaway" or not unknown:
        return None
    return "breakaway needs a known readiness and a known TSB."


def no_workout_outside_the_mission(situation: Situation, decision: Decision) -> str | None:
    if situation.mission.state in {"TRAINING", "EVENT_ACTIVE"} or decision.workout_plan is None:
        return None
    return "before training starts and after the event there is no workout_plan."


def evidence_is_true(situation: Situation, decision: Decision) -> str | None:
    wrong = [one.metric for one in decision.evidence if not _is_true(situation, one)]
    return f"evidence is not in the situation: {', '.join(wrong)}." if wrong else None


def _is_true(situation: Situation, evidence: Evidence) -> bool:
    try:
        known = situation.value_at(evidence.metric)
    except KeyError:
        return False
    # A truth value is no number, though Python counts it among the integers.
    return type(known) in {int, float} and abs(known - evidence.value) <= EVIDENCE_TOLERANCE


def missing_is_said(situation: Situation, decision: Decision) -> str | None:
    unsaid = [path for path in situation.missing() if path not in decision.missing_data]
    return f"missing_data must list {', '.join(unsaid)}." if unsaid else None


def confidence_is_capped(situation: Situation, decision: Decision) -> str | None:
    missing = situation.missing()
    cap = 0.95 - sum(
        0.2 if path in {"metrics.readiness", "metrics.tsb"} else 0.05 for path in missing
    )
    if situation.metrics.history_days < NEW_TESTER_DAYS:
        cap = min(cap, 0.5)
    if decision.confidence <= cap + 1e-9:
        return None
    return f"confidence {decision.confidence} is above {cap:.2f}."


def no_watts_without_ftp(situation: Situation, decision: Decision) -> str | None:
    plan = decision.workout_plan
    if situation.athlete.ftp is not None or plan is None:
        return None
    has_power = any(step.target and step.target.unit == "pct_ftp" for step in expanded(plan))
    if plan.estimated_load is None and plan.intensity_factor is None and not has_power:
        return None
    return "without an FTP: no %FTP targets, estimated_load and intensity_factor null."


def red_flag_is_referred(situation: Situation, decision: Decision) -> str | None:
    plan = decision.workout_plan
    rests = decision.action == "recover" and (plan is None or plan.duration_minutes == 0)
    if not situation.health.red_flags or (rests and decision.needs_medical_referral):
        return None
    return 'a reported red flag means action "recover", 0 minutes and needs_medical_referral true.'


def zone_limit_is_kept(situation: Situation, decision: Decision) -> str | None:
    most, plan = situation.mission.constraints.max_zone, decision.workout_plan
    if most is None or plan is None:
        return None
    minutes = plan.zones.model_dump().items()
    above = {name: spent for name, spent in minutes if int(name[1]) > most and spent}
    if not above:
        return None
    told = ", ".join(f"{spent} minutes in {name}" for name, spent in above.items())
    return f"nothing may be above Z{most}: there are {told}."


def texts_are_plain(_: Situation, decision: Decision) -> str | None:
    told = decision.model_dump_json().lower()
    marks = [mark for mark in MARKUP if mark in told]
    return f"texts must be plain, without {', '.join(marks)}." if marks else None


def expanded(plan: WorkoutPlan) -> Iterator[Step]:
    """The steps in riding order, with repeats written out."""
    for step in plan.steps:
        if isinstance(step, Repeat):
            for _ in range(step.count):
                yield from step.steps
        else:
            yield step


RULES: dict[str, Rule] = {
    "S1": zones_add_up,
    "S3": steps_add_up,
    "S6": action_agrees_with_the_work,
    "L1": not_hard_when(readiness_is_low),
    "L2": not_hard_when(tsb_is_low),
    "L3": not_hard_when(resting_hr_is_high),
    "L4": rest_is_forced,
    "L5": fits_the_time,
    "L6": not_hard_when(enough_hard_days),
    "L11": new_tester_is_spared,
    "E1": event_fields_fit_the_state,
    "E2": stage_type_is_planned,
    "E3": points_are_priced,
    "E4": rest_day_is_rest,
    "E5": breakaway_is_known_to_be_safe,
    "E6": bonuses_are_in_reach,
    "E9": no_workout_outside_the_mission,
    "G4": evidence_is_true,
    "C1": missing_is_said,
    "C2": confidence_is_capped,
    "C3": not_hard_when(both_unknown),
    "C4": no_watts_without_ftp,
    "M2": red_flag_is_referred,
    "M7": zone_limit_is_kept,
    "I1": texts_are_plain,
}
