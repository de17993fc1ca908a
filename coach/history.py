"""A month of runs as weeks of days, each with what was coached and what became of it."""

from calendar import Calendar, monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from accounts import formats
from coach.brief import ACTION_WORDS
from coach.models import Feedback, MissionRun
from missions.models import Stage

Thing = TypeVar("Thing")

UNKNOWN = "unknown"
OUTCOME_WORDS = {
    MissionRun.Outcome.DUE: "Waiting",
    MissionRun.Outcome.UNDER_WAY: "Being made",
    MissionRun.Outcome.DECIDED: "Brief",
    MissionRun.Outcome.FAILED: "Failed",
    MissionRun.Outcome.MISSED: "Missed",
}
NOT_RIDDEN = Feedback.Word.SKIPPED
AS_PRESCRIBED = Feedback.Word.DONE


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in its day; `minutes` are those prescribed, None where there is no decision."""

    id: UUID
    local_date: date
    mission_name: str
    outcome: str
    action: str
    minutes: int | None
    word: str
    ridden_minutes: int | None

    @property
    def kind(self) -> str:
        """What its colour goes by: the action, or what became of the run without one."""
        return self.action or self.outcome

    @property
    def title(self) -> str:
        return ACTION_WORDS.get(self.action) or OUTCOME_WORDS[MissionRun.Outcome(self.outcome)]

    @property
    def initial(self) -> str:
        """For a small screen; only actions have one, which no two share."""
        return self.title[0] if self.action else ""

    @property
    def amount(self) -> str:
        if self.minutes is None:
            return ""
        return f"{self.minutes} min" if self.minutes else "no riding"

    @property
    def label(self) -> str:
        """All of it in words, for whoever does not see the cell."""
        told = (self.title, self.amount, self.word, self.mission_name)
        return f"{formats.weekday_date(self.local_date)}: {', '.join(one for one in told if one)}"

    @property
    def as_prescribed(self) -> int | None:
        """Of the prescribed minutes those that were ridden, by the tester's word, else by the ride
        that was matched; None where neither tells."""
        if not self.minutes or self.word == NOT_RIDDEN:
            return 0
        if self.word == AS_PRESCRIBED:
            return self.minutes
        return None if self.ridden_minutes is None else min(self.ridden_minutes, self.minutes)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    is_of_month: bool
    is_today: bool
    entries: Sequence[Entry]
    stages: Sequence[Stage]


@dataclass(frozen=True, slots=True)
class Sums:
    """A month in a few figures; of what nobody told the words say so."""

    mornings: int
    briefs: int
    workouts: int
    done: int
    changed: int
    skipped: int
    prescribed: str
    ridden: str
    # Of how many workouts it is known.
    ridden_of: int

    @property
    def not_said(self) -> int:
        return self.workouts - self.done - self.changed - self.skipped


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    weeks: Sequence[Sequence[Day]]
    sums: Sums
    earlier: date | None
    later: date | None


@dataclass(frozen=True, slots=True)
class Year:
    """A year with runs: how many, and the last of its months that has any."""

    number: int
    count: int
    latest: date


def entry_of(row: Mapping[str, Any]) -> Entry:
    """From a row of `MissionRunQuerySet.in_short`."""
    minutes = row["minutes"]
    is_decided = row["outcome"] == MissionRun.Outcome.DECIDED
    return Entry(
        id=row["id"],
        local_date=row["local_date"],
        mission_name=row["mission_name"],
        outcome=row["outcome"],
        action=row["action"] or "",
        minutes=(minutes or 0) if is_decided else None,
        word=row["word"] or "",
        ridden_minutes=row["ridden_minutes"],
    )


def last_of(first: date) -> date:
    """The last day of the month that begins on `first`."""
    return first.replace(day=monthrange(first.year, first.month)[1])


def month_of(
    first: date,
    entries: Sequence[Entry],
    stages: Iterable[Stage],
    *,
    first_weekday: int,
    today: date,
    filled: Collection[date],
) -> Month:
    """The month that begins on `first`; `filled` are the months there is anything to see in."""
    runs = _by_day((one.local_date, one) for one in entries)
    planned = _by_day((one.date, one) for one in stages)
    return Month(
        first=first,
        weeks=[
            [
                Day(
                    date=day,
                    is_of_month=day.month == first.month,
                    is_today=day == today,
                    entries=runs.get(day, ()) if day.month == first.month else (),
                    stages=planned.get(day, ()) if day.month == first.month else (),
                )
                for day in week
            ]
            for week in Calendar(first_weekday).monthdatescalendar(first.year, first.month)
        ],
        sums=sums_of(entries),
        earlier=max((one for one in filled if one < first), default=None),
        later=min((one for one in filled if one > first), default=None),
    )


def sums_of(entries: Iterable[Entry]) -> Sums:
    entries = list(entries)
    riding = [one for one in entries if one.minutes]
    said = [one.word for one in riding]
    ridden = [one.as_prescribed for one in riding]
    known = [minutes for minutes in ridden if minutes is not None]
    return Sums(
        mornings=len(entries),
        briefs=sum(one.outcome == MissionRun.Outcome.DECIDED for one in entries),
        workouts=len(riding),
        done=said.count(Feedback.Word.DONE),
        changed=said.count(Feedback.Word.CHANGED),
        skipped=said.count(Feedback.Word.SKIPPED),
        prescribed=hours(sum(one.minutes or 0 for one in riding)),
        ridden=hours(sum(known)) if known or not riding else UNKNOWN,
        ridden_of=len(known),
    )


def hours(minutes: int) -> str:
    """“45 min”, “2 h”, “12 h 30 min”."""
    whole, rest = divmod(minutes, 60)
    if not whole:
        return f"{rest} min"
    return f"{whole} h {rest} min" if rest else f"{whole} h"


def years_of(counts: Mapping[date, int]) -> list[Year]:
    """The years with runs, latest first, from the count of each month."""
    return [
        Year(
            number=number,
            count=sum(count for first, count in counts.items() if first.year == number),
            latest=max(first for first in counts if first.year == number),
        )
        for number in sorted({first.year for first in counts}, reverse=True)
    ]


def months_between(first: date, last: date) -> list[date]:
    """The first days of the months that two dates and what lies between them are in."""
    start, end = (day.year * 12 + day.month - 1 for day in (first, last))
    return [date(number // 12, number % 12 + 1, 1) for number in range(start, end + 1)]


def _by_day(dated: Iterable[tuple[date, Thing]]) -> dict[date, list[Thing]]:
    found: dict[date, list[Thing]] = {}
    for day, one in dated:
        found.setdefault(day, []).append(one)
    return found
