"""The limits of the app, which all its athletes share: how much is used, and what is too much."""

from dataclasses import asdict, dataclass

from django.http import HttpResponseBase
from django.utils import timezone

from sandbox.memory import alone, recall, remember

QUARTER_S = 900
# What is not only for reading may be asked for twice as often.
OVERALL = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Reads for each quarter of an hour and each UTC day; a new app's unless set."""

    quarter: int = 100
    day: int = 1_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests of this quarter and of this day, the refused ones and this one included."""

    quarter: int
    day: int


def limits() -> Limits:
    stored = recall("strava:limits")
    return Limits(**stored) if stored else Limits()


def set_limits(chosen: Limits) -> None:
    remember("strava:limits", asdict(chosen))


def count_request() -> Usage:
    now = timezone.now()
    quarter, day = int(now.timestamp()) // QUARTER_S, now.date().isoformat()
    with alone():
        seen_quarter, in_quarter, seen_day, in_day = recall("strava:usage") or (None, 0, None, 0)
        in_quarter = in_quarter + 1 if seen_quarter == quarter else 1
        in_day = in_day + 1 if seen_day == day else 1
        remember("strava:usage", (quarter, in_quarter, day, in_day))
    return Usage(in_quarter, in_day)


def is_over(usage: Usage) -> bool:
    allowed = limits()
    return usage.quarter > allowed.quarter or usage.day > allowed.day


def add_headers(response: HttpResponseBase, usage: Usage) -> None:
    allowed = limits()
    in_quarter = usage.quarter
    if response.status_code == 429 and not is_over(usage):
        in_quarter = allowed.quarter + 1
    for name, quarter, day in (
        ("X-RateLimit-Limit", OVERALL * allowed.quarter, OVERALL * allowed.day),
        ("X-RateLimit-Usage", in_quarter, usage.day),
        ("X-ReadRateLimit-Limit", allowed.quarter, allowed.day),
        ("X-ReadRateLimit-Usage", in_quarter, usage.day),
    ):
        response[name] = f"{quarter},{day}"
