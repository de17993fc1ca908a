"""What the calendar allows: time, rest days, hard days in a row, the event coming nearer."""

from sandbox.coach.causes import Cause, Ceiling, shown
from sandbox.coach.situation import Situation

SHORTEST_RIDE_MIN = 15
SHORTEST_STAGE_MIN = 30
NEW_TESTER_DAYS = 14
ADULT_AGE, MINOR_DAYS_WITHOUT_REST = 18, 5
HARD_DAYS_IN_A_ROW = {"TRAINING": 2, "EVENT_ACTIVE": 3}


def not_live(situation: Situation) -> Cause | None:
    if situation.state == "PREP":
        return Cause(
            "mission_in_preparation",
            Ceiling.REST,
            "Your mission is still in preparation, so there is no workout to follow yet. Ride as "
            "you like until training starts; the daily advice begins with it.",
        )
    if situation.state in ("TRAINING", "EVENT_ACTIVE"):
        return None
    return Cause(
        "mission_over",
        Ceiling.REST,
        "Your event is over and the mission with it, so there is nothing left to prescribe. Take "
        "the time you need to recover before you choose what comes next.",
    )


def official_rest_day(situation: Situation) -> Cause | None:
    if situation.state != "EVENT_ACTIVE" or not situation.flag("today.is_rest_day"):
        return None
    return Cause(
        "official_rest_day",
        Ceiling.REST,
        "Today is the official rest day, and what you recover now you have for the stages to come.",
    )


def stage_done(situation: Situation) -> Cause | None:
    is_done = situation.flag("today.stage.completed") or situation.flag("today.stage.is_completed")
    if not is_done:
        return None
    return Cause(
        "stage_already_ridden",
        Ceiling.RECOVER,
        "You have ridden today's stage already, so the rest of the day belongs to recovery.",
        max_minutes=45,
    )


def no_stage(situation: Situation) -> Cause | None:
    """Neither a rest day nor a stage that fits: no points to be had today."""
    if situation.state != "EVENT_ACTIVE":
        return None
    minutes = situation.number("mission.availability.today_minutes")
    shortest = situation.number("mission.detection.min_minutes") or SHORTEST_STAGE_MIN
    if stage_type(situation) is None:
        sentence = "There is no stage today, so you use the day to recover for the next one."
    elif minutes is not None and minutes < shortest:
        sentence = "You have less time today than a stage needs to count, so you use it to recover."
    else:
        return None
    return Cause("no_stage_today", Ceiling.RECOVER, sentence)


def stage_type(situation: Situation) -> str | None:
    named = situation.at("today.stage.type") or situation.at("today.stage.stage_type")
    return named if isinstance(named, str) else None


def blocked(situation: Situation) -> Cause | None:
    if situation.flag("mission.availability.blocked_today"):
        return Cause(
            "blocked_day",
            Ceiling.REST,
            "You have no time for a ride today, so you take the day off and nothing is lost by it.",
        )
    minutes = situation.number("mission.availability.today_minutes")
    if minutes is None or minutes >= SHORTEST_RIDE_MIN:
        return None
    return Cause(
        "no_time_today",
        Ceiling.REST,
        "You have no time for a ride today, so take it as a day off without a second thought.",
    )


def week_is_full(situation: Situation) -> Cause | None:
    left = week_minutes_left(situation)
    if left is None or left >= SHORTEST_RIDE_MIN:
        return None
    return Cause(
        "week_is_full",
        Ceiling.REST,
        "You have ridden all the minutes you set aside for this week, so today is a day off.",
    )


def week_minutes_left(situation: Situation) -> float | None:
    weekly = situation.number("mission.availability.weekly_minutes")
    ridden = situation.number("week.minutes_done")
    if weekly is None or ridden is None or situation.state != "TRAINING":
        return None
    return weekly - ridden


def rest_day_due(situation: Situation) -> Cause | None:
    days, age = situation.number("metrics.days_since_rest"), situation.number("athlete.age")
    most = situation.convention("max_days_without_rest")
    if age is not None and age < ADULT_AGE:
        most = min(most, MINOR_DAYS_WITHOUT_REST)
    if situation.state != "TRAINING" or days is None or days < most:
        return None
    return Cause(
        "rest_day_due",
        Ceiling.REST,
        f"You have gone {shown(days)} days without a rest day, and the training of those days "
        "only turns into fitness when you take one.",
        ("metrics.days_since_rest",),
    )


def hard_days_in_a_row(situation: Situation) -> Cause | None:
    days = situation.number("metrics.consecutive_hard_days")
    most = situation.limit("max_consecutive_hard_days")
    if most is None:
        most = HARD_DAYS_IN_A_ROW.get(situation.state, 2)
    if days is None or days < most:
        return None
    return Cause(
        "hard_days_in_a_row",
        Ceiling.EASY,
        f"You have ridden hard {shown(days)} days in a row, and what they gain you comes with the "
        "easy day that follows.",
        ("metrics.consecutive_hard_days",),
    )


def hard_sessions_used_up(situation: Situation) -> Cause | None:
    done = situation.number("week.hard_sessions_done")
    most = situation.limit("max_hard_sessions_per_week")
    if situation.state != "TRAINING" or done is None or most is None or done < most:
        return None
    return Cause(
        "hard_sessions_used_up",
        Ceiling.STEADY,
        f"You have done {shown(done)} hard sessions this week, which is all your mission asks for.",
        ("week.hard_sessions_done",),
    )


def new_tester(situation: Situation) -> Cause | None:
    days = situation.number("metrics.history_days")
    if days is None or days >= NEW_TESTER_DAYS:
        return None
    return Cause(
        "too_little_history",
        Ceiling.EASY,
        "With less than two weeks of history there is no baseline of yours to compare with, so "
        "you start easy and short; connect your devices and ride a few times, and the advice "
        "becomes more specific.",
        max_minutes=situation.convention("new_tester_minutes"),
    )
