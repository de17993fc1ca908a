"""The stages in the forerunner's record of points, pure: as they stand, and what is odd."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from missions.legacy.file import YEARS, Table, calendar_day, shown, told
from missions.legacy.game import Game, PlannedStage, RiddenStage
from missions.points import MOST_POINTS, STAGE_TYPES

RIDE_MODES = ("gc", "breakaway", "steady", "rest")
# What is told of a ride beside its number. Rides come from the connections: nothing of it is read.
RIDE_FACTS = (
    *("average_heartrate", "average_speed", "average_watts", "calories", "description"),
    *("distance", "distance_km", "duration_minutes", "effort_level", "intensity_factor"),
    *("max_heartrate", "max_speed", "moving_time", "name", "normalized_power", "sport_type"),
    *("start_date", "start_date_local", "suffer_score", "total_elevation_gain", "tss", "type"),
    "weighted_average_watts",
)


def ridden_stages(stages: Table, game: Game) -> Iterator[RiddenStage]:
    """Those that can be stored, in the order of the days they are filed on; each number once."""
    seen: dict[int, date] = {}
    for key in sorted(stages.values):
        row = stages.table(key)
        one = _on_a_day(row, calendar_day(key), game)
        if one is None:
            continue
        if one.number in seen:
            row.flag(
                "",
                f"stage {one.number} is recorded already on {seen[one.number]}; this record of it "
                f"({one.ride_mode}, {one.points} points, {one.ride_key or 'no ride'}) is not "
                "imported.",
            )
            continue
        seen[one.number] = one.day
        _judge(row, one, game)
        yield one


def activity_key(number: object) -> str | None:
    """The key of an activity by its number on Strava, 123 or its text; None for others."""
    text = str(number) if type(number) is int and 0 < number < 10**20 else number
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 20:
        return f"strava:{text}"
    return None


def _on_a_day(row: Table, day: date | None, game: Game) -> RiddenStage | None:
    if day is None:
        row.flag("", "is not a date such as 2025-07-05; this record is not imported.")
        return None
    if not row.values:
        row.flag("", "holds nothing; there is no record to import.")
        return None
    return _ridden(row, day, game)


def _ridden(row: Table, day: date, game: Game) -> RiddenStage | None:
    number = row.whole("stage_number", 1, 60)
    planned = game.stage(number)
    kind = _one_of(row, "stage_type", STAGE_TYPES) or (planned.stage_type if planned else None)
    mode = _one_of(row, "ride_mode", RIDE_MODES)
    points = row.whole("points_earned", 0, MOST_POINTS)
    completed_at, ride_key = _completed_at(row, day), _ride_key(row)
    row.tell_the_rest()
    if number is None or planned is None or kind is None or mode is None or points is None:
        needed = {
            "the number of a planned stage": planned,
            "a stage type": kind,
            "a ride mode": mode,
            "points": points,
        }
        missing = ", ".join(what for what, value in needed.items() if value is None)
        row.flag("", f"without {missing}, this record is not imported.")
        return None
    return RiddenStage(number, day, kind, mode, points, completed_at, ride_key)


def _one_of(row: Table, key: str, known: tuple[str, ...]) -> str | None:
    value = row.take(key)
    if isinstance(value, str) and value in known:
        return value
    row.flag(key, f"{told(value)}; expected one of {', '.join(known)}.")
    return None


def _completed_at(row: Table, day: date) -> datetime:
    value = row.take("completed_at")
    moment = _moment(value)
    if moment is None:
        row.flag("completed_at", f"{told(value)}; the start of {day}, UTC, is stored.")
        return datetime.combine(day, time(), tzinfo=UTC)
    if moment.date() != day:
        row.flag("completed_at", f"{shown(value)} is not on {day}, the day it is filed on.")
    return moment


def _moment(value: object) -> datetime | None:
    """The forerunner ran on a server in UTC and wrote its times without a zone."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None


def _ride_key(row: Table) -> str:
    facts = row.table("activity_data")
    numbers = [row.take("activity_id"), facts.take("id"), facts.take("activity_id")]
    facts.asked.update(RIDE_FACTS)
    facts.tell_the_rest()
    keys = [key for one in numbers if (key := activity_key(one))]
    if not keys:
        row.flag("activity_id", "names no activity: which ride counted is not known.")
        return ""
    if len(set(keys)) > 1:
        row.flag("activity_id", f"several rides are named: {', '.join(keys)}. The first is stored.")
    return keys[0]


def _judge(row: Table, ridden: RiddenStage, game: Game) -> None:
    """Flag where a stage that is stored differs from the plan and from the prices."""
    planned = game.stage(ridden.number)
    price = game.price(ridden.stage_type, ridden.ride_mode)
    if price != ridden.points:
        expected = "no price is told" if price is None else f"{price} was expected"
        row.flag(
            "points_earned",
            f"stage {ridden.number} earned {ridden.points}; {expected} for "
            f"“{ridden.stage_type}” in the mode “{ridden.ride_mode}”. Stored as recorded.",
        )
    if planned and planned.stage_type != ridden.stage_type:
        row.flag(
            "stage_type",
            f"stage {ridden.number} was ridden as {ridden.stage_type}, and is "
            f"{planned.stage_type or 'without a type'} in the plan. Stored as recorded.",
        )
    if planned and planned.day != ridden.day:
        row.flag("", _filed_elsewhere(ridden, planned, game.on(ridden.day)))


def _filed_elsewhere(ridden: RiddenStage, planned: PlannedStage, there: PlannedStage | None) -> str:
    where = "a day outside the event's plan"
    if there:
        where = f"the day of stage {there.number}" if there.number else "a rest day"
    return (
        f"stage {ridden.number} is filed on {where}; its own day is {planned.day}. (Days were told "
        "in UTC.) It stays on its own day, and the mission's notes tell the recorded one."
    )
