"""What is read from FIT, TCX and GPX files, good and bad."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connections.providers.ride_files import (
    NotARideFile,
    RecordedRide,
    errors,
    fit,
    gpx,
    read_ride_file,
    reader,
    recording,
    tcx,
    xml_files,
)
from tests.connections.recorded import (
    ACTIVITY,
    RECORD,
    SESSION,
    START,
    Message,
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
HOUR = range(3600)
DAY = timedelta(days=1)
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "apple-health"

Read = Callable[[bytes], tuple[RecordedRide, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def rides(content: bytes) -> tuple[RecordedRide, ...]:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return read_ride_file(path, most_bytes=MOST, now=NOW).rides

    return rides


@pytest.fixture
def refusal(read: Read) -> Callable[[bytes], str]:
    def words(content: bytes) -> str:
        with pytest.raises(NotARideFile) as refused:
            read(content)
        return str(refused.value)

    return words


Refusal = Callable[[bytes], str]


def tcx_ride() -> bytes:
    return tcx_of(*(trackpoint(second) for second in HOUR))


def gpx_ride() -> bytes:
    return gpx_of(*(trkpt(second) for second in HOUR))


# --- The numbers of a ride ---


@pytest.mark.parametrize(
    ("content", "device"),
    [(fit_ride(), "garmin edge 530"), (tcx_ride(), "Edge 530"), (gpx_ride(), "StravaGPX")],
    ids=["fit", "tcx", "gpx"],
)
@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
def test_ride_of_an_hour_is_the_same_in_every_format(
    read: Read, content: bytes, device: str, pack: Callable[[bytes], bytes]
) -> None:
    (ride,) = read(pack(content))

    assert ride.distance_m == pytest.approx(3599 * 8, abs=0.1)
    assert (ride.sport, ride.started_at, ride.device) == ("Ride", START, device)
    assert (ride.moving_s, ride.elapsed_s) == (3599, 3599)
    assert (ride.average_power_w, ride.max_power_w, ride.has_power_meter) == (200, 200, True)
    assert ride.np_w == pytest.approx(200)
    assert (ride.average_hr_bpm, ride.max_hr_bpm) == (140, 140)


def test_normalized_power_is_that_of_the_power_stream(read: Read) -> None:
    """125 W and 250 W for an hour each: 213.4 W, in the coach's own vectors."""
    (ride,) = read(fit_ride((125,) * 3600 + (250,) * 3600))

    assert ride.np_w == pytest.approx(213.4, abs=0.3)
    assert ride.average_power_w == pytest.approx(187.5)


def test_coasting_is_zero_and_a_dropout_is_nothing(read: Read) -> None:
    (coasted,) = read(fit_ride((200,) * 300 + (0,) * 300))
    (dropped,) = read(fit_ride((200,) * 300 + (None,) * 300))

    assert coasted.average_power_w == 100
    assert dropped.average_power_w == 200
    assert dropped.np_w == pytest.approx(200)


def test_meter_that_told_nothing_but_zero_is_no_meter_and_no_power_is_not_zero(read: Read) -> None:
    (dead,), (none,) = read(fit_ride((0,) * 600)), read(fit_ride((None,) * 600))

    assert (dead.average_power_w, dead.np_w, dead.has_power_meter) == (0, 0, False)
    assert (none.average_power_w, none.np_w, none.has_power_meter) == (None, None, False)


def test_half_a_minute_of_power_is_too_little_for_normalized_power(read: Read) -> None:
    (short,), (enough,) = read(fit_ride((200,) * 29)), read(fit_ride((200,) * 30))

    assert (short.np_w, short.average_power_w) == (None, 200)
    assert enough.np_w == pytest.approx(200)


def test_seconds_a_device_leaves_out_to_save_memory_are_filled(read: Read) -> None:
    """One point in five seconds: without filling, 30 s would be 150 s long."""
    every_second = [400 if second // 60 % 2 else 100 for second in HOUR]
    sparse = gpx_of(*(trkpt(second, watts=every_second[second]) for second in HOUR[::5]))
    (thinned,), (whole,) = read(sparse), read(fit_ride(every_second))

    assert thinned.np_w == pytest.approx(whole.np_w, rel=0.01)
    assert whole.np_w != pytest.approx(whole.average_power_w, rel=0.1)


def test_pause_is_no_moving_time_and_starts_the_power_window_afresh(read: Read) -> None:
    seconds = [*range(600), *range(1800, 2400)]
    (ride,) = read(gpx_of(*(trkpt(second) for second in seconds)))

    assert (ride.elapsed_s, ride.moving_s) == (2399, 599 + 599)
    assert ride.np_w == pytest.approx(200)


def test_standing_still_at_a_light_is_no_moving_time_in_a_gpx(read: Read) -> None:
    halt = [trkpt(600 + second, watts=0, place=(45.0, 6.0)) for second in range(60)]
    before = [trkpt(second - 599, time=_at(second)) for second in range(600)]
    (ride,) = read(gpx_of(*before, *halt))

    assert (ride.elapsed_s, ride.moving_s) == (659, 599)


def _at(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat()


def test_timer_of_the_device_decides_what_was_moving_time(read: Read) -> None:
    (ride,) = read(fit_ride((150,) * 1201, total_timer_time=900))

    assert (ride.elapsed_s, ride.moving_s) == (1200, 900)


@pytest.mark.parametrize("timer_s", [None, 0, 90_000])
def test_timer_that_cannot_be_right_does_not_count(read: Read, timer_s: int | None) -> None:
    (ride,) = read(fit_ride((150,) * 1201, total_timer_time=timer_s))

    assert ride.moving_s == 1200


def test_ride_indoors_has_neither_place_nor_distance(read: Read) -> None:
    indoors = [trkpt(second, place=(45.0, 6.0)) for second in range(600)]
    (by_gpx,) = read(gpx_of(*indoors))
    messages = records((200,) * 600, m_s=0)
    (by_fit,) = read(fit_of([file_id(), *messages, session(599, sub_sport=6)]))

    assert (by_gpx.distance_m, by_gpx.moving_s, by_gpx.np_w) == (None, 599, 200)
    assert (by_fit.distance_m, by_fit.moving_s, by_fit.sport) == (None, 599, "VirtualRide")


def test_what_no_sensor_can_measure_was_not_measured(read: Read) -> None:
    absurd = [
        trkpt(600, watts=-50, bpm=-3),
        trkpt(601, watts=65_000, bpm=255),
        trkpt(602, watts="nan", bpm="inf"),
        trkpt(603, watts="a lot", bpm=""),
        trkpt(604, watts="9" * 400, bpm=0, place=(4500.0, 6.0)),
    ]
    (ride,) = read(gpx_of(*(trkpt(second) for second in range(600)), *absurd))

    assert (ride.average_power_w, ride.max_power_w) == (200, 200)
    assert (ride.average_hr_bpm, ride.max_hr_bpm) == (140, 140)
    assert ride.distance_m == pytest.approx(603 * 8, abs=0.1)


def test_distance_faster_than_any_ride_is_not_known(read: Read) -> None:
    (ride,) = read(fit_of([file_id(), *records((200,) * 600, m_s=500), session(599)]))

    assert ride.distance_m is None


def test_points_out_of_order_or_twice_are_one_ride_in_order(read: Read) -> None:
    points = [trkpt(second) for second in range(600)]
    twice = [*points[300:], *points[:300], *points[:50]]

    (ride,) = read(gpx_of(*twice))

    assert (ride.started_at, ride.elapsed_s, ride.np_w) == (START, 599, 200)


def test_summary_without_points_is_a_ride_without_normalized_power(read: Read) -> None:
    summed = session(3600, avg_power=180, max_power=400, avg_heart_rate=130, total_distance=30_000)

    (ride,) = read(fit_of([file_id(), summed]))

    assert (ride.moving_s, ride.average_power_w, ride.max_power_w) == (3600, 180, 400)
    assert (ride.np_w, ride.average_hr_bpm, ride.distance_m) == (None, 130, 30_000)


def test_laps_without_points_are_summed_up(read: Read) -> None:
    laps = "".join(
        f'<Lap StartTime="2026-07-01T16:{minute}:00Z"><TotalTimeSeconds>600</TotalTimeSeconds>'
        f"<DistanceMeters>4000</DistanceMeters><AverageHeartRateBpm><Value>{bpm}</Value>"
        f"</AverageHeartRateBpm><MaximumHeartRateBpm><Value>{bpm + 9}</Value>"
        "</MaximumHeartRateBpm></Lap>"
        for minute, bpm in (("00", 120), ("10", 140))
    )

    (ride,) = read(tcx_of(laps=laps))

    assert (ride.started_at, ride.moving_s, ride.distance_m) == (START, 1200, 8000)
    assert (ride.average_hr_bpm, ride.max_hr_bpm) == (130, 149)


# --- When ---


@pytest.mark.parametrize(
    ("written", "hours_ahead"),
    [
        ("2026-07-01T16:00:0{}Z", 0),
        ("2026-07-01T16:00:0{}.000Z", 0),
        ("2026-07-01T16:00:0{}.1234567Z", 0),
        ("2026-07-01T18:00:0{}+02:00", 2),
        ("2026-07-01T18:00:0{}+0200", 2),
        ("2026-07-01T10:00:0{}.5-06:00", -6),
        ("2026-07-01T16:00:0{}", 0),
    ],
)
def test_time_is_read_with_the_zone_it_was_written_in(
    read: Read, written: str, hours_ahead: int
) -> None:
    (by_gpx,) = read(gpx_of(*(trkpt(0, time=written.format(s)) for s in range(10))))
    (by_tcx,) = read(tcx_of(*(trackpoint(0, time=written.format(s)) for s in range(10))))

    for ride in (by_gpx, by_tcx):
        assert abs(ride.started_at - START) < timedelta(seconds=1)
        assert ride.started_at.utcoffset() == timedelta(hours=hours_ahead)


def test_local_time_of_a_fit_file_tells_its_zone(read: Read) -> None:
    at = fit_time(START) + 600
    activity: Message = ACTIVITY, {"timestamp": at, "local_timestamp": at + 7200}

    (ride,) = read(fit_of([file_id(), *records((200,) * 600), session(599), activity]))

    assert (ride.started_at, ride.started_at.utcoffset()) == (START, timedelta(hours=2))


@pytest.mark.parametrize("start", [START - 27 * 365 * DAY, NOW + 2 * DAY, NOW + 40_000 * DAY])
def test_clock_that_is_wrong_by_days_or_years_is_told(refusal: Refusal, start: datetime) -> None:
    content = tcx_of(
        *(trackpoint(0, time=(start + timedelta(seconds=s)).isoformat()) for s in range(60)),
        start=start.isoformat(),
    )

    assert refusal(content) == recording.CLOCK


def test_first_points_before_the_clock_was_set_are_left_out(read: Read) -> None:
    unset = [trkpt(0, time=f"1989-12-31T00:00:0{second}Z") for second in range(5)]

    (ride,) = read(gpx_of(*unset, *(trkpt(second) for second in range(600))))

    assert (ride.started_at, ride.elapsed_s) == (START, 599)


def test_clock_that_jumped_makes_no_ride_of_weeks(refusal: Refusal) -> None:
    jumped = [trkpt(0, time="2026-06-01T10:00:00Z"), *(trkpt(second) for second in range(600))]

    assert refusal(gpx_of(*jumped)) == recording.TOO_LONG


@pytest.mark.parametrize(
    "content",
    [
        gpx_of(*(trkpt(second, time="") for second in range(60))),
        gpx_of(*(trkpt(second, time="2026-07-01") for second in range(60))),
        gpx_of(tracks='<rte><rtept lat="45" lon="6"><name>Col</name></rtept></rte>'),
        tcx_of(*(trackpoint(second, time="") for second in range(60)), start="none"),
        fit_of([file_id()]),
        fit_of([file_id(), (RECORD, {"power": 200})]),
    ],
    ids=["gpx", "gpx of dates", "gpx route", "tcx", "fit", "fit record"],
)
def test_file_without_times_is_no_recording(refusal: Refusal, content: bytes) -> None:
    assert refusal(content) == errors.NO_TIME


def test_single_moment_is_no_ride(refusal: Refusal) -> None:
    assert refusal(gpx_of(trkpt(0))) == recording.NO_LENGTH


def test_track_of_a_single_point_beside_a_ride_is_left_out(read: Read) -> None:
    whole = "".join(trkpt(second) for second in range(60))
    tracks = f"<trk><trkseg>{trkpt(0)}</trkseg></trk><trk><trkseg>{whole}</trkseg></trk>"

    assert [ride.elapsed_s for ride in read(gpx_of(tracks=tracks))] == [59]


# --- Several rides, and other sports ---


def test_sessions_of_a_fit_file_are_rides_of_their_own(read: Read) -> None:
    run = START + timedelta(seconds=700)
    content = fit_of(
        [
            file_id(),
            *records((200,) * 600),
            session(599),
            *records((None,) * 100, START + timedelta(seconds=600)),
            session(99, START + timedelta(seconds=600), sport="transition"),
            *records((None,) * 300, run, bpm=160),
            session(299, run, sport="running"),
        ]
    )

    ridden, ran = read(content)

    assert (ridden.sport, ridden.started_at, ridden.elapsed_s) == ("Ride", START, 599)
    assert (ridden.np_w, ridden.average_hr_bpm) == (200, 140)
    assert (ran.sport, ran.started_at, ran.elapsed_s) == ("Run", run, 299)
    assert (ran.np_w, ran.average_hr_bpm) == (None, 160)


def test_laps_are_one_ride(read: Read) -> None:
    laps = "".join(
        f'<Lap StartTime="{_at(first)}"><TotalTimeSeconds>300</TotalTimeSeconds><Track>'
        f"{''.join(trackpoint(second) for second in range(first, first + 300))}</Track></Lap>"
        for first in (0, 300)
    )

    (ride,) = read(tcx_of(laps=laps))

    assert (ride.elapsed_s, ride.moving_s, ride.np_w) == (600, 600, 200)


def test_tracks_of_a_gpx_are_rides_of_their_own(read: Read) -> None:
    tracks = "".join(
        f"<trk><trkseg>{''.join(trkpt(first + second) for second in range(60))}</trkseg></trk>"
        for first in (0, 7200)
    )

    assert [ride.started_at - START for ride in read(gpx_of(tracks=tracks))] == [
        timedelta(0),
        timedelta(hours=2),
    ]


@pytest.mark.parametrize(
    ("sport", "sub_sport", "word"),
    [
        (2, None, "Ride"),
        (2, 46, "GravelRide"),
        (2, 8, "MountainBikeRide"),
        (2, 58, "VirtualRide"),
        (21, None, "EBikeRide"),
        (1, 3, "TrailRun"),
        (5, None, "Swim"),
        (0, None, "Workout"),
        (213, None, "Ride"),
    ],
)
def test_sport_of_a_fit_file_is_in_our_words(
    read: Read, sport: int, sub_sport: int | None, word: str
) -> None:
    values = {**session(599)[1], "sport": sport, "sub_sport": sub_sport}

    (ride,) = read(fit_of([file_id(), *records((200,) * 600), (SESSION, values)]))

    assert ride.sport == word


@pytest.mark.parametrize(
    ("kind", "word"),
    [("", "Ride"), ("1", "Ride"), ("Virtual Ride", "VirtualRide"), ("running", "Run")],
)
def test_sport_of_a_gpx_is_in_our_words_and_a_ride_unless_told(
    read: Read, kind: str, word: str
) -> None:
    (ride,) = read(gpx_of(*(trkpt(second) for second in range(60)), kind=kind))

    assert ride.sport == word


@pytest.mark.parametrize(
    ("told", "word"), [("Biking", "Ride"), ("Running", "Run"), ("Other", "Workout")]
)
def test_sport_of_a_tcx_is_in_our_words(read: Read, told: str, word: str) -> None:
    (ride,) = read(tcx_of(*(trackpoint(second) for second in range(60)), sport=told))

    assert ride.sport == word


# --- Files that are not, or not wholly, what they should be ---


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "It is empty."),
        (packed(b""), "It is empty."),
        (b"It was a lovely ride.", "It is no FIT, TCX or GPX file."),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "It is no FIT, TCX or GPX file."),
        (b"PK\x03\x04" + bytes(100), "It is a zip"),
        (packed(packed(fit_ride((1,) * 60))), "It is packed twice."),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "It is a web page"),
        (b"<?xml version='1.0'?><!DOCTYPE HealthData []><HealthData/>", "It is Apple Health's"),
        (b"<?xml version='1.0'?><kml></kml>", "It is XML, but neither TCX nor GPX."),
        (fit_of([file_id(5)]), "It is a FIT file of another kind (workout)"),
        (fit_of([file_id(6)]), "It is a FIT file of another kind (course)"),
        (
            b"<TrainingCenterDatabase><Courses><Course/></Courses></TrainingCenterDatabase>",
            "It is a course to follow",
        ),
    ],
)
def test_wrong_file_is_told_apart_and_says_what_to_send(
    refusal: Refusal, content: bytes, words: str
) -> None:
    told = refusal(content)

    assert told.startswith(words)
    assert "Send" in told or "send" in told or "form on the Connections page" in told


def test_blanks_and_a_byte_order_mark_before_the_xml_do_not_matter(read: Read) -> None:
    ride = read(tcx_ride())

    assert read(b"\xef\xbb\xbf" + tcx_ride()) == ride
    assert read(b" \n\t " + tcx_ride()) == ride


def test_other_encodings_that_the_file_declares_are_read(read: Read) -> None:
    text = gpx_ride().decode()
    by_name = text.replace("UTF-8", "windows-1252").replace("StravaGPX", "Vélo")
    by_mark = text.replace("UTF-8", "UTF-16")

    assert read(by_name.encode("windows-1252"))[0].device == "Vélo"
    assert read(by_mark.encode("utf-16")) == read(gpx_ride())


@pytest.mark.parametrize("cut", [40, 1000, 20_000])
@pytest.mark.parametrize("content", [fit_ride(), tcx_ride(), gpx_ride(), packed(fit_ride())])
def test_file_that_stops_before_its_end_is_told(refusal: Refusal, content: bytes, cut: int) -> None:
    assert refusal(content[: len(content) - min(cut, len(content) // 2)]) == errors.CUT_OFF


def test_wrong_checksum_is_told(refusal: Refusal) -> None:
    flipped = bytearray(fit_ride())
    flipped[len(flipped) // 2] ^= 0x01

    assert refusal(bytes(flipped)) == fit.NOT_FINISHED


def test_gzip_with_a_wrong_checksum_is_told(refusal: Refusal) -> None:
    flipped = bytearray(packed(gpx_ride()))
    flipped[-6] ^= 0x01

    assert refusal(bytes(flipped)) == errors.DAMAGED


@pytest.mark.parametrize(
    "body",
    [
        b"\x01",  # data before its definition
        b"\x40\x00\x00\x14\x00\x01\xfd\x00\x86\x00",  # a field of no size
        b"\x40\x00\x00\x14\x00\x01\xfd\x03\x86\x00\x01\x02",  # cut short within
        b"\x60\x00\x00\x14\x00\x00\x01\x01\x01\x07\x20\x01",  # a developer's field, undefined
    ],
)
def test_fit_messages_that_do_not_fit_together_are_told(refusal: Refusal, body: bytes) -> None:
    assert refusal(framed(body)) in {errors.DAMAGED, errors.CUT_OFF, errors.NO_TIME}


@given(body=st.binary(max_size=200))
@hypothesis_settings(max_examples=200, deadline=None)
def test_any_bytes_in_a_fit_frame_are_a_ride_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.fit"
    path.write_bytes(framed(body))

    with suppress(NotARideFile):  # and nothing else
        assert read_ride_file(path, most_bytes=MOST, now=NOW).rides


@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5))
@hypothesis_settings(max_examples=200, deadline=None)
def test_any_change_to_a_good_fit_body_is_a_ride_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    body = bytearray(fit_ride((200,) * 60)[14:-2])
    for at, byte in changes:
        body[at % len(body)] = byte
    path = tmp_path_factory.getbasetemp() / "changed.fit"
    path.write_bytes(framed(bytes(body)))

    with suppress(NotARideFile):  # and nothing else
        assert read_ride_file(path, most_bytes=MOST, now=NOW).rides


@pytest.mark.parametrize(
    "definition",
    [
        '<!DOCTYPE gpx [<!ENTITY a "b">]>',
        '<!DOCTYPE gpx [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE gpx SYSTEM "http://127.0.0.1/gpx.dtd">',
        '<!DOCTYPE gpx [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;">]>',
    ],
)
def test_document_type_is_refused_before_it_defines_anything(
    refusal: Refusal, definition: str
) -> None:
    content = gpx_of(trkpt(0)).replace(b"?>\n<gpx", f"?>\n{definition}<gpx".encode())

    assert refusal(content) == xml_files.DEFINES


@pytest.mark.parametrize(
    "inside",
    [
        "<a>" * 100_000,
        "<a " + " ".join(f'b{number}=""' for number in range(1000)) + "/>",
        "".join(f"<a{number}/>" for number in range(20_000)),
        f"<!--{'a' * 2_000_000}-->",
        f'<a b="{"c" * 2_000_000}"/>',
    ],
    ids=["depth", "attributes", "names", "comment", "attribute"],
)
def test_xml_made_to_exhaust_a_reader_is_refused(refusal: Refusal, inside: str) -> None:
    assert refusal(f"<gpx>{inside}</gpx>".encode()) == xml_files.UNLIKE


def test_gzip_bomb_is_unpacked_no_further_than_may_be_read(refusal: Refusal) -> None:
    bomb = packed(bytes(200_000_000))

    assert len(bomb) < 250_000
    assert refusal(bomb) == reader.too_large(MOST)
    assert refusal(bomb).startswith("It holds more than 25 MB")


def test_plain_file_that_is_too_large_is_refused(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(gpx_ride())

    with pytest.raises(NotARideFile, match="more than 1 MB"):
        read_ride_file(path, most_bytes=len(gpx_ride()) - 1, now=NOW)
    assert read_ride_file(path, most_bytes=len(gpx_ride()), now=NOW).rides == read(gpx_ride())


@pytest.mark.parametrize(
    ("module", "limit", "content"),
    [
        (fit, "MOST_POINTS", fit_ride((200,) * 60)),
        (tcx, "MOST_POINTS", tcx_of(*(trackpoint(second) for second in range(60)))),
        (gpx, "MOST_POINTS", gpx_of(*(trkpt(second) for second in range(60)))),
        (fit, "MOST_FIELDS", fit_ride((200,) * 60)),
        (fit, "MOST_RIDES", fit_of([file_id(), *(session(99) for _ in range(60))])),
        (gpx, "MOST_RIDES", gpx_of(tracks="<trk/>" * 60)),
        (tcx, "MOST_LAPS", tcx_of(laps="<Lap/>" * 60)),
        (tcx, "MOST_RIDES", b"<TrainingCenterDatabase>" + b"<Activity/>" * 60),
    ],
)
def test_more_than_anybody_rides_is_refused_while_it_is_read(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch, module: object, limit: str, content: bytes
) -> None:
    monkeypatch.setattr(module, limit, 59)

    assert refusal(content) == errors.TOO_MUCH


@pytest.mark.parametrize("route", sorted(SAMPLES.rglob("*.gpx")) or [None], ids=str)
def test_routes_of_other_peoples_exports_are_read(read: Read, route: Path | None) -> None:
    if route is None:
        pytest.skip("no samples beside the project")

    rides = read(route.read_bytes())

    assert all(ride.moving_s and ride.distance_m and ride.device for ride in rides)
    assert rides
