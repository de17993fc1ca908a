"""Zips that are damaged, hostile or simply something else."""

import io
import random
import struct
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from connections.providers.apple_health import NotAnExport, read_export
from connections.providers.apple_health.archive import MAX_ENTRIES, open_export
from tests.connections.providers.health_xml import (
    LOS_ANGELES,
    export_xml,
    read_bytes,
    record,
    zipped,
)

EXPORT = export_xml(record("BodyMass", "2024-01-10 12:00:00", "70", "kg"))
LONG_EXPORT = export_xml(*[record("BodyMass", "2024-01-10 12:00:00", "70", "kg")] * 2000)
CLINICAL = b'<?xml version="1.0"?>\n<ClinicalDocument><!-- <HealthData --></ClinicalDocument>'
FOLDER = "apple_health_export/"

DAMAGED = "The zip is damaged"
CUT_OFF = "The zip stops before its end"
NO_EXPORT = "There is no Apple Health export in this zip"
SEVERAL = "more than one Apple Health export"

# Offsets in an entry of the table of contents: flags, method, CRC, packed and unpacked size.
FLAGS, METHOD, CRC, PACKED, UNPACKED = (8, "<H"), (10, "<H"), (16, "<L"), (20, "<L"), (24, "<L")
# In the record at the end: number of entries, and bytes of the table of contents.
ENTRIES, DIRECTORY = (10, "<H"), (12, "<L")


def weight_kg(path: Path) -> float | None:
    (day,) = read_export(path, LOS_ANGELES).days.values()
    return day.weight_kg


def altered(path: Path, signature: bytes, field: tuple[int, str], value: int) -> Path:
    content = bytearray(path.read_bytes())
    offset, layout = field
    struct.pack_into(layout, content, content.rindex(signature) + offset, value)
    path.write_bytes(content)
    return path


def lying(tmp_path: Path, field: tuple[int, str], value: int) -> Path:
    path = zipped(tmp_path / "lying.zip", [("export.xml", EXPORT)])
    return altered(path, b"PK\x01\x02", field, value)


def refusal(path: Path) -> str:
    with pytest.raises(NotAnExport) as refused:
        read_export(path, LOS_ANGELES)
    return str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "apple_health_export/export.xml",
        "apple_health_export/导出.xml",
        "eksport.xml",
        "../../outside.xml",
        "/absolute.xml",
        "C:\\windows.xml",
        "right-to-left\u202elmx.exe",
        "no suffix",
    ],
)
def test_export_is_found_whatever_its_name(name: str, tmp_path: Path) -> None:
    members = [("export_cda.xml", CLINICAL), (name, EXPORT), ("electrocardiograms/a.csv", b"a,b")]
    path = zipped(tmp_path / "named.zip", members)

    assert weight_kg(path) == 70
    assert [file.name for file in tmp_path.rglob("*")] == ["named.zip"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_exports_are_read(method: int, tmp_path: Path) -> None:
    assert weight_kg(zipped(tmp_path / "e.zip", [("export.xml", EXPORT)], method)) == 70


def test_bytes_after_the_zip_do_no_harm(tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])
    path.write_bytes(path.read_bytes() + b"\0" * 1000)

    assert weight_kg(path) == 70


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method: int, tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)], method)

    assert "packed in a way that cannot be read" in refusal(path)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([], NO_EXPORT),
        ([("export_cda.xml", CLINICAL), ("notes.txt", b"a <HealthData> of text")], NO_EXPORT),
        ([("export.xml", b"")], NO_EXPORT),
        ([("folder/", b""), ("a.gpx", b"<gpx/>")], NO_EXPORT),
        ([("export.xml", EXPORT), ("export 2.xml", EXPORT)], SEVERAL),
    ],
    ids=["empty", "other_xml", "empty_member", "no_xml", "two_exports"],
)
def test_zip_without_one_export_is_refused(
    members: Sequence[tuple[str, bytes]], reason: str, tmp_path: Path
) -> None:
    assert reason in refusal(zipped(tmp_path / "e.zip", members))


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT), ("export.xml", EXPORT)])

    assert SEVERAL in refusal(path)


def test_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "secret.xml"
    target.write_bytes(EXPORT)
    link = zipfile.ZipInfo("export.xml")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr(link, str(target))

    assert NO_EXPORT in refusal(tmp_path / "e.zip")


def test_nested_zip_is_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", [("export.xml", EXPORT)]).read_bytes()

    assert "another zip instead" in refusal(zipped(tmp_path / "e.zip", [("export.zip", inner)]))


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    assert "protected with a password" in refusal(lying(tmp_path, FLAGS, 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (CRC, 0x12345678),
        (UNPACKED, len(EXPORT) - 40),
        (UNPACKED, len(EXPORT) + 40),
        (PACKED, 20),
        (METHOD, 0),
    ],
    ids=["crc", "longer_than_told", "shorter_than_told", "packed_size", "method"],
)
def test_zip_that_lies_about_its_member_is_refused(
    field: tuple[int, str], value: int, tmp_path: Path
) -> None:
    assert DAMAGED in refusal(lying(tmp_path, field, value))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (CRC, 0x12345678),
        (UNPACKED, len(LONG_EXPORT) - 40),
        (UNPACKED, len(LONG_EXPORT) + 40),
        (PACKED, 500),
    ],
    ids=["crc", "longer_than_told", "shorter_than_told", "packed_size"],
)
def test_lie_is_noticed_behind_the_head_too(
    field: tuple[int, str], value: int, tmp_path: Path
) -> None:
    path = zipped(tmp_path / "lying.zip", [("export.xml", LONG_EXPORT)])

    assert weight_kg(path) == 70
    assert DAMAGED in refusal(altered(path, b"PK\x01\x02", field, value))


def test_unpacking_stops_at_what_was_told(tmp_path: Path) -> None:
    bomb = EXPORT.replace(b"</HealthData>", b" " * 5_000_000 + b"</HealthData>")
    path = zipped(tmp_path / "lying.zip", [("export.xml", bomb)])
    altered(path, b"PK\x01\x02", UNPACKED, 600_000)
    chunks: list[bytes] = []

    with pytest.raises(NotAnExport, match=DAMAGED), open_export(path) as export:
        chunks.extend(export.chunks)

    assert 0 < sum(map(len, chunks)) <= 600_000


def test_small_member_that_claims_eight_gigabytes_is_refused(tmp_path: Path) -> None:
    assert "times its size" in refusal(lying(tmp_path, UNPACKED, 0xFFFFFFF0))


def test_member_over_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connections.providers.apple_health.archive.MAX_XML_BYTES", 200)

    assert "at most" in refusal(zipped(tmp_path / "e.zip", [("export.xml", EXPORT)]))


def test_bare_xml_over_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connections.providers.apple_health.archive.MAX_XML_BYTES", 200)
    (tmp_path / "e.xml").write_bytes(EXPORT)

    assert "at most" in refusal(tmp_path / "e.xml")


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = EXPORT.replace(b"</HealthData>", b" " * 20_000_000 + b"</HealthData>")

    assert "more than 200 times" in refusal(zipped(tmp_path / "e.zip", [("export.xml", bomb)]))


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    """Many entries of the table of contents point to the same bytes."""
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    directory = content[start:end] * 50
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 50, 50, len(directory), start, 0)
    path.write_bytes(content[:start] + directory + closing)

    # Newer versions of zipfile see it first, and call it damage.
    assert any(words in refusal(path) for words in (SEVERAL, DAMAGED))


def test_zip_of_too_many_files_is_refused(tmp_path: Path) -> None:
    members = [(f"{number}.gpx", b"") for number in range(MAX_ENTRIES)]
    path = zipped(tmp_path / "e.zip", [*members, ("export.xml", EXPORT)], zipfile.ZIP_STORED)

    assert "more than 20,000 files" in refusal(path)


def test_zip_that_hides_how_many_files_it_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connections.providers.apple_health.archive.MAX_ENTRIES", 3)
    members = [(f"{number}.gpx", b"<gpx/>") for number in range(3)]
    path = zipped(tmp_path / "e.zip", [*members, ("export.xml", EXPORT)])

    assert "more than 3 files" in refusal(altered(path, b"PK\x05\x06", ENTRIES, 1))


@pytest.mark.parametrize(("field", "value"), [(ENTRIES, 65_535), (DIRECTORY, 0x7FFFFFFF)])
def test_zip_that_claims_a_long_directory_is_refused(
    field: tuple[int, str], value: int, tmp_path: Path
) -> None:
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])

    assert "more than 20,000 files" in refusal(altered(path, b"PK\x05\x06", field, value))


def test_zip64_that_claims_a_long_directory_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])
    content = path.read_bytes()
    end = content.index(b"PK\x05\x06")
    record64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    path.write_bytes(content[:end] + record64 + locator + content[end:])

    assert "more than 20,000 files" in refusal(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_zip_is_refused(share: float, tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    assert CUT_OFF in refusal(path)


def test_zip_with_a_broken_table_of_contents_is_refused(tmp_path: Path) -> None:
    """The one that makes zipfile seek in front of the file."""
    path = zipped(tmp_path / "e.zip", [("export.xml", EXPORT)])

    assert DAMAGED in refusal(altered(path, b"PK\x05\x06", (16, "<L"), 0xFFFFFFF0))


def test_any_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    members = [("export_cda.xml", CLINICAL), ("export.xml", EXPORT), ("route.gpx", b"<gpx/>")]
    content = zipped(tmp_path / "e.zip", members).read_bytes()
    chance = random.Random(1)
    outcomes: Counter[str] = Counter()
    for _ in range(600):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 4))):
            damaged[chance.randrange(len(content))] = chance.choice((0, 255, 80))
        try:
            read_bytes(tmp_path, bytes(damaged))
            outcomes["read"] += 1
        except NotAnExport:
            outcomes["refused"] += 1

    assert outcomes["read"] > 0
    assert outcomes["refused"] > 300


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty"),
        (b"hello", "This file is not an Apple Health export"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "This file is not an Apple Health export"),
        (b"\x1f\x8b\x08" + bytes(100), "This file is not an Apple Health export"),
        (b'<?xml version="1.0"?><gpx/>', "This file is not an Apple Health export"),
        (b"<HealthDataset/>", "This file is not an Apple Health export"),
        (b"<!-- <HealthData> --><x/>", "This file is not an Apple Health export"),
        (CLINICAL, "the clinical copy"),
        (EXPORT.decode().encode("utf-16"), "UTF-16"),
        (EXPORT.decode().encode("utf-16-le"), "UTF-16"),
        (EXPORT.decode().encode("utf-16-be"), "UTF-16"),
        (b"PK\x05\x06" + bytes(18), NO_EXPORT),
        (b"PK\x03\x04" + bytes(100), CUT_OFF),
    ],
)
def test_other_files_are_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match=reason):
        read_bytes(tmp_path, content)


def test_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "e.xml").write_bytes(EXPORT.decode().encode("utf-8-sig"))

    assert weight_kg(tmp_path / "e.xml") == 70


def test_missing_file_is_not_blamed_on_the_tester(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_export(tmp_path / "gone.zip", LOS_ANGELES)


def test_head_full_of_comments_is_refused(tmp_path: Path) -> None:
    """Five hundred ways to split it, none of which may be tried twice."""
    with pytest.raises(NotAnExport, match="not an Apple Health export"):
        read_bytes(tmp_path, b"<!---->" * 500 + b"<x/>")


def test_long_zip_comment_does_no_harm(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("export.xml", EXPORT)
        archive.comment = b"x" * 65_535
    (tmp_path / "e.zip").write_bytes(buffer.getvalue())

    assert weight_kg(tmp_path / "e.zip") == 70
