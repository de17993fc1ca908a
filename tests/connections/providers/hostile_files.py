"""Files made to hurt their reader, and what its reader says of each."""

import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from tests.connections.providers.health_xml import export_xml, record, workout

MB = 1024 * 1024
WEIGHT = record("BodyMass", "2024-01-10 12:00:00", "70", "kg")
EXPORT = export_xml(WEIGHT)
CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"
# Places in an entry of the table of contents.
FLAGS, CRC, UNPACKED = (8, "<H"), (16, "<L"), (24, "<L")

READ = "read: 1 day"
ENTITIES = "defines XML entities"
UNLIKE_APPLE = "built in a way that no Apple Health export is"
DAMAGED_ZIP = "The zip is damaged"
RATIO = "more than 200 times its size"
NO_EXPORT = "There is no Apple Health export in this zip"
SEVERAL = "more than one Apple Health export"
TOO_MANY_FILES = "lists more than 20,000 files"


@dataclass(frozen=True)
class Hostile:
    says: str
    make: Callable[[], bytes]


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # a name that comes twice
        for name, content in members:
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def named(name: str) -> bytes:
    return zipped((name, EXPORT))


def lying(field: tuple[int, str], value: int, content: bytes = EXPORT) -> bytes:
    archive = bytearray(zipped(("export.xml", content)))
    offset, layout = field
    struct.pack_into(layout, archive, archive.rindex(CENTRAL) + offset, value)
    return bytes(archive)


def overlapped() -> bytes:
    """Fifty entries of the table of contents point to the same bytes."""
    archive = named("export.xml")
    start, end = archive.index(CENTRAL), archive.index(END)
    directory = archive[start:end] * 50
    closing = struct.pack("<4s4H2LH", END, 0, 0, 50, 50, len(directory), start, 0)
    return archive[:start] + directory + closing


def of_many_files() -> bytes:
    return zipped(*[(f"{number}.gpx", b"") for number in range(65_536)])


def lying_in_zip64() -> bytes:
    archive = named("export.xml")
    end = archive.index(END)
    longer = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return archive[:end] + longer + locator + archive[end:]


def link() -> bytes:
    entry = zipfile.ZipInfo("export.xml")
    entry.external_attr = 0o120777 << 16
    return zipped((entry, b"/etc/passwd"))


def with_prolog(prolog: str, value: str = "70") -> bytes:
    return export_xml(WEIGHT.replace('"70"', f'"{value}"'), prolog=prolog)


def laughing(levels: int, times: int) -> bytes:
    entities = "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * times}">' for level in range(1, levels)
    )
    prolog = f'<!DOCTYPE HealthData [<!ENTITY a0 "ha">{entities}]>'
    return with_prolog(prolog, f"&a{levels - 1};")


def quadratic() -> bytes:
    long = "a" * 100_000
    return with_prolog(f'<!DOCTYPE HealthData [<!ENTITY a "{long}">]>', "&a;" * 100_000)


def attribute_of(size: int) -> bytes:
    return export_xml(f'<Record type="{"a" * size}"/>', WEIGHT)


def attributes(count: int) -> bytes:
    given = " ".join(f'a{number}="1"' for number in range(count))
    return export_xml(f"<Record {given}/>", WEIGHT)


def nested(depth: int) -> bytes:
    return export_xml("<a>" * depth + "</a>" * depth, WEIGHT)


def of_dates_and_values() -> bytes:
    """Each is left out and counted; the one good record stays."""
    odd = [
        record("BodyMass", when, value, "kg")
        for when, value in [
            ("1970-01-01 00:00:00", "70"),
            ("2099-12-31 00:00:00", "70"),
            ("0000-00-00 00:00:00", "70"),
            ("2024-01-11 12:00:00", "NaN"),
            ("2024-01-11 12:00:00", "inf"),
            ("2024-01-11 12:00:00", "1e308"),
            ("2024-01-11 12:00:00", "-70"),
            ("2024-01-11 12:00:00", ""),
        ]
    ]
    return export_xml(*odd, workout("1970-01-01 00:00:00", "2099-01-01 00:00:00"), WEIGHT)


HOSTILE = {
    # --- Zips ---
    "bomb of 1,000 to one": Hostile(RATIO, lambda: zipped(("e.xml", EXPORT + b" " * 20 * MB))),
    "bomb beside the export": Hostile(
        READ, lambda: zipped(("a.csv", b"0" * 50 * MB), ("e.xml", EXPORT))
    ),
    "bomb that hides its size": Hostile(
        DAMAGED_ZIP, lambda: lying(UNPACKED, 600_000, EXPORT[:-20] + b" " * 20 * MB)
    ),
    "claims 4 GB": Hostile(RATIO, lambda: lying(UNPACKED, 0xFFFFFFF0)),
    "claims less than it holds": Hostile(DAMAGED_ZIP, lambda: lying(UNPACKED, len(EXPORT) - 9)),
    "claims 2^40 bytes of directory in zip64": Hostile(TOO_MANY_FILES, lying_in_zip64),
    "65,536 entries": Hostile(TOO_MANY_FILES, of_many_files),
    "overlapped entries": Hostile(SEVERAL, overlapped),
    "wrong checksum": Hostile(DAMAGED_ZIP, lambda: lying(CRC, 0x12345678)),
    "zip cut at 99 %": Hostile(
        "The zip stops before its end", lambda: named("export.xml")[: -len(EXPORT) // 50 - 22]
    ),
    "encrypted": Hostile("protected with a password", lambda: lying(FLAGS, 1)),
    "symbolic link": Hostile(NO_EXPORT, link),
    "name that climbs out": Hostile(READ, lambda: named("../../../../tmp/outside.xml")),
    "absolute name": Hostile(READ, lambda: named("/tmp/absolute.xml")),
    "name with a NUL": Hostile(READ, lambda: named("export.xml?jpg").replace(b"?jpg", b"\0jpg")),
    "name from right to left": Hostile(READ, lambda: named("gpj.\u202elmx.exe")),
    "same name twice": Hostile(SEVERAL, lambda: zipped(("e.xml", EXPORT), ("e.xml", EXPORT))),
    "two exports": Hostile(SEVERAL, lambda: zipped(("a.xml", EXPORT), ("b.xml", EXPORT))),
    "no export": Hostile(NO_EXPORT, lambda: zipped(("a.txt", b"nothing"))),
    "zip in a zip": Hostile(
        "another zip instead", lambda: zipped(("export.zip", named("export.xml")))
    ),
    "wrong magic": Hostile("not an Apple Health export", lambda: b"XX" + named("export.xml")[2:]),
    "bytes after its end": Hostile(READ, lambda: named("export.xml") + b"\0" * 1000),
    "picture": Hostile("not an Apple Health export", lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000)),
    "nothing": Hostile("The file is empty", lambda: b""),
    # --- XML ---
    "billion laughs": Hostile(ENTITIES, lambda: laughing(10, 10)),
    "quadratic entities": Hostile(ENTITIES, quadratic),
    "external entity": Hostile(
        ENTITIES,
        lambda: with_prolog(
            '<!DOCTYPE HealthData [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"
        ),
    ),
    "parameter entity": Hostile(
        ENTITIES,
        lambda: with_prolog(
            '<!DOCTYPE HealthData [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>'
        ),
    ),
    "external document type": Hostile(
        READ, lambda: with_prolog('<!DOCTYPE HealthData SYSTEM "http://127.0.0.1:9/x.dtd">')
    ),
    "entity nobody defined": Hostile("damaged near line 2", lambda: with_prolog("", "&lol;")),
    "attribute of 50 MB": Hostile(UNLIKE_APPLE, lambda: attribute_of(50 * MB)),
    "attribute of 50 MB, zipped": Hostile(RATIO, lambda: zipped(("e.xml", attribute_of(50 * MB)))),
    "text of 50 MB": Hostile(UNLIKE_APPLE, lambda: export_xml("a" * 50 * MB, WEIGHT)),
    "comment of 50 MB": Hostile(UNLIKE_APPLE, lambda: export_xml("<!--", "a <" * 16 * MB, "-->")),
    "a million attributes": Hostile(UNLIKE_APPLE, lambda: attributes(1_000_000)),
    "65 attributes": Hostile(UNLIKE_APPLE, lambda: attributes(65)),
    "200,000 levels deep": Hostile(UNLIKE_APPLE, lambda: nested(200_000)),
    "a million elements of nothing": Hostile(
        UNLIKE_APPLE, lambda: export_xml("<a/>" * 1_000_000, WEIGHT)
    ),
    "a hundred thousand names": Hostile(
        UNLIKE_APPLE, lambda: export_xml(*(f"<a{n}/>" for n in range(100_000)), WEIGHT)
    ),
    "heading of 50 MB": Hostile(
        UNLIKE_APPLE,
        lambda: b"<!DOCTYPE HealthData [" + b"<!-- a -->" * 5 * MB + b"]><HealthData/>",
    ),
    "UTF-16": Hostile("UTF-16", lambda: EXPORT.decode().encode("utf-16")),
    "byte order mark": Hostile(READ, lambda: b"\xef\xbb\xbf" + EXPORT),
    "another encoding": Hostile(
        "written in ISO-8859-1", lambda: EXPORT.replace(b"UTF-8", b"ISO-8859-1", 1)
    ),
    "bytes that are no UTF-8": Hostile(
        "damaged near line", lambda: EXPORT.replace(b'"70"', b'"\xff\xfe"')
    ),
    "control characters": Hostile(READ, lambda: EXPORT.replace(b'"70"', b'"7\x0b0\x01"')),
    "XML cut at 99 %": Hostile(
        "The export stops before its end",
        lambda: export_xml(*[WEIGHT] * 500)[: int(len(export_xml(*[WEIGHT] * 500)) * 0.99)],
    ),
    "second root": Hostile("damaged near line", lambda: EXPORT + EXPORT),
    "impossible dates and values": Hostile(READ, of_dates_and_values),
    "50,001 workouts": Hostile(
        UNLIKE_APPLE,
        lambda: export_xml(*[workout("2024-01-10 12:00:00", "2024-01-10 13:00:00")] * 50_001),
    ),
    "three samples a second": Hostile(
        UNLIKE_APPLE,
        lambda: export_xml(*[record("StepCount", "2024-01-10 12:00:00", "1", "count")] * 200_001),
    ),
}
