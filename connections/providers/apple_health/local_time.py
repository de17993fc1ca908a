"""Apple's timestamps as instants, and instants as days of the tester's own calendar.

The UTC offset in the text is the phone's at the time of the export, on all of history. So a
timestamp is good for its instant only, and its day comes from the tester's IANA zone.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connections.providers.apple_health.errors import Skip

HOUR = re.compile(r"\d{4}-\d\d-\d\d \d\d", re.ASCII)
OFFSET = re.compile(r" [+-]\d{4}", re.ASCII)
SECONDS_INTO_HOUR = {f":{m:02}:{s:02}": 60 * m + s for m in range(60) for s in range(60)}

EARLIEST_S = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
LATEST_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
DAY_S = 86_400
CLOCK_MARGIN_S = 2 * DAY_S  # devices disagree, and a time zone is a day wide
REMEMBERED_HOURS = 20_000
NIGHT_ENDS_AT_HOUR = 18

UNREADABLE_DATE = "an unreadable date"
IMPOSSIBLE_DATE = "a date before 1990 or after the export"


def at(instant_s: int) -> datetime:
    return datetime.fromtimestamp(instant_s, UTC)


class Hours(dict[str, int]):
    """UTC seconds of hours such as "2024-03-01 07", of one offset such as " -0800"."""

    def __init__(self, offset: str, latest_s: int) -> None:
        super().__init__()
        self.offset = offset
        self._latest_s = latest_s

    def __missing__(self, hour: str) -> int:
        if not (HOUR.fullmatch(hour) and OFFSET.fullmatch(self.offset)):
            raise Skip(UNREADABLE_DATE)
        try:
            hour_s = int(datetime.fromisoformat(f"{hour}:00{self.offset[1:]}").timestamp())
        except (ValueError, OverflowError) as error:
            raise Skip(UNREADABLE_DATE) from error
        if not EARLIEST_S <= hour_s <= self._latest_s:
            raise Skip(IMPOSSIBLE_DATE)
        if len(self) >= REMEMBERED_HOURS:
            self.clear()
        self[hour] = hour_s
        return hour_s


class Instants:
    """Reads "2024-03-01 07:14:22 -0800" as UTC seconds.

    The hours of an offset are remembered until another one comes, which is rarely or never.
    """

    def __init__(self) -> None:
        self._latest_s = LATEST_S
        self._hours_s = Hours("", self._latest_s)

    def not_after(self, exported_s: int) -> None:
        self._latest_s = exported_s + CLOCK_MARGIN_S
        self._hours_s = Hours("", self._latest_s)

    def read(self, text: str) -> int:
        hours_s = self._hours_s
        if text[19:] != hours_s.offset:
            hours_s = self._move_to(text[19:])
        try:
            return hours_s[text[:13]] + SECONDS_INTO_HOUR[text[13:19]]
        except KeyError as error:
            raise Skip(UNREADABLE_DATE) from error

    def read_all(self, rows: Iterable[str], position: int, offset: str) -> list[int]:
        """The ones at a position in each row, all of one offset. Raises Skip or KeyError."""
        hours_s = self._hours_s if offset == self._hours_s.offset else self._move_to(offset)
        hour, rest = slice(position, position + 13), slice(position + 13, position + 19)
        return [hours_s[row[hour]] + SECONDS_INTO_HOUR[row[rest]] for row in rows]

    def _move_to(self, offset: str) -> Hours:
        self._hours_s = Hours(offset, self._latest_s)
        return self._hours_s


class LocalDays:
    """The local date of an instant, as its ordinal; the last one is kept, for the next sample."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._ordinal = 0
        self._start_s = self._evening_s = self.end_s = 0

    def of(self, instant_s: int) -> int:
        if not self._start_s <= instant_s < self.end_s:
            self._move_to(instant_s)
        return self._ordinal

    def of_night(self, end_s: int) -> int:
        """The day of waking up: sleep that ends after 18:00 belongs to the night to come."""
        ordinal = self.of(end_s)
        return ordinal + 1 if end_s > self._evening_s else ordinal

    def _move_to(self, instant_s: int) -> None:
        day = datetime.fromtimestamp(instant_s, self._zone).date()
        self._ordinal = day.toordinal()
        self._start_s = self._wall_clock_s(day)
        self._evening_s = self._wall_clock_s(day, NIGHT_ENDS_AT_HOUR)
        self.end_s = self._wall_clock_s(day + timedelta(days=1))

    def _wall_clock_s(self, day: date, hour: int = 0) -> int:
        """In a gap this is the transition, in a fold the first pass: both begin the local day."""
        return int(datetime(day.year, day.month, day.day, hour, tzinfo=self._zone).timestamp())
