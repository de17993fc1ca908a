"""The rider's nights and days as Oura writes them; nothing from a night that is not over."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.oura.sleep import sleep_rows
from sandbox.person import nights, rider
from sandbox.person.days import day_of

Document = dict[str, Any]
# The latest mornings always have a score, whatever their luck, so that there is one to coach by.
ALWAYS_SCORED_DAYS = 3


def personal_info(token: str, today: date) -> Document:
    return {
        "id": str(uuid5(NAMESPACE_URL, token)),
        "age": rider.age_on(today),
        "weight": rider.WEIGHT_KG,
        "height": rider.HEIGHT_M,
        "biological_sex": "male",
        "email": None,
    }


def documents(route: str, day: date, now: datetime) -> list[Document]:
    """What the route holds for that day; empty before there is anything."""
    return ROUTES[route](day, now) if day >= rider.FIRST_DATE else []


def is_unscored(day: date, now: datetime) -> bool:
    age_days = (now.astimezone(rider.HOME).date() - day).days
    return nights.night_of(day).is_unscored and age_days >= ALWAYS_SCORED_DAYS


def readiness(day: date, now: datetime) -> Document:
    """Shared by the daily document and the long sleep."""
    scores: dict[str, int | None] = {**nights.readiness_contributors(day)}
    if is_unscored(day, now):
        return {
            "score": None,
            "temperature_deviation": None,
            "temperature_trend_deviation": None,
            "contributors": dict.fromkeys(scores),
        }
    deviations = [
        nights.night_of(day - timedelta(days=n)).temperature_deviation_c for n in range(3)
    ]
    return {
        "score": nights.readiness_score(day),
        "temperature_deviation": deviations[0],
        "temperature_trend_deviation": round(sum(deviations) / 3, 2),
        "contributors": scores,
    }


def _daily_readiness(day: date, now: datetime) -> list[Document]:
    if nights.night_of(day).wake_at > now:
        return []
    return [{**_head("daily_readiness", day), **readiness(day, now)}]


def _daily_sleep(day: date, now: datetime) -> list[Document]:
    if nights.night_of(day).wake_at > now:
        return []
    is_scored = not is_unscored(day, now)
    contributors: dict[str, int | None] = {**nights.sleep_contributors(day)}
    return [
        {
            **_head("daily_sleep", day),
            "score": nights.sleep_score(day) if is_scored else None,
            "contributors": contributors if is_scored else dict.fromkeys(contributors),
        }
    ]


def _sleep(day: date, now: datetime) -> list[Document]:
    rows = sleep_rows(day, readiness(day, now), is_unscored=is_unscored(day, now))
    return [row for row in rows if datetime.fromisoformat(row["bedtime_end"]) <= now]


def _daily_activity(day: date, now: datetime) -> list[Document]:
    if not _is_over(day, now):
        return []
    lived = day_of(day)
    return [
        {
            **_head("daily_activity", day),
            "score": max(40, min(98, 60 + lived.active_kcal // 40)),
            "active_calories": lived.active_kcal,
            "total_calories": 1650 + lived.active_kcal,
            "steps": lived.steps,
            "average_met_minutes": 1.6,
            "equivalent_walking_distance": round(lived.steps * 0.76),
            "high_activity_met_minutes": lived.active_kcal // 6,
            "high_activity_time": 60 * (lived.active_kcal // 40),
            "medium_activity_met_minutes": lived.active_kcal // 5,
            "medium_activity_time": 60 * (lived.active_kcal // 22),
            "low_activity_met_minutes": 160,
            "low_activity_time": 60 * (lived.steps // 60),
            "sedentary_met_minutes": 12,
            "sedentary_time": 32_400,
            "resting_time": 27_000,
            "non_wear_time": 0,
            "inactivity_alerts": 1,
            "target_calories": 500,
            "target_meters": 9_000,
            "meters_to_target": max(0, 9_000 - round(lived.steps * 0.76)),
            "class_5_min": None,
            "met": {"interval": 3600.0, "items": [1.1] * 7 + [1.6] * 17, "timestamp": _stamp(day)},
            "contributors": {
                "meet_daily_targets": 78,
                "move_every_hour": 95,
                "recovery_time": None,
                "stay_active": 74,
                "training_frequency": 96,
                "training_volume": 92,
            },
        }
    ]


def _daily_stress(day: date, now: datetime) -> list[Document]:
    if not _is_over(day, now):
        return []
    lived = day_of(day)
    balance = lived.recovery_high_s - lived.stress_high_s
    return [
        {
            "id": _id("daily_stress", day),
            "day": day.isoformat(),
            "stress_high": lived.stress_high_s,
            "recovery_high": lived.recovery_high_s,
            "day_summary": "restored"
            if balance > 2700
            else "stressful"
            if balance < -5400
            else "normal",
        }
    ]


def _daily_resilience(day: date, now: datetime) -> list[Document]:
    if not _is_over(day, now):
        return []
    scores = nights.readiness_contributors(day)
    level = "strong" if scores["sleep_balance"] > 85 else "solid"
    return [
        {
            "id": _id("daily_resilience", day),
            "day": day.isoformat(),
            "level": level,
            "contributors": {
                "sleep_recovery": float(scores["sleep_balance"]),
                "daytime_recovery": float(scores["recovery_index"]),
                "stress": float(scores["activity_balance"]),
            },
        }
    ]


def _vo2_max(day: date, now: datetime) -> list[Document]:
    """Estimated now and then, not every day."""
    if not _is_over(day, now) or day.toordinal() % 9:
        return []
    return [{**_head("vO2_max", day), "vo2_max": 51}]


def _is_over(day: date, now: datetime) -> bool:
    return day < now.astimezone(rider.HOME).date()


def _head(route: str, day: date) -> Document:
    return {"id": _id(route, day), "day": day.isoformat(), "timestamp": _stamp(day)}


def _id(route: str, day: date) -> str:
    return str(uuid5(NAMESPACE_URL, f"{route}/{day}"))


def _stamp(day: date) -> str:
    midnight = rider.at_home(day, 0).astimezone(rider.HOME)
    return midnight.isoformat(timespec="milliseconds")


ROUTES: dict[str, Callable[[date, datetime], list[Document]]] = {
    "daily_readiness": _daily_readiness,
    "daily_sleep": _daily_sleep,
    "sleep": _sleep,
    "daily_activity": _daily_activity,
    "daily_stress": _daily_stress,
    "daily_resilience": _daily_resilience,
    "vO2_max": _vo2_max,
}
# These are empty until the rider has opened the app in the morning.
OF_THE_NIGHT = {"daily_readiness", "daily_sleep", "sleep"}
