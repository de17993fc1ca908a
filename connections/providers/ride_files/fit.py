"""FIT: the binary files of bike computers and watches, decoded by fitdecode.

The files come from anywhere, and fitdecode guards its own logic with plain assertions and look-ups:
whatever it raises on a file that does not fit together means that the file is damaged.
"""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from connections.providers.ride_files.errors import (
    CUT_OFF,
    DAMAGED,
    TOO_MUCH,
    NotARideFile,
    TooLarge,
)
from connections.providers.ride_files.recording import MOST_POINTS, MOST_RIDES, Point, Told
from connections.providers.ride_files.sports import sport_of

# Seconds from 1970 to 1989-12-31, where the clock of FIT begins.
EPOCH = 631_065_600
MAGIC = b".FIT"
# A week of seconds with 16 fields each; it bounds how long one file is read. About 300 000
# fields take a second.
MOST_FIELDS = 10_000_000
QUARTER_HOUR_S = 900
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)

NOT_FINISHED = (
    "Its checksum is wrong: the device did not finish it, or a copy damaged it. Copy it from the "
    "device again, or download it again, and send the new one."
)


def is_fit(content: bytes) -> bool:
    return content[8:12] == MAGIC


@dataclass(slots=True)
class _Contents:
    """What the messages of a file have said so far."""

    points: list[Point] = field(default_factory=list)
    sessions: list[Told] = field(default_factory=list)
    transitions: list[float] = field(default_factory=list)
    sport: str = ""
    device: str = ""
    offset: timedelta | None = None

    def read(self, message: Any) -> None:
        if message.name == "record":
            self._record(message)
        elif message.name == "session":
            self._session(message)
        elif message.name == "file_id":
            self._file(message)
        elif message.name == "sport":
            self.sport = _sport(message)
        elif message.name == "activity":
            self._activity(message)

    def _record(self, message: Any) -> None:
        at = _instant(message, "timestamp")
        if at is None:
            return
        if len(self.points) >= MOST_POINTS:
            raise NotARideFile(TOO_MUCH)
        self.points.append(
            Point(
                at,
                _number(message, "power"),
                _number(message, "heart_rate"),
                _number(message, "distance"),
                _first_number(message, "enhanced_altitude", "altitude"),
            )
        )

    def _session(self, message: Any) -> None:
        elapsed_s = _number(message, "total_elapsed_time")
        started_at = _instant(message, "start_time")
        ended_at = _instant(message, "timestamp")
        if started_at is None and ended_at is not None:
            started_at = ended_at - (elapsed_s or 0)
        if _word(message, "sport") == "transition":
            if started_at is not None:
                self.transitions.append(started_at)
            return
        if len(self.sessions) >= MOST_RIDES:
            raise NotARideFile(TOO_MUCH)
        self.sessions.append(
            Told(
                sport=_sport(message),
                started_at=started_at,
                moving_s=_number(message, "total_timer_time"),
                elapsed_s=elapsed_s,
                distance_m=_number(message, "total_distance"),
                climb_m=_number(message, "total_ascent"),
                work_j=_number(message, "total_work"),
                average_power_w=_number(message, "avg_power"),
                max_power_w=_number(message, "max_power"),
                average_hr_bpm=_number(message, "avg_heart_rate"),
                max_hr_bpm=_number(message, "max_heart_rate"),
            )
        )

    def _file(self, message: Any) -> None:
        kind = _word(message, "type")
        if kind and kind != "activity":
            raise NotARideFile(
                f"It is a FIT file of another kind ({kind.replace('_', ' ')}), not a ride. Send "
                "the file of the activity itself."
            )
        maker, product = _word(message, "manufacturer"), _word(message, "garmin_product")
        named = _word(message, "product_name") or f"{maker} {product}"
        self.device = self.device or named.replace("_", " ").strip()

    def _activity(self, message: Any) -> None:
        at, local = _instant(message, "timestamp"), _instant(message, "local_timestamp")
        if at is not None and local is not None:
            quarters = round((local - at) / QUARTER_HOUR_S)
            self.offset = timedelta(seconds=quarters * QUARTER_HOUR_S)


def recordings_in_fit(
    content: bytes, most_fields: int | None = None
) -> Iterator[tuple[Told, list[Point]]]:
    """Each session with the points of its time; raises NotARideFile, and TooLarge of fields."""
    contents = _contents_of(content, MOST_FIELDS if most_fields is None else most_fields)
    told = contents.sessions or [Told(sport=contents.sport or sport_of(""))]
    told = [replace(one, device=contents.device, offset=contents.offset) for one in told]
    if len(told) == 1 and not contents.transitions:
        yield told[0], contents.points
        return
    sessions = {one.started_at: one for one in told if one.started_at is not None}
    if not sessions:
        raise NotARideFile(DAMAGED)
    starts = sorted({*sessions, *contents.transitions})
    shares: dict[float, list[Point]] = {start: [] for start in starts}
    for point in contents.points:
        shares[starts[max(0, bisect_right(starts, point.at) - 1)]].append(point)
    for start in sorted(sessions):
        yield sessions[start], shares[start]


def _contents_of(content: bytes, most_fields: int) -> _Contents:
    contents, fields = _Contents(), 0
    for message, size in _messages(content):
        fields += size
        if fields > most_fields:
            raise TooLarge(TOO_MUCH)
        if message is not None:
            contents.read(message)
    return contents


def _messages(content: bytes) -> Iterator[tuple[Any, int]]:
    """Each message of data, and None for what else a file has, with its number of fields."""
    import fitdecode  # noqa: PLC0415  26 MB, for whoever reads one

    # Without a processor instants stay numbers, and nothing a file names is called.
    options = {
        "processor": None,
        "check_crc": fitdecode.CrcCheck.RAISE,
        "error_handling": fitdecode.ErrorHandling.IGNORE,
    }
    try:
        with fitdecode.FitReader(io.BytesIO(content), **options) as frames:
            for frame in frames:
                if frame.frame_type == fitdecode.FIT_FRAME_DATA:
                    yield frame, 1 + len(frame.fields)
                elif frame.frame_type == fitdecode.FIT_FRAME_DEFINITION:
                    yield None, 1 + len(frame.field_defs) + len(frame.dev_field_defs)
    except fitdecode.FitEOFError as error:
        raise NotARideFile(CUT_OFF) from error
    except fitdecode.FitCRCError as error:
        raise NotARideFile(NOT_FINISHED) from error
    except (fitdecode.FitError, *DAMAGE) as error:
        raise NotARideFile(DAMAGED) from error


def _sport(message: Any) -> str:
    return sport_of(_word(message, "sport"), _word(message, "sub_sport"))


def _instant(message: Any, name: str) -> float | None:
    seconds = _number(message, name)
    return None if seconds is None else EPOCH + seconds


def _number(message: Any, name: str) -> float | None:
    value = message.get_value(name, fallback=None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _first_number(message: Any, *names: str) -> float | None:
    found = (_number(message, name) for name in names)
    return next((value for value in found if value is not None), None)


def _word(message: Any, name: str) -> str:
    """What the profile or the device has a word for; a number alone says nothing."""
    value = message.get_value(name, fallback=None)
    return value if isinstance(value, str) else ""
