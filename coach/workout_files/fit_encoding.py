"""FIT as bytes: a header, the definition of each kind of message before its rows, a checksum.

After the FIT protocol at developer.garmin.com/fit/protocol. It knows nothing of workouts. Of the
libraries that write FIT none is both openly licensed and well kept; see docs/dependencies.md.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

PROTOCOL = 0x10
PROFILE = 21_218
HEADER_BYTES = 14
DEFINITION = 0x40
LITTLE_ENDIAN = 0
# A field's length is told in one byte, and a text ends with a zero byte.
MOST_TEXT_BYTES = 254
Value = int | str


@dataclass(frozen=True, slots=True)
class Base:
    """A base type: its code, how `struct` packs it, and the value that says "not known"."""

    code: int
    layout: str
    missing: int = 0


ENUM = Base(0x00, "B", 0xFF)
UINT16 = Base(0x84, "H", 0xFFFF)
UINT32 = Base(0x86, "I", 0xFFFFFFFF)
UINT32Z = Base(0x8C, "I", 0)
STRING = Base(0x07, "s")


@dataclass(frozen=True, slots=True)
class Field:
    number: int
    base: Base


@dataclass(frozen=True, slots=True)
class Messages:
    """Rows of one kind of message; what a row leaves out is "not known" in it."""

    number: int
    rows: Sequence[Mapping[Field, Value]]


def fit_file(*kinds: Messages) -> bytes:
    body = b"".join(part for local, kind in enumerate(kinds) for part in _records(local, kind))
    header = struct.pack("<BBHI4s", HEADER_BYTES, PROTOCOL, PROFILE, len(body), b".FIT")
    whole = header + _checksum(header) + body
    return whole + _checksum(whole)


def _records(local: int, kind: Messages) -> Iterator[bytes]:
    sizes = _sizes(kind)
    yield struct.pack(
        "<BBBHB", DEFINITION | local, 0, LITTLE_ENDIAN, kind.number, len(sizes)
    ) + b"".join(bytes((field.number, size, field.base.code)) for field, size in sizes.items())
    for row in kind.rows:
        yield bytes([local]) + b"".join(
            _packed(field, size, row.get(field)) for field, size in sizes.items()
        )


def _sizes(kind: Messages) -> dict[Field, int]:
    """The fields that any row has, each with its bytes: as many as its longest text needs."""
    sizes: dict[Field, int] = {}
    for row in kind.rows:
        for field, value in row.items():
            sizes[field] = max(sizes.get(field, 0), _size(field, value))
    return sizes


def _size(field: Field, value: Value) -> int:
    if isinstance(value, str):
        return len(_text(value)) + 1
    return struct.calcsize(f"<{field.base.layout}")


def _packed(field: Field, size: int, value: Value | None) -> bytes:
    if field.base is STRING:
        return struct.pack(f"{size}s", _text(str(value or "")))
    return struct.pack(f"<{field.base.layout}", field.base.missing if value is None else value)


def _text(text: str) -> bytes:
    """As much as there is room for, up to the last whole character."""
    return text.encode()[:MOST_TEXT_BYTES].decode(errors="ignore").encode()


def _checksum(content: bytes) -> bytes:
    crc = 0
    for byte in content:
        crc = (crc >> 8) ^ CRC_OF[(crc ^ byte) & 0xFF]
    return struct.pack("<H", crc)


def _crc_of(byte: int) -> int:
    """CRC-16 with the polynomial 0x8005, its bits reversed."""
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


CRC_OF = tuple(_crc_of(byte) for byte in range(256))
