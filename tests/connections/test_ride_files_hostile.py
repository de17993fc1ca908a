"""Files made to exhaust a reader, or broken as they really break: each refused with what to do."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from datetime import timedelta

import pytest

from connections.providers.ride_files import (
    NotARideFile,
    RecordedRide,
    TooLarge,
    errors,
    fit,
    read_rides,
    reader,
    recording,
    xml_files,
)
from tests.connections import recorded
from tests.connections.recorded import (
    RECORD,
    START,
    file_id,
    fit_of,
    fit_ride,
    fit_time,
    framed,
    gpx_of,
    packed,
    records,
    session,
    tcx_of,
    trackpoint,
    trkpt,
)

NOW = START + timedelta(days=3)
MOST = 25_000_000
MINUTE = range(60)


def ride_of(content: bytes) -> RecordedRide:
    (ride,) = read_rides(io.BytesIO(content), most_bytes=MOST, now=NOW).rides
    return ride


def refusal(content: bytes, kind: type[NotARideFile] = NotARideFile) -> str:
    with pytest.raises(kind) as refused:
        read_rides(io.BytesIO(content), most_bytes=MOST, now=NOW)
    return str(refused.value)


# --- Ten million points ---


def test_ten_million_points_of_a_gpx_are_unpacked_no_further_than_may_be_read() -> None:
    hundred_thousand = gzip.compress(trkpt(0).encode() * 100_000)
    bomb = gzip.compress(b"<gpx><trk><trkseg>") + hundred_thousand * 100
    tracemalloc.start()

    words = refusal(bomb, TooLarge)

    _, most_held = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words == reader.too_large(MOST)
    assert most_held < 4 * MOST


def test_ten_million_points_of_a_fit_are_read_no_further_than_a_week(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two bytes each, with a time that counts on: the densest there is, in less than 25 MB."""
    names = struct.pack("<BBBHB", 0x40, 0, 0, RECORD, 1) + bytes([3, 1, 2])
    start = struct.pack("<BBBHB", 0x41, 0, 0, RECORD, 1) + bytes([253, 4, 0x86])
    begun = struct.pack("<BI", 1, fit_time(START))
    points = bytes([0x80 | 1, 140, 0x80 | 2, 140]) * 5_000_000
    monkeypatch.setattr(recorded, "crc_of", lambda _: 0)  # of 20 MB, in Python
    monkeypatch.setattr(fit, "MOST_FIELDS", 100_000)
    content = framed(names + start + begun + points)

    assert len(content) < MOST
    assert refusal(content, TooLarge) == errors.TOO_MUCH


@pytest.mark.parametrize("most_fields", [1_000, 100_000])
def test_reader_in_a_hurry_is_told_how_much_it_may_read(most_fields: int) -> None:
    content = io.BytesIO(fit_ride((200,) * 600))

    if most_fields == 1_000:
        with pytest.raises(TooLarge):
            read_rides(content, most_bytes=MOST, now=NOW, most_fields=most_fields)
    else:
        assert read_rides(content, most_bytes=MOST, now=NOW, most_fields=most_fields).rides


# --- Times that run backwards ---


@pytest.mark.parametrize("kind", ["fit", "tcx", "gpx"])
def test_times_that_run_backwards_are_put_in_order(kind: str) -> None:
    backwards = list(reversed(range(600)))
    content = {
        "fit": fit_of([file_id(), *reversed(records((200,) * 600)), session(599)]),
        "tcx": tcx_of(*(trackpoint(second) for second in backwards)),
        "gpx": gpx_of(*(trkpt(second) for second in backwards)),
    }[kind]

    ride = ride_of(content)

    assert (ride.started_at, ride.elapsed_s, ride.moving_s) == (START, 599, 599)
    assert (ride.np_w, ride.energy_kj) == (200, 120)
    assert ride.distance_m == pytest.approx(4792, abs=0.2)


def test_clock_that_is_set_back_in_the_middle_makes_no_second_of_two() -> None:
    """At 5 minutes the clock goes back 2: those seconds are there twice, and count once."""
    points = [*(trkpt(s) for s in range(300)), *(trkpt(s) for s in range(180, 480))]

    ride = ride_of(gpx_of(*points))

    assert (ride.elapsed_s, ride.energy_kj) == (479, 96)


def test_clock_that_is_set_back_by_years_is_told() -> None:
    points = [trkpt(0, time="2019-01-01T00:00:00Z"), *(trkpt(s) for s in MINUTE)]

    assert refusal(gpx_of(*points)) == recording.TOO_LONG


# --- Broken files ---


@pytest.mark.parametrize("byte", [20, 100, 700])
def test_any_byte_of_a_fit_that_changed_on_its_way_is_found(byte: int) -> None:
    broken = bytearray(fit_ride((200,) * 60))
    broken[byte] ^= 0x10

    assert refusal(bytes(broken)) in {fit.NOT_FINISHED, errors.DAMAGED, errors.CUT_OFF}


def test_checksum_that_is_wrong_is_told() -> None:
    content = fit_ride((200,) * 60)

    assert refusal(content[:-2] + b"\0\1") == fit.NOT_FINISHED


@pytest.mark.parametrize(
    "content",
    [
        fit_ride((200,) * 60),
        tcx_of(*(trackpoint(second) for second in MINUTE)),
        gpx_of(*(trkpt(second) for second in MINUTE)),
        packed(gpx_of(*(trkpt(second) for second in MINUTE))),
    ],
    ids=["fit", "tcx", "gpx", "gzip"],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_file_that_was_cut_off_is_told(content: bytes, share: float) -> None:
    assert refusal(content[: int(len(content) * share)]) == errors.CUT_OFF


def test_zip_is_told_apart_even_with_a_ride_in_it() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        inside.writestr("ride.fit", fit_ride((200,) * 60))

    assert refusal(archive.getvalue()) == reader.IS_ZIP


# --- Bombs ---


@pytest.mark.parametrize(
    "doctype",
    [
        # A billion laughs, ...
        "".join(
            f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "ha">'
            for n in range(10)
        ),
        # ... the same with parameters, and one long word many times.
        '<!ENTITY % a "ha"><!ENTITY % b "%a;%a;">%b;',
        f'<!ENTITY a "{"ha" * 50_000}">',
    ],
    ids=["laughs", "parameters", "blow-up"],
)
@pytest.mark.parametrize("root", ["gpx", "TrainingCenterDatabase"])
def test_entities_are_refused_before_there_are_any(root: str, doctype: str) -> None:
    use = "&a9;" if "a9" in doctype else "&a;"
    content = f'<?xml version="1.0"?><!DOCTYPE {root} [{doctype}]><{root}>{use}</{root}>'

    assert refusal(content.encode()) == xml_files.DEFINES
    assert refusal(packed(content.encode())) == xml_files.DEFINES


@pytest.mark.parametrize("size", [MOST + 1, 1_000_000_000])
def test_gzip_bomb_holds_no_more_memory_than_a_ride_may(size: int) -> None:
    bomb = gzip.compress(bytes(10_000_000)) * (size // 10_000_000 + 1)
    tracemalloc.start()

    words = refusal(bomb, TooLarge)

    _, most_held = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words == reader.too_large(MOST)
    assert most_held < 4 * MOST


# --- Fields of developers ---

DEVELOPER, DESCRIPTION = 207, 206


def described(kind: int, size: int, name: bytes) -> bytes:
    """What an app says of a field of its own, number 0 of its index 0, and of itself."""
    about = struct.pack("<BBBHB", 0x44, 0, 0, DEVELOPER, 1) + bytes([3, 1, 2]) + bytes([4, 0])
    names = bytes([0, 1, 2, 1, 1, 2, 2, 1, 2, 3, len(name), 7])
    field = struct.pack("<BBBHB", 0x45, 0, 0, DESCRIPTION, 4) + names
    field += bytes([5, 0, 0, kind]) + name
    record = struct.pack("<BBBHB", 0x60 | 6, 0, 0, RECORD, 2)
    record += bytes([253, 4, 0x86, 7, 2, 0x84, 1, 0, size, 0])
    return about + field + record


def points_with(value: bytes) -> bytes:
    return b"".join(
        struct.pack("<BIH", 6, fit_time(START) + second, 200) + value for second in MINUTE
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (0x84, b"\x10\x00"),
        (0x07, b"\xff\xfe\x00\x80"),  # a text that is none
        (0x07, b"abcd"),  # without an end
        (0x89, b"\x00\x00\x00\x00\x00\x00\xf8\x7f"),  # not a number
        (0x0D, bytes(255)),
    ],
    ids=["whole", "bad text", "endless text", "nan", "large"],
)
@pytest.mark.parametrize("name", [b"power\0", b"\xff\xff\xff\0", b"timestamp\0"])
def test_garbage_in_a_developers_field_leaves_the_ride_as_it_is(
    kind: int, value: bytes, name: bytes
) -> None:
    """A name of theirs is no name of the profile's, and takes the place of none."""
    content = framed(described(kind, len(value), name) + points_with(value))

    ride = ride_of(content)

    assert (ride.started_at, ride.elapsed_s) == (START, 59)
    assert (ride.average_power_w, ride.np_w) == (200, 200)


@pytest.mark.parametrize(
    "content",
    [
        described(0x86, 3, b"x\0") + points_with(b"\1\2\3"),
        described(0x84, 2, b"x\0") + points_with(b"\1"),
        described(0x84, 0, b"x\0") + points_with(b""),
        described(0x3F, 2, b"x\0") + points_with(b"ab"),
    ],
    ids=["size its kind cannot have", "shorter than it says", "of no size", "of no kind"],
)
def test_developers_field_that_does_not_fit_together_is_told(content: bytes) -> None:
    assert refusal(framed(content)) in {errors.DAMAGED, errors.CUT_OFF}
