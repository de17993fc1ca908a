"""L1 to L7, L11 and L13, and T1: the limits of the rider, of their time and of the mission."""

from coach import derived
from coach.replies import Decision
from coach.rules import work
from coach.rules.rubric import CONVENTION, DEFINITION, Broken, rule
from coach.situation import Situation


@rule("L1", "readiness (fresh) < min_readiness => not HARD", DEFINITION)
def readiness_allows_it(situation: Situation, decision: Decision) -> Broken | None:
    value, least = derived.readiness(situation), situation.mission.constraints.min_readiness
    is_low = value is not None and value < least
    return work.not_hard(decision, f"readiness {value} is below {least}" if is_low else None)


@rule("L2", "tsb_start_of_day < min_tsb => not HARD", DEFINITION)
def tsb_allows_it(situation: Situation, decision: Decision) -> Broken | None:
    value, least = situation.metrics.tsb, situation.mission.constraints.min_tsb
    is_low = value is not None and value < least
    return work.not_hard(decision, f"TSB {value} is below {least:g}" if is_low else None)


@rule("L3", "rhr - baseline >= 7 bpm, or rhr > mission.max_rhr => not HARD", CONVENTION)
def resting_heart_rate_allows_it(situation: Situation, decision: Decision) -> Broken | None:
    return work.not_hard(decision, _resting_heart_rate_is_high(situation))


def _resting_heart_rate_is_high(situation: Situation) -> str | None:
    if not derived.is_resting_hr_raised(situation):
        return None
    rhr, limits = situation.metrics.rhr, situation.mission.constraints
    if rhr is not None and limits.max_rhr is not None and rhr > limits.max_rhr:
        return f"resting heart rate {rhr:g} is above {limits.max_rhr}"
    baseline = work.known(situation.metrics.rhr_baseline)
    return f"resting heart rate {work.known(rhr)} is {limits.rhr_rise_bpm} or more above {baseline}"


@rule(
    "L4",
    "readiness < force_rest_readiness or tsb < force_rest_tsb => action = recover (event: mode "
    "rest)",
    DEFINITION,
)
def rest_where_it_is_forced(situation: Situation, decision: Decision) -> Broken | None:
    readiness, tsb = derived.readiness(situation), situation.metrics.tsb
    limits = situation.mission.constraints
    is_forced = (readiness is not None and readiness < limits.force_rest_readiness) or (
        tsb is not None and tsb < limits.force_rest_tsb
    )
    rests = decision.action == "recover" and decision.recommended_ride_mode in {None, "rest"}
    if not is_forced or rests:
        return None
    return Broken(
        f"{work.words(decision)}, with readiness {work.known(readiness)} and TSB {work.known(tsb)}",
        f'the action "recover", in an event the mode "rest", while readiness is below '
        f"{limits.force_rest_readiness} or TSB below {limits.force_rest_tsb:g}",
    )


@rule(
    "L5",
    "blocked day => 0 min; duration <= today_minutes + 5; TRAINING: <= weekly minutes left + 5",
    DEFINITION,
)
def there_is_time_for_it(situation: Situation, decision: Decision) -> Broken | None:
    is_blocked = situation.mission.availability.blocked_today
    most = 0 if is_blocked else derived.most_minutes(situation) + derived.GRACE_MINUTES
    if work.minutes(decision) <= most:
        return None
    return Broken(f"{work.minutes(decision)} minutes", f"at most {most} minutes")


@rule("L6", "consecutive_hard_days >= limit (2; event 3) => not HARD", CONVENTION)
def hard_days_are_spaced(situation: Situation, decision: Decision) -> Broken | None:
    days = situation.metrics.consecutive_hard_days
    most = situation.mission.constraints.max_consecutive_hard_days
    is_enough = days is not None and days >= most
    return work.not_hard(
        decision, f"{days} hard days in a row of at most {most}" if is_enough else None
    )


@rule(
    "L7",
    "TRAINING, days_since_rest >= 6 (5 if age < 18) => action recover and load <= 0.5*CTL",
    CONVENTION,
    state="TRAINING",
)
def a_rest_day_comes_in_time(situation: Situation, decision: Decision) -> Broken | None:
    if not derived.is_rest_due(situation):
        return None
    ctl, share = situation.metrics.ctl, derived.REST_DUE_SHARE
    is_light = ctl is None or work.load(decision) <= share * ctl + 1e-9
    if decision.action == "recover" and is_light:
        return None
    load = "" if ctl is None else f" and a load of at most {share * ctl:.1f}"
    return Broken(
        f"{situation.metrics.days_since_rest} days without rest, {work.words(decision)}, load "
        f"{work.load(decision):.1f}",
        f'after {derived.most_days_without_rest(situation)} days the action "recover"{load}',
    )


@rule("L11", "history_days < 14 => not HARD and duration <= 75", CONVENTION)
def a_new_tester_is_spared(situation: Situation, decision: Decision) -> Broken | None:
    most = situation.mission.constraints.new_tester_minutes
    is_spared = not work.is_hard(decision) and work.minutes(decision) <= most
    if not derived.is_new_tester(situation) or is_spared:
        return None
    return Broken(
        f"{situation.metrics.history_days} days of history, {work.words(decision)}",
        f"{work.NOT_HARD}, and at most {most} minutes",
    )


@rule(
    "L13",
    "hard sessions this week < max_hard_sessions_per_week",
    CONVENTION,
    state="TRAINING",
    is_flag=True,
)
def the_week_has_room_for_it(situation: Situation, decision: Decision) -> Broken | None:
    """About a hard day only: any other one adds no hard session."""
    done, most = (
        situation.week.hard_sessions_done,
        situation.mission.constraints.max_hard_sessions_per_week,
    )
    is_full = done is not None and done >= most
    return work.not_hard(decision, f"{done} hard sessions of {most} this week" if is_full else None)


@rule("T1", "<= 2 days after crossing >= 3 time zones => not HARD", CONVENTION, is_flag=True)
def travel_is_slept_off(situation: Situation, decision: Decision) -> Broken | None:
    """A shift whose day nobody told counts as one of these days."""
    shift_h = situation.today.tz_shift_hours
    if shift_h is None or not derived.has_just_travelled(situation):
        return None
    return work.not_hard(decision, f"a shift of {shift_h:g} hours")
