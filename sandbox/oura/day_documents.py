"""The days outside the nights. Today's activity and stress grow through the day; the rest of a
day's documents come when it is over.
"""

from datetime import date, datetime, timedelta

from sandbox.oura.heads import Document, head, is_over, local, midnight, named
from sandbox.person import nights, rider
from sandbox.person.days import Day, day_of
from sandbox.person.rest import is_resting_on, rest_beginning

METRES_A_STEP = 0.76
AWAKE_FROM_H, AWAKE_TO_H = 7, 22
MET_ASLEEP, MET_AWAKE = 1.1, 1.6


def daily_activity(day: date, now: datetime) -> list[Document]:
    """No score for a day that is not over, nor while rest mode is on."""
    if now < rider.at_home(day, 0):
        return []
    share, lived = _share(day, now), day_of(day)
    is_scored = is_over(day, now) and not is_resting_on(day)
    walked_m = round(share * lived.steps * METRES_A_STEP)
    return [
        {
            **head("daily_activity", day),
            "score": max(40, min(98, 60 + lived.active_kcal // 40)) if is_scored else None,
            **_moved(lived, share),
            "total_calories": round(share * (1650 + lived.active_kcal)),
            "average_met_minutes": 1.6,
            "equivalent_walking_distance": walked_m,
            "sedentary_met_minutes": round(12 * share),
            "sedentary_time": round(32_400 * share),
            "resting_time": 27_000,
            "non_wear_time": 0,
            "inactivity_alerts": round(share),
            "target_calories": 500,
            "target_meters": 9_000,
            "meters_to_target": max(0, 9_000 - walked_m),
            "class_5_min": None,
            "met": _met(day, now),
            "contributors": _contributors(is_scored=is_scored),
        }
    ]


def _moved(lived: Day, share: float) -> Document:
    kcal, steps = lived.active_kcal * share, lived.steps * share
    return {
        "active_calories": round(kcal),
        "steps": round(steps),
        "high_activity_met_minutes": int(kcal // 6),
        "high_activity_time": 60 * int(kcal // 40),
        "medium_activity_met_minutes": int(kcal // 5),
        "medium_activity_time": 60 * int(kcal // 22),
        "low_activity_met_minutes": round(160 * share),
        "low_activity_time": 60 * int(steps // 60),
    }


def _met(day: date, now: datetime) -> Document:
    """One value an hour, as far as the day has come."""
    hours = [rider.at_home(day, hour) for hour in range(24)]
    items = [
        MET_ASLEEP if hour < AWAKE_FROM_H else MET_AWAKE
        for hour, begins_at in enumerate(hours)
        if begins_at + timedelta(hours=1) <= now
    ]
    return {"interval": 3600.0, "items": items, "timestamp": midnight(day)}


def _contributors(*, is_scored: bool) -> Document:
    scores = {
        "meet_daily_targets": 78,
        "move_every_hour": 95,
        "recovery_time": None,
        "stay_active": 74,
        "training_frequency": 96,
        "training_volume": 92,
    }
    return {**scores} if is_scored else dict.fromkeys(scores)


def daily_stress(day: date, now: datetime) -> list[Document]:
    """Seconds; the day is summed up in a word when it is over."""
    if now < rider.at_home(day, 0):
        return []
    share, lived = _share(day, now), day_of(day)
    balance = lived.recovery_high_s - lived.stress_high_s
    summary = "restored" if balance > 2700 else "stressful" if balance < -5400 else "normal"
    is_known = share > 0
    return [
        {
            "id": named("daily_stress", day),
            "day": day.isoformat(),
            "stress_high": _quarters(share * lived.stress_high_s) if is_known else None,
            "recovery_high": _quarters(share * lived.recovery_high_s) if is_known else None,
            "day_summary": summary if is_over(day, now) else None,
        }
    ]


def daily_resilience(day: date, now: datetime) -> list[Document]:
    if not is_over(day, now):
        return []
    scores = nights.readiness_contributors(day)
    return [
        {
            "id": named("daily_resilience", day),
            "day": day.isoformat(),
            "level": "strong" if scores["sleep_balance"] > 85 else "solid",
            "contributors": {
                "sleep_recovery": float(scores["sleep_balance"]),
                "daytime_recovery": float(scores["recovery_index"]),
                "stress": float(scores["activity_balance"]),
            },
        }
    ]


def vo2_max(day: date, now: datetime) -> list[Document]:
    """Estimated now and then, not every day."""
    if not is_over(day, now) or day.toordinal() % 9:
        return []
    return [{**head("vO2_max", day), "vo2_max": 51}]


def rest_mode_period(day: date, now: datetime) -> list[Document]:
    """Filed under the day it begins, and without an end as long as it lasts."""
    rest = rest_beginning(day)
    if rest is None or rest.start_at > now:
        return []
    has_ended = rest.end_at <= now
    return [
        {
            "id": named("rest_mode_period", day),
            "start_day": rest.first_date.isoformat(),
            "start_time": local(rest.start_at),
            "end_day": rest.last_date.isoformat() if has_ended else None,
            "end_time": local(rest.end_at) if has_ended else None,
            "episodes": [{"tags": ["tag_generic_sick"], "timestamp": local(rest.start_at)}],
        }
    ]


def _share(day: date, now: datetime) -> float:
    """How much of the waking day is over, 0 to 1."""
    begins, ends = rider.at_home(day, AWAKE_FROM_H), rider.at_home(day, AWAKE_TO_H)
    return max(0.0, min(1.0, (now - begins) / (ends - begins)))


def _quarters(seconds: float) -> int:
    """The ring tells stress by the quarter of an hour."""
    return int(seconds // 900) * 900
