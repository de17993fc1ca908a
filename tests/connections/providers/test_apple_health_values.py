"""Single records: what a value is, to which day it belongs, and what is left out and counted."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.connections.providers.health_xml import (
    PHONE,
    WATCH,
    element,
    export_xml,
    metadata,
    read,
    read_bytes,
    record,
)

NOON = "2024-01-10 12:00:00"
DEVICE = (
    "<<HKDevice: {address}>, name:Apple Watch, manufacturer:Apple Inc., model:Watch, "
    "hardware:Watch6,2, software:10.6.1>"
)


@pytest.mark.parametrize(
    ("kind", "value", "unit", "field", "expected"),
    [
        ("BodyMass", "70", "kg", "weight_kg", 70),
        ("BodyMass", "154.32358352941431", "lb", "weight_kg", 70),
        ("BodyMass", "11", "st", "weight_kg", 69.85322498),
        ("BodyMass", "70000", "g", "weight_kg", 70),
        ("StepCount", "12", "count", "steps", 12),
        ("DistanceWalkingRunning", "1", "mi", "walking_distance_m", 1609.344),
        ("DistanceWalkingRunning", "1.5", "km", "walking_distance_m", 1500),
        ("DistanceWalkingRunning", "100", "m", "walking_distance_m", 100),
        ("DistanceCycling", "100", "ft", "cycling_distance_m", 30.48),
        ("DistanceCycling", "100", "yd", "cycling_distance_m", 91.44),
        ("ActiveEnergyBurned", "100", "kcal", "active_energy_kcal", 100),
        ("ActiveEnergyBurned", "100", "Cal", "active_energy_kcal", 100),
        ("ActiveEnergyBurned", "418.4", "kJ", "active_energy_kcal", 100),
        ("BasalEnergyBurned", "2000", "cal", "basal_energy_kcal", 2),
        ("HeartRate", "60", "count/min", "heart_rate_mean_bpm", 60),
        ("HeartRate", "1", "count/s", "heart_rate_mean_bpm", 60),
        ("RestingHeartRate", "48", "count/min", "resting_hr_bpm", 48),
        ("WalkingHeartRateAverage", "98.5", "count/min", "walking_hr_bpm", 98.5),
        ("RespiratoryRate", "14.5", "count/min", "respiratory_rate_per_min", 14.5),
        ("HeartRateVariabilitySDNN", "55.5", "ms", "hrv_sdnn_ms", 55.5),
        ("HeartRateVariabilitySDNN", "0.0555", "s", "hrv_sdnn_ms", 55.5),
        ("AppleSleepingWristTemperature", "35.5", "degC", "wrist_temperature_c", 35.5),
        ("AppleSleepingWristTemperature", "95.9", "degF", "wrist_temperature_c", 35.5),
        ("AppleSleepingWristTemperature", "308.65", "K", "wrist_temperature_c", 35.5),
        ("VO2Max", "50.5", "mL/min·kg", "vo2max_ml_kg_min", 50.5),
        ("VO2Max", "50.5", "ml/kg/min", "vo2max_ml_kg_min", 50.5),
        ("FlightsClimbed", "3", "count", "flights_climbed", 3),
        ("AppleExerciseTime", "1", "min", "exercise_min", 1),
    ],
)
def test_value_is_converted(
    kind: str, value: str, unit: str, field: str, expected: float, tmp_path: Path
) -> None:
    export = read(tmp_path, record(kind, NOON, value, unit))

    (day,) = export.days.values()
    assert day.local_date == date(2024, 1, 10)
    assert getattr(day, field) == pytest.approx(expected, rel=1e-9)
    assert export.problems == {}


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        ("70", "catty", "an unknown unit"),
        ("70", "KG", "an unknown unit"),
        ("70", None, "no unit"),
        ("70", "", "no unit"),
        (None, "kg", "no value"),
        ("", "kg", "no value"),
        ("seventy", "kg", "a value that is not a number"),
        ("70,5", "kg", "a value that is not a number"),
        ("nan", "kg", "an impossible value"),
        ("inf", "kg", "an impossible value"),
        ("-inf", "kg", "an impossible value"),
        ("1e400", "kg", "an impossible value"),
        ("-70", "kg", "an impossible value"),
        ("0", "kg", "an impossible value"),
        ("9999", "kg", "an impossible value"),
    ],
)
def test_value_that_cannot_be_trusted_is_left_out(
    value: str | None, unit: str | None, reason: str, tmp_path: Path
) -> None:
    export = read(tmp_path, record("BodyMass", NOON, value, unit))

    assert (export.days, export.problems) == ({}, {f"records with {reason}": 1})


@pytest.mark.parametrize(
    "kind", ["HeartRate", "StepCount", "HeartRateVariabilitySDNN", "VO2Max", "RespiratoryRate"]
)
def test_negative_value_of_any_kind_is_left_out(kind: str, tmp_path: Path) -> None:
    units = {"StepCount": "count", "HeartRateVariabilitySDNN": "ms", "VO2Max": "ml/kg/min"}

    export = read(tmp_path, record(kind, NOON, "-5", units.get(kind, "count/min")))

    assert (export.days, export.problems) == ({}, {"records with an impossible value": 1})


@pytest.mark.parametrize(
    "start",
    [
        "",
        "yesterday",
        "2024-01-10",
        "2024-01-10T12:00:00-08:00",
        "2024-01-10 12:00:00 -08:00",
        "2024-01-10 12:00:00 +9900",
        "2024-13-10 12:00:00 -0800",
        "2024-01-10 25:00:00 -0800",
        "2024-01-10 12:60:00 -0800",
        "2024-01-10 12:00:60 -0800",
        "2024-01-10 12:00:00 -0800 ",
        "２０２４-01-10 12:00:00 -0800",
        "0000-00-00 00:00:00 +0000",
    ],
)
def test_date_that_cannot_be_read_is_left_out(start: str, tmp_path: Path) -> None:
    good = record("BodyMass", NOON, "70", "kg")

    export = read(tmp_path, good, record("BodyMass", start, "80", "kg"))

    assert [day.weight_kg for day in export.days.values()] == [70]
    assert export.problems == {"records with an unreadable date": 1}


def test_record_without_dates_is_left_out(tmp_path: Path) -> None:
    export = read(
        tmp_path, element("Record", type="HKQuantityTypeIdentifierStepCount", sourceName="x")
    )

    assert (export.days, export.problems) == ({}, {"records with an unreadable date": 1})


@pytest.mark.parametrize(
    "start",
    [
        "1970-01-01 00:00:00 +0000",
        "1989-12-31 23:00:00 +0000",
        "2024-06-05 12:00:00 -0700",
        "2099-01-01 00:00:00 +0000",
        "9999-12-31 23:59:59 -0800",
        "0001-01-01 00:00:00 +0000",
    ],
)
def test_date_before_the_iphone_or_after_the_export_is_left_out(start: str, tmp_path: Path) -> None:
    export = read(tmp_path, record("BodyMass", start, "70", "kg"))

    reason = "records with a date before 1990 or after the export"
    assert (export.days, export.problems) == ({}, {reason: 1})


def test_record_that_ends_before_it_starts_is_left_out(tmp_path: Path) -> None:
    export = read(tmp_path, record("StepCount", NOON, "5", "count", end="2024-01-10 11:59:59"))

    assert (export.days, export.problems) == ({}, {"records with an end before the start": 1})


@pytest.mark.parametrize("source", [None, "", " \u00a0"])
def test_record_without_a_source_is_left_out(source: str | None, tmp_path: Path) -> None:
    export = read(tmp_path, record("BodyMass", NOON, "70", "kg", source=source))

    assert (export.days, export.problems) == ({}, {"records with no source name": 1})


def test_sources_beyond_a_thousand_are_left_out(tmp_path: Path) -> None:
    steps = [
        record("StepCount", NOON, "1", "count", source=f"app {number}") for number in range(1003)
    ]

    export = read(tmp_path, *steps)

    assert [day.steps_raw for day in export.days.values()] == [1000]
    assert export.problems == {"records with a source beyond the first 1,000": 3}


@pytest.mark.parametrize(
    ("zone", "instant", "local_date"),
    [
        # The offset of the export, -0700, would say the 14th; in winter it was still the 13th.
        ("America/Los_Angeles", "2016-11-14 00:30:00 -0700", date(2016, 11, 13)),
        ("America/Los_Angeles", "2016-11-14 01:30:00 -0700", date(2016, 11, 14)),
        # 14 hours ahead of what the text says
        ("Pacific/Kiritimati", "2024-01-10 10:00:00 +0000", date(2024, 1, 11)),
        ("Asia/Kathmandu", "2024-01-10 18:14:59 +0000", date(2024, 1, 10)),
        ("Asia/Kathmandu", "2024-01-10 18:15:00 +0000", date(2024, 1, 11)),
        # Midnight does not exist: the 8th begins at 01:00.
        ("America/Santiago", "2019-09-08 03:59:59 +0000", date(2019, 9, 7)),
        ("America/Santiago", "2019-09-08 04:00:00 +0000", date(2019, 9, 8)),
        # The last hour of the 6th occurs twice.
        ("America/Santiago", "2019-04-07 03:59:59 +0000", date(2019, 4, 6)),
        ("America/Santiago", "2019-04-07 04:00:00 +0000", date(2019, 4, 7)),
        # Midnight occurs twice.
        ("America/Havana", "2023-11-05 04:30:00 +0000", date(2023, 11, 5)),
        ("America/Havana", "2023-11-05 05:30:00 +0000", date(2023, 11, 5)),
        # The 30th of December was left out.
        ("Pacific/Apia", "2011-12-30 09:59:59 +0000", date(2011, 12, 29)),
        ("Pacific/Apia", "2011-12-30 10:00:00 +0000", date(2011, 12, 31)),
    ],
)
def test_day_is_the_testers_own(zone: str, instant: str, local_date: date, tmp_path: Path) -> None:
    export = read(tmp_path, record("BodyMass", instant, "70", "kg"), zone=ZoneInfo(zone))

    assert list(export.days) == [local_date]


def test_neighbouring_instants_around_midnight_keep_their_days(tmp_path: Path) -> None:
    zone = ZoneInfo("America/Havana")
    instants = ["05 04:30", "05 03:59", "05 05:30", "06 04:59", "06 05:00", "05 04:00"]
    beats = [
        record("HeartRate", f"2023-11-{instant}:00 +0000", "60", "count/min")
        for instant in instants
    ]

    export = read(tmp_path, *beats, zone=zone)

    counts = {
        day.isoformat(): values.heart_rate_sample_count for day, values in export.days.items()
    }
    assert counts == {"2023-11-04": 1, "2023-11-05": 4, "2023-11-06": 1}


def test_heart_rate_of_a_day_is_summarised(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        record("HeartRate", "2024-01-10 08:00:00", "60", "count/min"),
        record("HeartRate", "2024-01-10 20:00:00", "150", "count/min"),
        record("HeartRate", "2024-01-10 09:00:00", "90", "count/min", source="Strap"),
    )

    (day,) = export.days.values()
    assert (day.heart_rate_mean_bpm, day.heart_rate_min_bpm, day.heart_rate_max_bpm) == (
        100,
        60,
        150,
    )
    assert day.heart_rate_sample_count == 3
    assert day.heart_rate_last_sample_at == datetime(2024, 1, 11, 4, 0, tzinfo=UTC)
    assert day.heart_rate_sources == (WATCH, "Strap")


def test_last_weight_of_the_day_counts(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        record("BodyMass", "2024-01-10 21:00:00", "71", "kg", source="Scale"),
        record("BodyMass", "2024-01-10 07:00:00", "70", "kg", source="Health"),
    )

    (day,) = export.days.values()
    measured_at = datetime(2024, 1, 11, 5, 0, tzinfo=UTC)
    assert (day.weight_kg, day.weight_measured_at, day.weight_source) == (71, measured_at, "Scale")


def test_resting_heart_rate_is_as_old_as_its_end(tmp_path: Path) -> None:
    resting = record(
        *("RestingHeartRate", "2024-01-10 00:01:00", "50", "count/min"), end="2024-01-10 22:00:00"
    )

    (day,) = read(tmp_path, resting).days.values()

    measured_at = datetime(2024, 1, 11, 6, 0, tzinfo=UTC)
    assert (day.resting_hr_bpm, day.resting_hr_measured_at) == (50, measured_at)
    assert day.resting_hr_sources == (WATCH,)


def steps(start: str, end: str, count: int, source: str = WATCH, **more: str) -> str:
    day = "2024-01-10"
    return record(
        *("StepCount", f"{day} {start}:00", str(count), "count"),
        end=f"{day} {end}:00",
        source=source,
        **more,
    )


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([steps("12:00", "12:10", 100)], (100, 100, 100)),
        # twice the same
        ([steps("12:00", "12:10", 100)] * 2, (100, 200, 100)),
        # half of the phone's time is the watch's
        ([steps("12:05", "12:15", 80, PHONE), steps("12:00", "12:10", 100)], (140, 180, 100)),
        # all of it
        ([steps("12:02", "12:04", 30, PHONE), steps("12:00", "12:10", 100)], (100, 130, 100)),
        # the phone's long sample has the watch's in its middle
        ([steps("12:00", "12:40", 80, PHONE), steps("12:10", "12:20", 9)], (69, 89, 80)),
        # an app comes before the phone and after the watch
        (
            [
                steps("12:00", "12:10", 40, PHONE),
                steps("12:00", "12:10", 50, "Pedometer"),
                steps("12:00", "12:05", 30),
            ],
            (55, 120, 50),
        ),
        # one source may overlap itself: it knows what it counts
        ([steps("12:00", "12:10", 50), steps("12:05", "12:15", 60)], (110, 110, 110)),
        # a moment without length counts unless somebody was watching
        ([steps("12:05", "12:05", 7, PHONE), steps("12:00", "12:10", 100)], (100, 107, 100)),
        ([steps("12:00", "12:00", 7, PHONE), steps("12:00", "12:10", 100)], (100, 107, 100)),
        ([steps("12:10", "12:10", 7, PHONE), steps("12:00", "12:10", 100)], (107, 107, 100)),
    ],
)
def test_steps_of_several_devices_are_counted_once(
    samples: list[str], expected: tuple[float, float, float], tmp_path: Path
) -> None:
    for order in (samples, samples[::-1]):
        (day,) = read(tmp_path, *order).days.values()

        assert (day.steps, day.steps_raw, day.steps_max_source) == expected


def test_days_of_unsorted_samples_are_kept_apart(tmp_path: Path) -> None:
    days = (12, 10, 11, 10, 12)
    samples = [record("StepCount", f"2024-01-{day} 12:00:00", str(day), "count") for day in days]

    export = read(tmp_path, *samples)

    raw = {local_date.day: day.steps_raw for local_date, day in export.days.items()}
    once = {local_date.day: day.steps for local_date, day in export.days.items()}
    assert raw == {10: 20, 11: 11, 12: 24}
    assert once == {10: 10, 11: 11, 12: 12}
    assert list(export.days) == sorted(export.days)


def test_address_of_a_device_does_not_make_a_source(tmp_path: Path) -> None:
    samples = [
        steps(f"12:{minute}", f"12:{minute}", 1, device=DEVICE.format(address=f"0x{minute}"))
        for minute in range(10, 60)
    ]

    (day,) = read(tmp_path, *samples).days.values()

    assert (day.steps, day.steps_max_source) == (50, 50)


@pytest.mark.parametrize(
    ("name", "version", "is_watch"),
    [
        ("Apple Watch von Sam", "", True),
        ("Sam的Apple\u00a0Watch", "", True),
        ("Bob", "10.6.1", True),
        ("Bob", "3.2", False),
        ("HeartWatch", "3.2", False),
    ],
)
def test_watch_is_known_by_its_name_or_its_software(
    name: str, version: str, is_watch: bool, tmp_path: Path
) -> None:
    device = DEVICE.format(address="0x1")
    other = steps("12:00", "12:10", 100, "An App")

    (day,) = read(
        tmp_path,
        other,
        steps("12:00", "12:10", 70, name, sourceVersion=version, device=device),
    ).days.values()

    # Two apps at once: the name decides between them, and "An App" comes first.
    assert day.steps == (70 if is_watch else 100)


def test_of_two_watches_the_one_worn_last_counts(tmp_path: Path) -> None:
    old = [steps("12:00", "12:10", 70, "A Watch")]
    new = [steps("12:00", "12:10", 80, "B Watch"), steps("13:00", "13:10", 5, "B Watch")]

    (day,) = read(tmp_path, *old, *new).days.values()

    assert day.steps == 85


def test_rings_are_read(tmp_path: Path) -> None:
    rings = {"activeEnergyBurned": "418.4", "activeEnergyBurnedUnit": "kJ"}
    times = {"appleExerciseTime": "35", "appleStandHours": "11"}

    export = read(
        tmp_path, element("ActivitySummary", dateComponents="2024-01-10", **rings, **times)
    )

    (day,) = export.days.values()
    assert day.ring_active_energy_kcal == pytest.approx(100)
    assert (day.ring_exercise_min, day.ring_stand_hours) == (35, 11)


def test_rings_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        element("ActivitySummary", dateComponents="0000-00-00", appleStandHours="3"),
        element("ActivitySummary", appleStandHours="3"),
        element("ActivitySummary", dateComponents="1970-01-01", appleStandHours="3"),
        element("ActivitySummary", dateComponents="2024-01-10", appleStandHours="many"),
        element("ActivitySummary", dateComponents="2024-01-11", activeEnergyBurned="5"),
    )

    assert [day.ring_stand_hours for day in export.days.values()] == [None, None]
    assert export.problems == {
        "activity rings with an unreadable date": 2,
        "activity rings with a date before 1990 or after the export": 1,
        "activity rings with a value that is not a number": 1,
        "activity rings with no unit": 1,
    }


def test_home_zone_is_the_one_named_most_often(tmp_path: Path) -> None:
    zones = ["Europe/Paris"] * 3 + ["Asia/Tokyo"] * 2 + ["../../etc/passwd", "", "Mars/Olympus"] * 4
    records = [
        record("StepCount", NOON, "1", "count", children=[metadata("HKTimeZone", zone)])
        for zone in zones
    ]

    assert read(tmp_path, *records).home_zone == "Europe/Paris"


def test_home_zone_is_unknown_without_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, record("StepCount", NOON, "1", "count")).home_zone is None


@pytest.mark.parametrize("export_date", ["", "<ExportDate/>", '<ExportDate value="today"/>'])
def test_export_without_a_date_is_read(export_date: str, tmp_path: Path) -> None:
    content = export_xml(record("BodyMass", NOON, "70", "kg"), export_date=export_date)

    export = read_bytes(tmp_path, content)

    assert export.exported_at is None
    assert [day.weight_kg for day in export.days.values()] == [70]


def test_day_without_a_measurement_says_nothing(tmp_path: Path) -> None:
    (day,) = read(tmp_path, record("BodyMass", NOON, "70", "kg")).days.values()

    said = {
        name: value for name in day.__slots__ if (value := getattr(day, name)) not in (None, ())
    }
    assert said == {
        "local_date": date(2024, 1, 10),
        "weight_kg": 70,
        "weight_measured_at": datetime(2024, 1, 10, 20, 0, tzinfo=UTC),
        "weight_source": WATCH,
    }
