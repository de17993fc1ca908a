"""From an uploaded file to its rides: unpacked in bounded memory, recognised by its content."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from connections.providers.ride_files.errors import (
    CUT_OFF,
    DAMAGED,
    KINDS,
    NO_TIME,
    NotARideFile,
    TooLarge,
)
from connections.providers.ride_files.fit import is_fit, recordings_in_fit
from connections.providers.ride_files.recording import Point, RecordedRide, Told, ride_of
from connections.providers.ride_files.xml_files import recordings_in_xml

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"
HEAD_BYTES = 4096

IS_ZIP = (
    "It is a zip, and may hold many things. Unpack it and send the .fit, .tcx or .gpx files in it; "
    "each can be packed with gzip."
)
PACKED_TWICE = "It is packed twice. Unpack it once, or wholly, and send that."
IS_PAGE = (
    "It is a web page; most likely the download asked to sign in first. Download the ride again "
    f"and look at it before you send it. {KINDS}"
)
IS_HEALTH = "It is Apple Health's export, which has its own form on the Connections page."
UNKNOWN = f"It is no FIT, TCX or GPX file. {KINDS}"


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """The rides of one file, in its order; the digest is that of its unpacked content."""

    digest: str
    rides: tuple[RecordedRide, ...]


def read_ride_file(path: Path, *, most_bytes: int, now: datetime) -> RecordedFile:
    """Raises NotARideFile, and FileNotFoundError."""
    with path.open("rb") as file:
        return read_rides(file, most_bytes=most_bytes, now=now)


def read_rides(
    file: IO[bytes], *, most_bytes: int, now: datetime, most_fields: int | None = None
) -> RecordedFile:
    """The rides of an open file, read from its beginning; raises NotARideFile, TooLarge among them.

    No more than `most_bytes` is unpacked. `most_fields` bounds how long a FIT file is read, which
    is the slowest; None is what any worker may read.
    """
    content = _unpacked(file, most_bytes)
    rides = tuple(ride_of(told, points, now) for told, points in _recordings(content, most_fields))
    if not rides:
        raise NotARideFile(NO_TIME)
    return RecordedFile(hashlib.sha256(content).hexdigest(), rides)


def _unpacked(file: IO[bytes], most_bytes: int) -> bytes:
    """The content, of which no more is ever unpacked than may be read."""
    file.seek(0)
    is_packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    content = _inflated(file, most_bytes) if is_packed else file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooLarge(too_large(most_bytes))
    if is_packed and content.startswith(GZIP_MAGIC):
        raise NotARideFile(PACKED_TWICE)
    return content


def too_large(most_bytes: int) -> str:
    return (
        f"It holds more than {most_bytes / 1_000_000:.0f} MB, which no ride does. Send each ride "
        "as a file of its own, as the device recorded it."
    )


def _inflated(file: IO[bytes], most_bytes: int) -> bytes:
    try:
        with gzip.open(file, "rb") as packed:
            return packed.read(most_bytes + 1)
    except EOFError as error:
        raise NotARideFile(CUT_OFF) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise NotARideFile(DAMAGED) from error


def _recordings(content: bytes, most_fields: int | None) -> Iterator[tuple[Told, list[Point]]]:
    if is_fit(content):
        return recordings_in_fit(content, most_fields)
    # Some apps write blanks in front of the XML, which no parser takes.
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        raise NotARideFile(_refusal(content))
    head = text[:HEAD_BYTES].lower()
    if b"<html" in head or b"<!doctype html" in head:
        raise NotARideFile(IS_PAGE)
    if b"<healthdata" in head or b"<!doctype healthdata" in head:
        raise NotARideFile(IS_HEALTH)
    return recordings_in_xml(text)


def _refusal(content: bytes) -> str:
    if not content:
        return f"It is empty. {KINDS}"
    return IS_ZIP if content.startswith(ZIP_MAGIC) else UNKNOWN
