"""The mission of the single-user forerunner, pure: its two files in, values and flags out.

Nothing is recomputed or mended. What has a place here is taken as it stands; what differs from
what was expected, and what has no place, is flagged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from missions import limits
from missions.legacy.file import Flag, NotLegacy, Table, calendar_day, shown, toml_table
from missions.legacy.game import Game, PlannedStage, Record
from missions.legacy.prices import read_prices
from missions.legacy.record import read_record
from missions.limits import Limit
from missions.points import STAGE_TYPES

MOST_DAYS, LONGEST_NAME, LONGEST_NOTES = 60, 80, 2_000
CONSTRAINTS = ("min_readiness", "max_rhr", "min_tsb")
SAFETY = MappingProxyType({"force_rest_readiness": "min_readiness", "force_rest_tsb": "min_tsb"})
# Their name of a target: ours.
TARGETS = MappingProxyType(
    {
        "ctl_peak": "ctl",
        "long_ride_minutes": "long_ride_minutes",
        "stage_climb_minutes": "climb_minutes",
        "threshold_interval_min": "threshold_minutes",
    }
)
FTP_W = Limit(None, 40, 600)


@dataclass(frozen=True, slots=True)
class LegacyMission:
    """What can be imported; a value the file does not tell is None, or not in its mapping."""

    name: str
    prep_start: date
    event_start: date
    event_end: date
    days: tuple[PlannedStage, ...]
    limits: Mapping[str, int]
    targets: Mapping[str, int]
    points_schema: Mapping[str, Any] | None
    bonus_names: Mapping[str, str]
    ftp: tuple[date, int] | None
    record: Record
    notes: str
    flags: tuple[Flag, ...]


def read(
    name: str, text: str, *, points_name: str = "", points_text: str | None = None
) -> LegacyMission:
    """The mission of a TOML file with its record of points, if there is one; or NotLegacy."""
    top = toml_table(name, text)
    title = _title(top)
    event = top.table("tdf_simulation")
    start, end = _event_days(top, event)
    plan = _days(event, start, end)
    schema, bonus_names = read_prices(event, plan)
    record = Record()
    if points_text is not None:
        record = read_record(points_name, points_text, Game(plan, schema or {}))
    mission = LegacyMission(
        name=title,
        prep_start=_preparation(top, start),
        event_start=start,
        event_end=end,
        days=_as_ridden(event, plan, record),
        limits=_limits(top.table("constraints"), event.table("safety")),
        targets=_targets(top.table("targets")),
        points_schema=schema,
        bonus_names=bonus_names | {one.theirs: one.name for one in record.awards},
        ftp=_ftp(top.table("athlete")),
        record=record,
        notes=_notes(plan, record) if points_text is not None else "",
        flags=(),
    )
    _tell_what_has_no_place(top, event)
    return replace(mission, flags=(*top.flags, *record.flags))


def _title(top: Table) -> str:
    title = top.text("name", most=LONGEST_NAME)
    goal = top.text("goal_event", most=LONGEST_NAME)
    if title is None and goal is None:
        raise NotLegacy(f'{top.file} names no mission. Give it a name: name = "..." at the top.')
    if title is None:
        top.flag("name", "is not told; goal_event is taken.")
    elif goal not in (title, None):
        top.flag("goal_event", f"{shown(goal)} is not the name of the mission; it is left out.")
    return title or goal or ""


def _event_days(top: Table, event: Table) -> tuple[date, date]:
    """The first and last day: of the event's own table, else the one day of the goal."""
    goal = top.day("goal_date")
    start, end = event.day("start_date"), event.day("end_date")
    if start is None and end is None and goal is not None:
        event.flag("start_date", f"is not told; the event is the day of the goal, {goal}.")
        return goal, goal
    if start is None or end is None:
        raise NotLegacy(
            f"{top.file} does not say when the event is. Give start_date and end_date below "
            "[tdf_simulation], or goal_date at the top."
        )
    if not 0 <= (end - start).days < MOST_DAYS:
        raise NotLegacy(
            f"{top.file} has an event from {start} to {end}. Give a last day that is not before "
            f"the first, and at most {MOST_DAYS} days."
        )
    if goal != end:
        said = f"is {goal}" if goal else "is not told"
        top.flag("goal_date", f"{said}; {end}, the last day of the event, is stored.")
    return start, end


def _preparation(top: Table, start: date) -> date:
    day = top.day("start_date")
    if day is None or day > start:
        said = "is not told" if day is None else f"{day} is after the event begins"
        top.flag("start_date", f"{said}; the preparation is stored as from {start}.")
        return start
    return day


def _days(event: Table, start: date, end: date) -> tuple[PlannedStage, ...]:
    """Each day of the event: the stages in the order of their numbers, around the rest days."""
    days = [start + timedelta(days=one) for one in range((end - start).days + 1)]
    rest_days = _rest_days(event, days)
    racing = [day for day in days if day not in rest_days]
    kinds = _stage_types(event) or dict.fromkeys(range(1, len(racing) + 1))
    if len(racing) != len(kinds):
        event.flag(
            "stages",
            f"has {len(kinds)} stages for {len(racing)} days of racing; a stage without a day, and "
            "a day without a stage, is left out.",
        )
    numbers = dict(zip(racing, sorted(kinds), strict=False))
    return tuple(
        PlannedStage(day, numbers.get(day), kinds[numbers[day]] if day in numbers else None)
        for day in days
        if day in numbers or day in rest_days
    )


def _rest_days(event: Table, days: list[date]) -> set[date]:
    rest_days: set[date] = set()
    for value in event.entries("rest_days"):
        day = calendar_day(value)
        if day is None or day not in days:
            event.flag("rest_days", f"{shown(value)} is not a day of the event; it is left out.")
        elif day in rest_days:
            event.flag("rest_days", f"{day} stands there twice.")
        else:
            rest_days.add(day)
    return rest_days


def _stage_types(event: Table) -> dict[int, str | None]:
    """The type of each stage by its number; None for a type we do not have."""
    stages = event.table("stages")
    kinds: dict[int, str | None] = {}
    for key in stages.values:
        kind = stages.take(key)
        number = int(key) if key.isascii() and key.isdigit() and len(key) <= 2 else 0
        if not 1 <= number <= MOST_DAYS or number in kinds:
            stages.flag(key, f"is not the number of one stage, 1 to {MOST_DAYS}; it is left out.")
            continue
        kinds[number] = kind if isinstance(kind, str) and kind in STAGE_TYPES else None
        if kinds[number] is None:
            known = ", ".join(STAGE_TYPES)
            stages.flag(key, f"{shown(kind)} is not a stage type; expected one of {known}.")
    total = event.whole("total_stages", 0, 1_000)
    if total is not None and total != len(kinds):
        event.flag("total_stages", f"says {total}, and {len(kinds)} stages have a type.")
    return kinds


def _as_ridden(
    event: Table, plan: tuple[PlannedStage, ...], record: Record
) -> tuple[PlannedStage, ...]:
    """The plan with the types that were ridden, without the stages that have none."""
    ridden = {one.number: one.stage_type for one in record.ridden}
    days = [
        replace(one, stage_type=ridden.get(one.number, one.stage_type)) if one.number else one
        for one in plan
    ]
    untyped = [str(one.number) for one in days if one.number and one.stage_type is None]
    if untyped:
        event.flag(
            "stages", f"no type is told for these, which are left out: {', '.join(untyped)}."
        )
    return tuple(one for one in days if one.number is None or one.stage_type)


def _limits(constraints: Table, safety: Table) -> dict[str, int]:
    kept: dict[str, int] = {}
    for name in CONSTRAINTS:
        _keep_limit(kept, constraints, name)
    constraints.tell_the_rest()
    for name, above in SAFETY.items():
        least = kept.get(above, getattr(limits, above.upper()).default)
        _keep_limit(kept, safety, name, least)
        if kept[name] > least:
            safety.flag(
                name,
                f"{kept[name]} is above {above}, {least}: rest is forced before hard work stops. "
                "Stored as recorded; change one of them before you train with it.",
            )
    safety.tell_the_rest("no place here, the coach has its own rules for that")
    return kept


def _keep_limit(kept: dict[str, int], table: Table, name: str, most: int | None = None) -> None:
    """The limit of that name; without one our own stands, but no higher than `most`."""
    limit: Limit = getattr(limits, name.upper())
    value = table.whole(name, limit.least, limit.most)
    usual = limit.default if most is None or limit.default is None else min(limit.default, most)
    if value is None:
        stored = "none" if usual is None else usual
        table.flag(name, f"no limit is taken from the file; {stored} is stored.")
    if (found := usual if value is None else value) is not None:
        kept[name] = found


def _targets(table: Table) -> dict[str, int]:
    kept: dict[str, int] = {}
    for theirs, ours in TARGETS.items():
        limit = limits.TARGETS[ours]
        value = table.whole(theirs, limit.least, limit.most)
        if value is not None:
            kept[ours] = value
        elif theirs not in table.values:
            table.flag(theirs, "is not told; no such target is stored.")
    table.tell_the_rest()
    return kept


def _ftp(athlete: Table) -> tuple[date, int] | None:
    """Kept only when the file says from which day it holds: history is never rescaled."""
    power_w = athlete.whole("ftp", FTP_W.least, FTP_W.most)
    day = athlete.day("ftp_date")
    athlete.tell_the_rest()
    if power_w is not None and day is not None:
        return day, power_w
    if power_w is not None:
        athlete.flag(
            "ftp",
            f"{power_w} W is not stored, for no day is told from which it holds. Enter it in "
            "Settings with its day, or add ftp_date to the file.",
        )
    elif "ftp" not in athlete.values:
        athlete.flag("ftp", "is not told.")
    return None


def _notes(plan: tuple[PlannedStage, ...], record: Record) -> str:
    """What the record tells and the rows of a mission have no place for."""
    planned = {one.number: one for one in plan}
    days = [
        f"{one.number} on {one.day}" for one in record.ridden if one.day != planned[one.number].day
    ]
    kinds = [
        f"{one.number} {kind}"
        for one in record.ridden
        if (kind := planned[one.number].stage_type) and kind != one.stage_type
    ]
    points = _claimed(record.total_points, "point")
    completed = _claimed(record.stages_completed, "completed stage")
    lines = [
        "Imported as it was recorded; nothing is computed anew.",
        f"The record claims {points} and {completed}.",
        f"Filed on another day (in UTC) than planned: stage {', '.join(days)}." if days else "",
        f"Planned as another type than ridden: stage {', '.join(kinds)}." if kinds else "",
    ]
    return "\n".join(line for line in lines if line)[:LONGEST_NOTES]


def _claimed(number: int | None, what: str) -> str:
    return f"no number of {what}s" if number is None else f"{number} {what}{'s' * (number != 1)}"


def _tell_what_has_no_place(top: Table, event: Table) -> None:
    if event.take("enabled") is False:
        event.flag("enabled", "is false: the event was switched off. It is imported all the same.")
    event.table("detection").tell_the_rest("no place here, the coach has its own rules for that")
    event.tell_the_rest()
    top.tell_the_rest()
