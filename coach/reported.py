"""What the tester says themselves: the check-in of a morning, and where they have travelled."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import User
from coach import facts
from coach.models import CheckIn
from missions.availability import LONGEST_DAY
from missions.models import Mission

# So long an illness that is over is still told, and a journey.
AFTER_ILLNESS = timedelta(days=14)
# So long what was reported holds unless it is taken back: a morning of silence is no recovery.
HOLDS = timedelta(days=3)
AFTER_TRAVEL = timedelta(days=3)
NOT_ILL = ("", CheckIn.Illness.NONE)


@dataclass(frozen=True, slots=True)
class Reported:
    """This morning's check-in, if there is one; what was said last of illness, injury and warning
    signs in the last days; and the last earlier day with an illness."""

    check_in: CheckIn | None
    of_illness: CheckIn | None
    of_injury: CheckIn | None
    of_red_flags: CheckIn | None
    was_ill_on: date | None


def reported_by(owner: User, local_date: date) -> Reported:
    """One query."""
    since = local_date - AFTER_ILLNESS
    rows = list(owner.check_ins.filter(local_date__range=(since, local_date)))
    lately = [row for row in rows if row.local_date >= local_date - HOLDS]
    earlier = (row for row in rows if row.local_date < local_date)
    return Reported(
        check_in=next((row for row in rows if row.local_date == local_date), None),
        of_illness=_last(lately, lambda row: bool(row.illness)),
        of_injury=_last(lately, lambda row: bool(row.injury_place)),
        of_red_flags=_last(lately, lambda row: bool(row.red_flags)),
        was_ill_on=max((row.local_date for row in earlier if _is_ill(row)), default=None),
    )


def _last(rows: Iterable[CheckIn], tells: Callable[[CheckIn], bool]) -> CheckIn | None:
    """The newest check-in that speaks of something. The form asks for all of it, so what is left
    empty there is taken back; a link in a brief asks for one word."""
    speaking = (row for row in rows if tells(row) or row.source != CheckIn.Source.LINK)
    return max(speaking, key=lambda row: row.local_date, default=None)


def health_of(
    owner: User, reported: Reported, local_date: date, *, is_rest_mode: bool | None
) -> facts.Health:
    row = reported.check_in
    return facts.Health(
        is_checked_in=row is not None,
        reds_flag=owner.has_reds,
        is_rest_mode=is_rest_mode,
        illness_resolved_days=_days_since_illness(reported, local_date),
        feel=row.feel if row else None,
        soreness=row.soreness if row else None,
        red_flags=tuple(reported.of_red_flags.red_flags) if reported.of_red_flags else (),
        illness=_illness(reported),
        injury=reported.of_injury.injury if reported.of_injury else None,
    )


def _illness(reported: Reported) -> str | None:
    row = reported.of_illness
    return row.illness if row is not None and _is_ill(row) else None


def _days_since_illness(reported: Reported, local_date: date) -> int | None:
    """Since the last day it was reported; None while it lasts, and when there was none."""
    if reported.was_ill_on is None or _illness(reported) is not None:
        return None
    return (local_date - reported.was_ill_on).days


def _is_ill(row: CheckIn) -> bool:
    return row.illness not in NOT_ILL


def minutes_on(mission: Mission, local_date: date, reported: Reported) -> int:
    """The time there is today: the tester's word of this morning goes before their usual week."""
    row = reported.check_in
    if row is None or row.minutes_today is None:
        return mission.minutes_on(local_date)
    return min(row.minutes_today, LONGEST_DAY)


def notes_of(mission: Mission, reported: Reported) -> Iterator[facts.Note]:
    if reported.check_in is not None and reported.check_in.note:
        yield facts.Note(source="check_in", text=reported.check_in.note)
    if mission.restrictions:
        yield facts.Note(source="restrictions", text=mission.restrictions)


def travel_of(owner: User, local_date: date, now: datetime) -> dict[str, Any]:
    """How many hours their clock has moved, east positive, and how many days ago.

    Both None unless they changed their time zone in the last days: that alone tells of a journey.
    """
    changed_at = owner.timezone_changed_at
    days = None if changed_at is None else (local_date - owner.local_date(changed_at)).days
    if not owner.timezone_before or days is None or not 0 <= days <= AFTER_TRAVEL.days:
        return {"tz_shift_hours": None, "days_since_travel": None}
    shift = _offset(owner.timezone, now) - _offset(owner.timezone_before, now)
    return {"tz_shift_hours": shift / timedelta(hours=1), "days_since_travel": days}


def _offset(timezone_name: str, now: datetime) -> timedelta:
    return now.astimezone(ZoneInfo(timezone_name)).utcoffset() or timedelta()
