"""The survey: what a tester is asked before a mission is drafted for them, as one checked value.

The page saves its answers one by one as JSON; `Survey` reads them whole, and so does the API.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from accounts.models import timezone_names
from coach.replies import MISSION_TYPES, MissionType
from missions import availability
from missions.limits import FURTHEST
from missions.models import Mission

LONGEST_WEEK_H = Mission.MOST_WEEK / 60
NOT_ASKED = "Leave this out: the survey does not ask for it."
# What to do about an answer that is not of the kind that was asked for.
WORDS = {
    "event_name": "Give the event a name of at most 80 characters.",
    "event_start": "Write the first day of the event as year-month-day, such as 2026-08-15.",
    "event_end": "Write the last day of the event as year-month-day, such as 2026-08-15.",
    "mission_type": f"Choose one of {', '.join(MISSION_TYPES)}.",
    "weekly_hours_min": f"Give a number of hours from 0 to {LONGEST_WEEK_H:g}.",
    "weekly_hours_max": f"Give a number of hours from 1 to {LONGEST_WEEK_H:g}.",
    "ftp_w": "Give whole watts from 40 to 600, or say that you do not know.",
    "weekday_minutes": availability.problems_in_week(None)[0],
    "blackout_dates": "Write each day as year-month-day, such as 2026-08-15.",
    "restrictions": "Say it in at most 1,000 characters.",
    "event_style": "Choose gc, breakaway or steady.",
    "timezone": "Choose a time zone from the list, such as Europe/Paris.",
    "send_time": "Write a time of day, such as 06:30.",
    "brief_detail": "Choose full or short.",
    "is_brief_mailed": "Choose yes or no: true or false.",
}


def _as_written(answer: object) -> object:
    """Numbers are no dates and no times here, although pydantic would read seconds in them."""
    if isinstance(answer, int | float):
        raise ValueError("a number")  # noqa: TRY004  pydantic lets a TypeError through
    return answer


def _a_number(answer: object) -> object:
    if isinstance(answer, bool):
        raise ValueError("not a number")  # noqa: TRY004  as above
    return answer


Day = Annotated[date, BeforeValidator(_as_written)]
TimeOfDay = Annotated[time, BeforeValidator(_as_written)]
Hours = Annotated[float, BeforeValidator(_a_number), Field(allow_inf_nan=False)]


class Survey(BaseModel):
    """Field names are those of the API; hours and minutes as their names say, FTP in watts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event_name: Annotated[str, Field(min_length=1, max_length=80)]
    event_start: Day
    event_end: Day
    mission_type: MissionType
    weekly_hours_min: Annotated[Hours, Field(ge=0, le=LONGEST_WEEK_H)]
    weekly_hours_max: Annotated[Hours, Field(ge=1, le=LONGEST_WEEK_H)]
    ftp_w: Annotated[int, Field(ge=40, le=600)] | None
    weekday_minutes: list[StrictInt]
    blackout_dates: list[Day] = []
    restrictions: Annotated[str, Field(max_length=1_000)] = ""
    event_style: Literal["gc", "breakaway", "steady"]
    timezone: str
    send_time: TimeOfDay
    brief_detail: Literal["full", "short"] = "full"
    is_brief_mailed: StrictBool = True

    @field_validator("event_name", "restrictions")
    @classmethod
    def _trimmed(cls, text: str) -> str:
        return text.replace("\0", "").strip()

    @field_validator("event_name")
    @classmethod
    def _named(cls, name: str) -> str:
        name = " ".join(name.split())
        if not name:
            raise ValueError(WORDS["event_name"])
        return name

    @field_validator("weekday_minutes")
    @classmethod
    def _week(cls, minutes: list[int]) -> list[int]:
        if problems := availability.problems_in_week(minutes):
            raise ValueError(problems[0])
        return minutes

    @field_validator("blackout_dates")
    @classmethod
    def _blackouts(cls, dates: list[date]) -> list[date]:
        if len(dates) > availability.MOST_BLACKOUTS:
            raise ValueError(f"Give at most {availability.MOST_BLACKOUTS} dates.")
        return sorted(set(dates))

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in timezone_names():
            raise ValueError(WORDS["timezone"])
        return name

    @field_validator("send_time")
    @classmethod
    def _on_the_wall(cls, clock: time) -> time:
        if clock.tzinfo is not None:
            raise ValueError(WORDS["send_time"])
        return clock.replace(second=0, microsecond=0)

    @model_validator(mode="after")
    def _agrees(self) -> "Survey":
        """Faults between two answers; the field at fault is named before the colon."""
        if self.event_end < self.event_start:
            raise ValueError("event_end: The last day of the event is before the first.")
        if (self.event_end - self.event_start).days >= Mission.MOST_DAYS:
            raise ValueError(f"event_end: An event may last {Mission.MOST_DAYS} days at most.")
        if self.weekly_hours_min > self.weekly_hours_max:
            raise ValueError("weekly_hours_min: The least is more than the most.")
        if max(self.weekday_minutes) > self.weekly_hours_max * 60:
            raise ValueError("weekday_minutes: One day is more than your whole week.")
        return self

    def as_stored(self) -> dict[str, Any]:
        """As JSON, each answer as a page or a program would write it."""
        stored = self.model_dump(mode="json")
        for name in ("weekly_hours_min", "weekly_hours_max"):
            hours: float = stored[name]
            stored[name] = int(hours) if hours.is_integer() else hours
        return stored | {"send_time": f"{self.send_time:%H:%M}"}

    def problems_on(self, local_date: date) -> dict[str, str]:
        """What is wrong with the answers on the day they are given, by field."""
        if self.event_start < local_date:
            return {"event_start": "The event has begun already. Choose days that are to come."}
        if self.event_start - local_date > FURTHEST:
            return {"event_start": "That is more than two years away. Choose a nearer event."}
        return {}


def local_date_of(answers: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> date:
    """Today in the zone of the survey, or in `zone` while it names none."""
    name = answers.get("timezone")
    if isinstance(name, str) and name in timezone_names():
        zone = ZoneInfo(name)
    return now.astimezone(zone).date()


def read(answers: Mapping[str, Any], *, local_date: date) -> Survey | dict[str, str]:
    """The survey, or what is wrong with its answers: one sentence by field."""
    try:
        survey = Survey.model_validate(dict(answers))
    except ValidationError as error:
        return _problems(error)
    return survey.problems_on(local_date) or survey


def _problems(error: ValidationError) -> dict[str, str]:
    problems: dict[str, str] = {}
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        field, words = str(one["loc"][0]) if one["loc"] else "", _in_words(one["type"], one["msg"])
        if not field:
            field, _, words = words.partition(": ")
        problems.setdefault(field, words or WORDS.get(field, NOT_ASKED))
    return problems


def _in_words(kind: str, message: str) -> str:
    """Our own sentence where the fault is one of ours; empty where pydantic found it."""
    if kind == "missing":
        return "Please answer this."
    words = message.removeprefix("Value error, ")
    return words if kind == "value_error" and words.endswith(".") else ""
