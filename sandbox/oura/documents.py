"""The rider's nights and days as Oura writes them; nothing from a night that is not over."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

from sandbox.oura import day_documents
from sandbox.oura.app import Holder
from sandbox.oura.heads import Document, head, named
from sandbox.oura.sleep import KINDS, sleep_rows
from sandbox.person import nights, rider

# The latest mornings always have a score, whatever their luck, so that there is one to coach by.
ALWAYS_SCORED_DAYS = 3


def personal_info(user: Holder, today: date) -> Document:
    return {
        "id": user.user_id,
        "age": rider.age_on(today),
        "weight": rider.WEIGHT_KG,
        "height": rider.HEIGHT_M,
        "biological_sex": "male",
        "email": rider.EMAIL if "email" in user.scopes else None,
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
    return [{**head("daily_readiness", day), **readiness(day, now)}]


def _daily_sleep(day: date, now: datetime) -> list[Document]:
    if nights.night_of(day).wake_at > now:
        return []
    is_scored = not is_unscored(day, now)
    contributors: dict[str, int | None] = {**nights.sleep_contributors(day)}
    return [
        {
            **head("daily_sleep", day),
            "score": nights.sleep_score(day) if is_scored else None,
            "contributors": contributors if is_scored else dict.fromkeys(contributors),
        }
    ]


def _sleep(day: date, now: datetime) -> list[Document]:
    rows = sleep_rows(day, readiness(day, now), is_unscored=is_unscored(day, now))
    return [row for row in rows if datetime.fromisoformat(row["bedtime_end"]) <= now]


def document_called(route: str, document_id: str, now: datetime) -> Document | None:
    today = now.astimezone(rider.HOME).date()
    day = _days_by_id(route, today).get(document_id)
    rows = documents(route, day, now) if day else []
    return next((row for row in rows if row["id"] == document_id), None)


@lru_cache(maxsize=32)
def _days_by_id(route: str, today: date) -> dict[str, date]:
    """Every document there can be, with the day it is filed under."""
    days = [
        rider.FIRST_DATE + timedelta(days=n) for n in range((today - rider.FIRST_DATE).days + 1)
    ]
    kinds = KINDS if route == "sleep" else ("",)
    return {named(route, day, kind): day for day in days for kind in kinds}


ROUTES: dict[str, Callable[[date, datetime], list[Document]]] = {
    "daily_readiness": _daily_readiness,
    "daily_sleep": _daily_sleep,
    "sleep": _sleep,
    "daily_activity": day_documents.daily_activity,
    "daily_stress": day_documents.daily_stress,
    "daily_resilience": day_documents.daily_resilience,
    "vO2_max": day_documents.vo2_max,
    "rest_mode_period": day_documents.rest_mode_period,
}
# These are empty until the rider has opened the app in the morning.
OF_THE_NIGHT = {"daily_readiness", "daily_sleep", "sleep"}
