"""Sleep and heart rate variability."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connections.providers.apple_health import HealthDay
from tests.connections.providers.health_xml import PHONE, WATCH, element, read, record, sleep

NIGHT = [
    sleep("AsleepCore", "2024-01-09 23:00:00", "2024-01-10 03:00:00"),
    sleep("AsleepDeep", "2024-01-10 03:00:00", "2024-01-10 04:00:00"),
    sleep("Awake", "2024-01-10 04:00:00", "2024-01-10 04:10:00"),
    sleep("AsleepREM", "2024-01-10 04:10:00", "2024-01-10 06:00:00"),
]


def only_day(tmp_path: Path, *elements: str) -> HealthDay:
    (day,) = read(tmp_path, *elements).days.values()
    return day


def test_night_belongs_to_the_day_of_waking_up(tmp_path: Path) -> None:
    day = only_day(tmp_path, *NIGHT)

    assert day.local_date == date(2024, 1, 10)
    assert day.sleep_start_at == datetime(2024, 1, 10, 7, 0, tzinfo=UTC)
    assert day.sleep_end_at == datetime(2024, 1, 10, 14, 0, tzinfo=UTC)
    assert (day.asleep_min, day.nap_min, day.asleep_union_min) == (410, 0, 410)
    assert (day.core_min, day.deep_min, day.rem_min) == (240, 60, 110)
    assert (day.unspecified_min, day.awake_min, day.in_bed_min) == (0, 10, None)
    assert day.sleep_sources == (WATCH,)


@pytest.mark.parametrize(
    ("end", "local_date"),
    [("2024-01-10 18:00:00", date(2024, 1, 10)), ("2024-01-10 18:00:01", date(2024, 1, 11))],
)
def test_sleep_that_ends_in_the_evening_belongs_to_the_next_day(
    end: str, local_date: date, tmp_path: Path
) -> None:
    day = only_day(tmp_path, sleep("AsleepCore", "2024-01-10 17:00:00", end))

    assert day.local_date == local_date


@pytest.mark.parametrize(
    ("start", "end", "nap_min"), [("07:30:00", "08:00:00", 0), ("07:30:01", "08:00:01", 30)]
)
def test_gap_over_ninety_minutes_makes_a_nap(
    start: str, end: str, nap_min: float, tmp_path: Path
) -> None:
    nap = sleep("AsleepCore", f"2024-01-10 {start}", f"2024-01-10 {end}")

    day = only_day(tmp_path, *NIGHT, nap)

    assert (day.asleep_min, day.nap_min) == (440, nap_min)


def test_night_is_the_session_with_most_sleep(tmp_path: Path) -> None:
    """Someone who works at night and dozes before the shift."""
    day = only_day(
        tmp_path,
        sleep("AsleepCore", "2024-01-10 00:00:00", "2024-01-10 01:00:00"),
        sleep("AsleepCore", "2024-01-10 08:00:00", "2024-01-10 14:00:00"),
    )

    assert (day.asleep_min, day.nap_min) == (420, 60)
    assert day.sleep_start_at == datetime(2024, 1, 10, 16, 0, tzinfo=UTC)
    assert day.sleep_end_at == datetime(2024, 1, 10, 22, 0, tzinfo=UTC)


def test_time_in_bed_is_not_sleep(tmp_path: Path) -> None:
    day = only_day(tmp_path, sleep("InBed", "2024-01-09 23:00:00", "2024-01-10 07:00:00", PHONE))

    assert day.in_bed_min == 480
    assert (day.asleep_min, day.nap_min, day.asleep_union_min) == (None, None, None)
    assert (day.core_min, day.unspecified_min, day.awake_min) == (None, None, None)
    assert (day.sleep_start_at, day.sleep_end_at, day.sleep_sources) == (None, None, ())


def test_in_bed_counts_once(tmp_path: Path) -> None:
    in_bed = [
        sleep("InBed", "2024-01-09 23:00:00", "2024-01-10 06:00:00", PHONE),
        sleep("InBed", "2024-01-10 05:00:00", "2024-01-10 07:00:00", "AutoSleep"),
    ]

    assert only_day(tmp_path, *in_bed, *in_bed).in_bed_min == 480


def test_sleep_without_stages_does_not_deny_them(tmp_path: Path) -> None:
    day = only_day(tmp_path, sleep("Asleep", "2024-01-09 23:00:00", "2024-01-10 07:00:00", "App"))

    assert (day.asleep_min, day.unspecified_min) == (480, 480)
    assert (day.core_min, day.deep_min, day.rem_min, day.awake_min) == (None, None, None, None)


def test_watch_decides_where_it_was_watching(tmp_path: Path) -> None:
    app = sleep("AsleepUnspecified", "2024-01-09 22:30:00", "2024-01-10 06:30:00", "AutoSleep")

    day = only_day(tmp_path, app, *NIGHT)

    # The app adds the half hours before and after, and has no say in the ten minutes awake.
    assert (day.asleep_min, day.unspecified_min, day.awake_min) == (470, 60, 10)
    assert day.asleep_union_min == 480
    assert day.sleep_sources == ("AutoSleep", WATCH)


def test_repeated_and_overlapping_sleep_counts_once(tmp_path: Path) -> None:
    inside = [
        sleep("AsleepREM", "2024-01-10 00:00:00", "2024-01-10 01:00:00"),
        sleep("AsleepREM", "2024-01-10 02:00:00", "2024-01-10 02:30:00"),
    ]
    overlapping = sleep("AsleepREM", "2024-01-10 03:30:00", "2024-01-10 04:05:00")

    day = only_day(tmp_path, *NIGHT, *NIGHT, *inside, overlapping)

    # What began first stands, so the wake of ten minutes begins five minutes later.
    assert (day.core_min, day.deep_min, day.rem_min, day.awake_min) == (240, 60, 115, 5)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (sleep("Dreaming", "2024-01-10 01:00:00", "2024-01-10 02:00:00"), "an unknown sleep stage"),
        (sleep("", "2024-01-10 01:00:00", "2024-01-10 02:00:00"), "an unknown sleep stage"),
        (sleep("InBed", "2024-01-08 01:00:00", "2024-01-10 02:00:00"), "an impossible value"),
    ],
)
def test_sleep_that_cannot_be_read_is_left_out(broken: str, reason: str, tmp_path: Path) -> None:
    export = read(tmp_path, broken)

    assert (export.days, export.problems) == ({}, {f"records with {reason}": 1})


def test_night_across_the_change_of_clocks_has_its_true_length(tmp_path: Path) -> None:
    """From 23:00 to 07:00, without the hour from two to three."""
    day = only_day(
        tmp_path, sleep("AsleepCore", "2024-03-09 23:00:00 -0800", "2024-03-10 07:00:00 -0700")
    )

    assert (day.local_date, day.asleep_min) == (date(2024, 3, 10), 420)


# --- Heart rate variability


def hrv(start: str, sdnn_ms: float, beats: Sequence[str] = ()) -> str:
    beat_list = element(
        "HeartRateVariabilityMetadataList",
        [element("InstantaneousBeatsPerMinute", bpm="60", time=time) for time in beats],
    )
    return record(
        "HeartRateVariabilitySDNN", start, str(sdnn_ms), "ms", children=[beat_list] if beats else []
    )


def beat_times(
    intervals_ms: Sequence[int], style: str = "{h}:{m:02}:{s:02}.{c:02} AM"
) -> list[str]:
    """As the phone's language writes them, from three seconds before a full hour."""
    at_ms = 2 * 3_600_000 - 3000
    times = []
    for interval_ms in (0, *intervals_ms):
        at_ms += interval_ms
        minutes, rest_ms = divmod(at_ms, 60_000)
        parts = {"h": minutes // 60, "m": minutes % 60, "s": rest_ms // 1000}
        times.append(style.format(**parts, c=rest_ms % 1000 // 10))
    return times


ALTERNATING = [1000, 1040] * 15  # every step is 40 ms
RISING = [800 + 10 * beat for beat in range(30)]  # every step is 10 ms


@pytest.mark.parametrize(
    "style",
    [
        "{h}:{m:02}:{s:02}.{c:02} AM",
        "{h}:{m:02}:{s:02}.{c:02}\u202fAM",
        "{h:02}:{m:02}:{s:02}.{c:02}",
        "{h:02}:{m:02}:{s:02},{c:02}",
        "{h:02}.{m:02}.{s:02},{c:02}",
        "上午{h}:{m:02}:{s:02}.{c:02}",
    ],
)
def test_rmssd_is_rebuilt_from_the_beats(style: str, tmp_path: Path) -> None:
    sample = hrv("2024-01-10 02:00:00", 60, beat_times(ALTERNATING[:21], style))

    day = only_day(tmp_path, *NIGHT, sample)

    assert (day.hrv_sdnn_overnight_ms, day.overnight_rmssd_ms) == (60, 40)
    assert day.overnight_rmssd_sample_count == 1


def test_rmssd_leaves_out_steps_over_a_fifth(tmp_path: Path) -> None:
    """An early beat, the pause after it, and a beat that was missed."""
    disturbed = [*RISING, 700, 1400, 1100, *RISING, 2200, *RISING]

    day = only_day(tmp_path, *NIGHT, hrv("2024-01-10 02:00:00", 60, beat_times(disturbed)))

    assert day.overnight_rmssd_ms == pytest.approx(10)


def test_rmssd_of_a_night_is_the_median_of_its_samples(tmp_path: Path) -> None:
    day = only_day(
        tmp_path,
        *NIGHT,
        hrv("2024-01-10 01:00:00", 50, beat_times(ALTERNATING)),
        hrv("2024-01-10 02:00:00", 60, beat_times(RISING)),
        hrv("2024-01-10 03:00:00", 70, beat_times([1000, 1030] * 15)),
        hrv("2024-01-10 04:00:00", 80),
        hrv("2024-01-10 12:00:00", 30, beat_times([1000, 1100] * 15)),
    )

    assert (day.overnight_rmssd_ms, day.overnight_rmssd_sample_count) == (30, 3)
    assert (day.hrv_sdnn_overnight_ms, day.hrv_overnight_sample_count) == (65, 4)
    assert day.hrv_overnight_last_sample_at == datetime(2024, 1, 10, 12, 0, tzinfo=UTC)
    assert (day.hrv_sdnn_ms, day.hrv_sample_count) == (58, 5)
    assert day.hrv_last_sample_at == datetime(2024, 1, 10, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "beats",
    [[], beat_times(RISING[:15]), ["noon"] * 60, [""] * 60, beat_times([3000] * 60)],
    ids=["none", "few", "unreadable", "empty", "gaps"],
)
def test_rmssd_is_unknown_without_enough_beats(beats: list[str], tmp_path: Path) -> None:
    day = only_day(tmp_path, *NIGHT, hrv("2024-01-10 02:00:00", 60, beats))

    assert (day.hrv_sdnn_overnight_ms, day.hrv_overnight_sample_count) == (60, 1)
    assert (day.overnight_rmssd_ms, day.overnight_rmssd_sample_count) == (None, None)


def test_endless_beats_are_cut_off(tmp_path: Path) -> None:
    beats = beat_times(ALTERNATING * 34)[:1000] + beat_times(RISING) * 10

    day = only_day(tmp_path, *NIGHT, hrv("2024-01-10 02:00:00", 60, beats))

    assert day.overnight_rmssd_ms == 40


def test_beats_of_a_sample_that_is_left_out_are_nobodys(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        *NIGHT,
        hrv("2024-01-10 02:00:00", 60),
        hrv("2024-01-10 03:00:00", -1, beat_times(ALTERNATING)),
    )

    (day,) = export.days.values()
    assert (day.hrv_overnight_sample_count, day.overnight_rmssd_ms) == (1, None)
    assert export.problems == {"records with an impossible value": 1}


@pytest.mark.parametrize(
    ("start", "is_overnight"),
    [
        ("2024-01-09 22:59:59", False),
        ("2024-01-09 23:00:00", True),
        ("2024-01-10 05:59:59", True),
        ("2024-01-10 06:00:00", False),
    ],
)
def test_hrv_is_overnight_while_the_night_lasts(
    start: str, is_overnight: bool, tmp_path: Path
) -> None:
    export = read(tmp_path, *NIGHT, hrv(start, 60))

    day = export.days[date(2024, 1, 10)]
    assert day.hrv_sdnn_overnight_ms == (60 if is_overnight else None)


def test_repeated_hrv_samples_count_once(tmp_path: Path) -> None:
    samples = [hrv("2024-01-10 02:00:00", 60, beat_times(RISING)), hrv("2024-01-10 03:00:00", 30)]
    without_beats = hrv("2024-01-10 02:00:00", 60)

    day = only_day(tmp_path, *NIGHT, *samples, samples[0], without_beats)

    assert (day.hrv_sdnn_ms, day.hrv_sample_count) == (45, 2)
    assert (day.overnight_rmssd_ms, day.overnight_rmssd_sample_count) == (10, 1)
    assert day.hrv_sources == (WATCH,)
