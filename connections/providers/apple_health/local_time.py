"""Apple's timestamps as instants, and instants as days of the tester's own calendar.

The UTC offset in the text is the phone's at the time of the export, on all of history. So a
timestamp is good for its instant only, and its day comes from the tester's IANA zone.
"""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connections.providers.apple_health.errors import Skip

APPLE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)
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


class Instants:
    """Reads "2024-03-01 07:14:22 -0800" as UTC seconds, remembering the hours already met."""

    def __init__(self) -> None:
        self._hours: dict[str, int] = {}
        self._latest_s = LATEST_S

    def not_after(self, exported_s: int) -> None:
        self._latest_s = exported_s + CLOCK_MARGIN_S

    def read(self, text: str) -> int:
        try:
            return self._hours[text[:13] + text[19:]] + SECONDS_INTO_HOUR[text[13:19]]
        except KeyError:
            return self._read_new_hour(text)

    def _read_new_hour(self, text: str) -> int:
        if not APPLE_TIME.fullmatch(text):
            raise Skip(UNREADABLE_DATE)
        try:
            hour_s = int(datetime.fromisoformat(f"{text[:13]}:00{text[20:]}").timestamp())
            instant_s = hour_s + SECONDS_INTO_HOUR[text[13:19]]
        except (ValueError, KeyError, OverflowError) as error:
            raise Skip(UNREADABLE_DATE) from error
        if not EARLIEST_S <= hour_s <= self._latest_s:
            raise Skip(IMPOSSIBLE_DATE)
        if len(self._hours) >= REMEMBERED_HOURS:
            self._hours.clear()
        self._hours[text[:13] + text[19:]] = hour_s
        return instant_s


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

    def of_start(self, start_s: int, end_s: int) -> int:
        return self.of(start_s)

    def of_night(self, start_s: int, end_s: int) -> int:
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
