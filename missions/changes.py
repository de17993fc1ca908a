"""What a change of a mission's days does, in sentences with before and after. Pure but for `of`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts import formats
from missions.bonuses import title_of
from missions.models import Mission, StageType, place_of

State = Mission.State
ENDS_TRAINING = "Training ends and the event begins today. This cannot be undone."


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the stage plan."""

    date: date
    stage_type: str
    is_rest_day: bool

    @property
    def words(self) -> str:
        return "rest day" if self.is_rest_day else str(StageType(self.stage_type).label)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a mission stands in time: its days, its mornings, its stages."""

    state: str
    prep_start: date
    event_start: date
    event_end: date
    timezone: str
    send_time: time
    stages: tuple[Day, ...]
    next_morning: datetime | None
    unpriced: frozenset[str] = frozenset()
    bonuses: tuple[tuple[str, int], ...] = ()

    @property
    def plan(self) -> tuple[object, ...]:
        """What its tester decides of it, without what follows from that."""
        days = (self.prep_start, self.event_start, self.event_end)
        stages = tuple((day.date, day.words) for day in self.stages)
        return (*days, self.timezone, self.send_time, stages)

    @property
    def length(self) -> int:
        return (self.event_end - self.event_start).days + 1

    @property
    def place(self) -> str:
        return place_of(self.timezone)


def of(mission: Mission) -> Course:
    """The course of a mission, its stages and bonuses read from the database."""
    rows = mission.stages.order_by("number").values_list("date", "stage_type", "is_rest_day")
    stages = tuple(Day(*row) for row in rows)
    ridden = {day.stage_type for day in stages if not day.is_rest_day}
    return Course(
        mission.state,
        mission.prep_start,
        mission.event_start,
        mission.event_end,
        mission.timezone,
        mission.send_time,
        stages,
        mission.next_morning,
        frozenset(ridden - mission.points_schema.keys()),
        tuple(mission.awards.order_by("name").values_list("name", "points")),
    )


def moved(before: Course, event_start: date, event_end: date) -> timedelta | None:
    """How far an event moved as it was, its length kept; None when it did not just move."""
    shift = event_start - before.event_start
    return shift if shift and event_end - before.event_end == shift else None


def sentences(before: Course, after: Course, today: date) -> list[str]:
    """What changes, most important first; an empty list when nothing does."""
    return [
        *_state(before, after),
        *_dates(before, after, today),
        *_mornings(before, after),
        *_stages(before, after, today),
        *_bonuses(before, after),
    ]


def _bonuses(before: Course, after: Course) -> Iterator[str]:
    """What a change of the plan makes of the bonuses: they follow from the stages."""
    earned, were = dict(after.bonuses), dict(before.bonuses)
    for name in sorted(earned.keys() - were.keys()):
        yield f"“{title_of(name)}” is earned with that: {counted(earned[name], 'point')} more."
    for name in sorted(were.keys() - earned.keys()):
        yield f"“{title_of(name)}” is no longer earned: {counted(were[name], 'point')} less."


def _state(before: Course, after: Course) -> Iterator[str]:
    if before.state == State.TRAINING and after.state == State.EVENT_ACTIVE:
        yield ENDS_TRAINING


def _dates(before: Course, after: Course, today: date) -> Iterator[str]:
    for verb, old, new in (
        ("The preparation counts from", before.prep_start, after.prep_start),
        ("The event starts", before.event_start, after.event_start),
        ("The event ends", before.event_end, after.event_end),
    ):
        if new != old:
            new_day, old_day = day_in_words(new, today), day_in_words(old, today)
            far = counted(abs((new - old).days), "day")
            when = "later" if new > old else "earlier"
            yield f"{verb} {far} {when}: {new_day} instead of {old_day}."
    if after.length != before.length:
        yield f"The event has {counted(after.length, 'day')} instead of {before.length}."
    if after.state == State.TRAINING and after.event_start != before.event_start:
        left, was = ((one.event_start - today).days for one in (after, before))
        yield f"Training has {counted(left, 'day')} left instead of {was}."


def _mornings(before: Course, after: Course) -> Iterator[str]:
    if after.timezone != before.timezone:
        yield f"Your days and mornings follow {after.place} time instead of {before.place} time."
    if after.send_time != before.send_time:
        new, old = formats.clock(after.send_time), formats.clock(before.send_time)
        yield f"The brief comes at {new} instead of {old}."
    if after.next_morning != before.next_morning:
        yield _next_brief(before, after)


def _next_brief(before: Course, after: Course) -> str:
    if after.next_morning is None:
        return "No brief comes any more: the next one would be after the event."
    new = _morning(after, after.next_morning)
    if before.next_morning is None:
        return f"The next brief comes {new}."
    return f"The next brief comes {new} instead of {_morning(before, before.next_morning)}."


def _morning(course: Course, slot: datetime) -> str:
    wall = slot.astimezone(ZoneInfo(course.timezone))
    return (
        f"{formats.weekday_date(wall.date())} at {formats.clock(wall.time())} {course.place} time"
    )


def _stages(before: Course, after: Course, today: date) -> Iterator[str]:
    shift = moved(before, after.event_start, after.event_end) or timedelta()
    if shift:
        yield "The stages move with the event."
    old = {day.date + shift: (number, day) for number, day in enumerate(before.stages, start=1)}
    new = {day.date: (number, day) for number, day in enumerate(after.stages, start=1)}
    if gone := [old[day] for day in old if day not in new]:
        yield f"{_stage_word(gone)} left out: {_listed(gone, today)}."
    if added := [new[day] for day in new if day not in old]:
        yield f"{_stage_word(added)} added: {_listed(added, today)}."
    for day, (number, one) in new.items():
        if day in old and old[day][1].words != one.words:
            yield (
                f"Stage {number}, {day_in_words(day, today)}, becomes {one.words} "
                f"instead of {old[day][1].words}."
            )


def _stage_word(stages: list[tuple[int, Day]]) -> str:
    return "A stage is" if len(stages) == 1 else f"{len(stages)} stages are"


def _listed(stages: Iterable[tuple[int, Day]], today: date) -> str:
    return ", ".join(
        f"{number} on {day_in_words(one.date, today)} ({one.words})" for number, one in stages
    )


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def day_in_words(day: date, today: date) -> str:
    """The year only where it is not this one."""
    return formats.day_month(day) if day.year == today.year else formats.full_date(day)
