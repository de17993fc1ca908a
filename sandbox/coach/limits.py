"""What the day allows: every rule that holds the rider back, health first, then the strictest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.coach import calendar, checkin, form, health, worked_out
from sandbox.coach.causes import Cause, Ceiling
from sandbox.coach.situation import Situation

USUAL_MINUTES = 60.0
WORKED_OUT = ("only_recovery_is_left", "nothing_hard_is_left")

# In the order in which they are told when they are equally strict.
RULES: tuple[Callable[[Situation], Cause | None], ...] = (
    health.red_flag,
    health.illness,
    health.injury,
    health.just_recovered,
    health.clinician_limit,
    calendar.not_live,
    calendar.official_rest_day,
    calendar.blocked,
    calendar.rest_day_due,
    calendar.week_is_full,
    calendar.stage_done,
    calendar.no_stage,
    form.readiness_forces_rest,
    form.tsb_forces_rest,
    calendar.new_tester,
    checkin.feel,
    checkin.soreness,
    form.readiness_under_minimum,
    form.tsb_under_minimum,
    form.long_fatigue,
    form.resting_heart_rate,
    health.travel,
    checkin.ring_rests,
    checkin.warm_night,
    calendar.hard_days_in_a_row,
    form.unknown_form,
    form.conflict,
    form.monotony,
    calendar.hard_sessions_used_up,
    checkin.all_out_yesterday,
    # Last, since they say least.
    worked_out.must_recover,
    worked_out.not_hard,
)


@dataclass(frozen=True, slots=True)
class Limits:
    causes: tuple[Cause, ...]
    ceiling: Ceiling
    minutes: int

    @property
    def needs_referral(self) -> bool:
        return any(cause.flag == "red_flag_symptom" for cause in self.causes)

    @property
    def is_health(self) -> bool:
        return any(cause.is_health for cause in self.causes)


def limits_of(situation: Situation) -> Limits:
    found = [cause for rule in RULES if (cause := rule(situation))]
    causes = tuple(sorted(found, key=lambda cause: (not cause.is_health, cause.ceiling)))
    ceiling = min((cause.ceiling for cause in causes), default=Ceiling.FREE)
    causes = tuple(_that_say_something(causes))
    return Limits(causes, ceiling, 0 if ceiling is Ceiling.REST else _minutes(situation, causes))


def _that_say_something(causes: tuple[Cause, ...]) -> Iterator[Cause]:
    """Without what was worked out, where a rule of the same strictness says it better."""
    own = [cause.ceiling for cause in causes if cause.flag not in WORKED_OUT]
    for cause in causes:
        if cause.flag not in WORKED_OUT or not own or min(own) > cause.ceiling:
            yield cause


def _minutes(situation: Situation, causes: tuple[Cause, ...]) -> int:
    today = situation.number("mission.availability.today_minutes")
    bounds = [
        USUAL_MINUTES if today is None else today,
        calendar.week_minutes_left(situation),
        worked_out.most_minutes(situation),
        *(cause.max_minutes for cause in causes),
    ]
    return int(min(bound for bound in bounds if bound is not None))
