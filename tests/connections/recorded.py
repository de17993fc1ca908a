"""Rides as devices write them: a small FIT encoder, and TCX and GPX texts."""

import gzip
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
FIT_EPOCH = 631_065_600
FILE_ID, SESSION, RECORD, ACTIVITY = 0, 18, 20, 34
# Name: (definition number, base type, struct format, invalid, scale)
FIELDS: dict[int, dict[str, tuple[int, int, str, int, float]]] = {
    FILE_ID: {
        "type": (0, 0x00, "B", 0xFF, 1),
        "manufacturer": (1, 0x84, "H", 0xFFFF, 1),
        "product": (2, 0x84, "H", 0xFFFF, 1),
    },
    SESSION: {
        "timestamp": (253, 0x86, "I", 0xFFFFFFFF, 1),
        "start_time": (2, 0x86, "I", 0xFFFFFFFF, 1),
        "sport": (5, 0x00, "B", 0xFF, 1),
        "sub_sport": (6, 0x00, "B", 0xFF, 1),
        "total_elapsed_time": (7, 0x86, "I", 0xFFFFFFFF, 1000),
        "total_timer_time": (8, 0x86, "I", 0xFFFFFFFF, 1000),
        "total_distance": (9, 0x86, "I", 0xFFFFFFFF, 100),
        "total_ascent": (22, 0x84, "H", 0xFFFF, 1),
        "total_work": (48, 0x86, "I", 0xFFFFFFFF, 1),
        "avg_heart_rate": (16, 0x02, "B", 0xFF, 1),
        "max_heart_rate": (17, 0x02, "B", 0xFF, 1),
        "avg_power": (20, 0x84, "H", 0xFFFF, 1),
        "max_power": (21, 0x84, "H", 0xFFFF, 1),
    },
    RECORD: {
        "timestamp": (253, 0x86, "I", 0xFFFFFFFF, 1),
        "power": (7, 0x84, "H", 0xFFFF, 1),
        "heart_rate": (3, 0x02, "B", 0xFF, 1),
        "distance": (5, 0x86, "I", 0xFFFFFFFF, 100),
        # Fifths of a metre above -500 m, of which the encoder knows the scale alone.
        "altitude": (2, 0x84, "H", 0xFFFF, 5),
    },
    ACTIVITY: {
        "timestamp": (253, 0x86, "I", 0xFFFFFFFF, 1),
        "local_timestamp": (5, 0x86, "I", 0xFFFFFFFF, 1),
    },
}
SPORTS = {"generic": 0, "running": 1, "cycling": 2, "transition": 3, "swimming": 5}
Message = tuple[int, dict[str, Any]]


def crc_of(data: bytes) -> int:
    """CRC-16/ARC, the checksum of FIT."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def fit_of(messages: Iterable[Message]) -> bytes:
    """A FIT file; a field that is None is written as the format writes what is not known."""
    body, defined = bytearray(), set[int]()
    for kind, values in messages:
        if kind not in defined:
            defined.add(kind)
            body += _definition(kind)
        body.append(kind % 16)
        for name, (_, _, layout, invalid, scale) in FIELDS[kind].items():
            value = values.get(name)
            body += struct.pack(f"<{layout}", invalid if value is None else round(value * scale))
    return framed(bytes(body))


def framed(body: bytes) -> bytes:
    head = struct.pack("<BBHI4s", 14, 0x20, 2100, len(body), b".FIT")
    head += struct.pack("<H", crc_of(head))
    return head + body + struct.pack("<H", crc_of(head + body))


def _definition(kind: int) -> bytes:
    fields = FIELDS[kind].values()
    head = struct.pack("<BBBHB", 0x40 | kind % 16, 0, 0, kind, len(fields))
    return head + b"".join(
        bytes([number, struct.calcsize(layout), base]) for number, base, layout, _, _ in fields
    )


def fit_time(at: datetime) -> int:
    return int(at.timestamp()) - FIT_EPOCH


def file_id(kind: int = 4) -> Message:
    """By default of an activity, from a Garmin Edge 530."""
    return FILE_ID, {"type": kind, "manufacturer": 1, "product": 3121}


def records(
    watts: Sequence[int | None],
    start: datetime = START,
    *,
    bpm: int | None = 140,
    m_s: float = 8.0,
    altitudes: Sequence[float | None] = (),
) -> list[Message]:
    """One a second; altitudes in m, from the first second on."""
    return [
        (
            RECORD,
            {
                "timestamp": fit_time(start) + second,
                "power": power,
                "heart_rate": bpm,
                "distance": second * m_s,
                "altitude": _above_sea(altitudes, second),
            },
        )
        for second, power in enumerate(watts)
    ]


def _above_sea(altitudes: Sequence[float | None], second: int) -> float | None:
    altitude = altitudes[second] if second < len(altitudes) else None
    return None if altitude is None else altitude + 500


def session(
    elapsed_s: float, start: datetime = START, *, sport: str = "cycling", **values: Any
) -> Message:
    return SESSION, {
        "start_time": fit_time(start),
        "timestamp": fit_time(start) + elapsed_s,
        "sport": SPORTS[sport],
        "total_elapsed_time": elapsed_s,
        "total_timer_time": elapsed_s,
        **values,
    }


def fit_ride(
    watts: Sequence[int | None] = (200,) * 3600, start: datetime = START, **values: Any
) -> bytes:
    """A ride of one session, by default an hour at 200 W and 140 bpm, 8 m/s."""
    return fit_of(
        [file_id(), *records(watts, start), session(max(1, len(watts) - 1), start, **values)]
    )


def tcx_of(*trackpoints: str, sport: str = "Biking", laps: str = "", start: str = "") -> bytes:
    start = start or written(START)
    laps = laps or f'<Lap StartTime="{start}"><Track>{"".join(trackpoints)}</Track></Lap>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"'
        ' xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2">\n'
        f' <Activities><Activity Sport="{sport}"><Id>{start}</Id>{laps}'
        "<Creator><Name>Edge 530</Name></Creator></Activity></Activities>\n"
        "</TrainingCenterDatabase>\n"
    ).encode()


def trackpoint(
    second: float,
    *,
    watts: object = 200,
    bpm: object = 140,
    time: str | None = None,
    altitude: object = None,
) -> str:
    told = written(START + timedelta(seconds=second)) if time is None else time
    power = "" if watts is None else f"<ns3:TPX><ns3:Watts>{watts}</ns3:Watts></ns3:TPX>"
    height = "" if altitude is None else f"<AltitudeMeters>{altitude}</AltitudeMeters>"
    return (
        f"<Trackpoint>{f'<Time>{told}</Time>' if told else ''}{height}"
        f"<DistanceMeters>{second * 8}</DistanceMeters>"
        f"<HeartRateBpm><Value>{bpm}</Value></HeartRateBpm>"
        f"<Extensions>{power}</Extensions></Trackpoint>"
    )


def gpx_of(*trackpoints: str, kind: str = "cycling", tracks: str = "") -> bytes:
    told = f"<type>{kind}</type>" if kind else ""
    tracks = tracks or f"<trk>{told}<trkseg>{''.join(trackpoints)}</trkseg></trk>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="StravaGPX" xmlns="http://www.topografix.com/GPX/1/1"'
        ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">\n'
        f" <metadata><time>{written(START)}</time></metadata>{tracks}</gpx>\n"
    ).encode()


def trkpt(
    second: float,
    *,
    watts: object = 200,
    bpm: object = 140,
    time: str | None = None,
    place: tuple[float, float] | None = None,
    altitude: object = None,
) -> str:
    """Northwards along a meridian at 8 m/s, 0.0000719 degrees of latitude a second."""
    latitude, longitude = place or (45 + second * 8 / 111_194.93, 6.0)
    told = written(START + timedelta(seconds=second)) if time is None else time
    power = "" if watts is None else f"<power>{watts}</power>"
    height = "" if altitude is None else f"<ele>{altitude}</ele>"
    return (
        f'<trkpt lat="{latitude:.9f}" lon="{longitude}">{height}'
        f"{f'<time>{told}</time>' if told else ''}<extensions>{power}"
        f"<gpxtpx:TrackPointExtension><gpxtpx:hr>{bpm}</gpxtpx:hr></gpxtpx:TrackPointExtension>"
        "</extensions></trkpt>"
    )


def written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
