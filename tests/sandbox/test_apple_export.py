import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from xml.etree import ElementTree as ET

import httpx2
import pytest
import time_machine

from sandbox.apple_export import DAYS, export_zip
from sandbox.person.nights import night_of
from sandbox.person.rides import rides_between

# A winter morning: the phone's offset is +0100, also for the summer time in October.
NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
FIRST = date(2026, 10, 2)


@pytest.fixture(scope="module")
def export() -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(export_zip(NOW))) as archive:
        yield archive.read("apple_health_export/export.xml").decode()


@pytest.fixture(scope="module")
def root(export: str) -> ET.Element:
    return ET.fromstring(export)


def records(root: ET.Element, kind: str) -> list[ET.Element]:
    return [record for record in root.iter("Record") if record.attrib["type"].endswith(kind)]


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")


def test_download_is_a_zip_as_the_phone_lays_it_out(http: httpx2.Client) -> None:
    with time_machine.travel(NOW):
        answer = http.get("/apple-health/export.zip")

    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="export.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "apple_health_export/export_cda.xml",
            "apple_health_export/export.xml",
        ]


def test_export_begins_with_its_own_doctype(export: str) -> None:
    head, _, rest = export.partition("]>\n")

    assert head.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n')
    assert "<!ENTITY" not in head
    assert rest.startswith(
        '<HealthData locale="en_FR">\n <ExportDate value="2026-11-16 09:00:00 +0100"'
    )


def test_every_date_carries_the_offset_of_the_export(root: ET.Element) -> None:
    dates = [e.attrib[name] for e in root.iter() for name in ("startDate",) if name in e.attrib]

    assert {text[-5:] for text in dates} == {"+0100"}
    assert min(dates) < "2026-10-25"


def test_records_are_grouped_by_type_and_then_by_source(root: ET.Element) -> None:
    groups: list[tuple[str, str]] = []
    for record in root.iter("Record"):
        group = (record.attrib["type"], record.attrib["sourceName"])
        if not groups or groups[-1] != group:
            groups.append(group)

    assert len(groups) == len(set(groups))
    assert [kind.rpartition("Identifier")[2] for kind, _ in groups] == [
        "BodyMass",
        "HeartRate",
        "StepCount",
        "StepCount",
        "RestingHeartRate",
        "SleepAnalysis",
        "SleepAnalysis",
        "HeartRateVariabilitySDNN",
    ]


def test_sleep_stages_add_up_to_the_night(root: ET.Element) -> None:
    asleep: Counter[date] = Counter()
    for record in records(root, "SleepAnalysis"):
        begin, end = instant(record.attrib["startDate"]), instant(record.attrib["endDate"])
        if "Asleep" in record.attrib["value"].rpartition("Analysis")[2]:
            # Nights begin after 20:00 and belong to the day they end on.
            asleep[(end + timedelta(hours=4)).date()] += int((end - begin).total_seconds())

    nights = [night_of(FIRST + timedelta(days=n)) for n in range(DAYS + 1)]
    assert {n.local_date: n.asleep_s for n in nights} == {
        day: pytest.approx(seconds, abs=60) for day, seconds in asleep.items()
    }


def test_beats_give_back_the_rmssd_of_the_night(root: ET.Element) -> None:
    found = []
    for record in records(root, "HeartRateVariabilitySDNN"):
        bpm = [int(b.attrib["bpm"]) for b in record.iter("InstantaneousBeatsPerMinute")]
        intervals = [60_000 / one for one in bpm]
        steps = [later - earlier for earlier, later in pairwise(intervals)]
        found.append(sqrt(sum(step**2 for step in steps) / len(steps)))
        assert float(record.attrib["value"]) > 10

    true = [night_of(FIRST + timedelta(days=n)).hrv_ms for n in range(DAYS + 1)]
    assert len(found) == 3 * len(true)
    assert sum(found) / len(found) == pytest.approx(sum(true) / len(true), rel=0.1)


def test_steps_of_two_devices_overlap(root: ET.Element) -> None:
    sums: Counter[str] = Counter()
    for record in records(root, "StepCount"):
        sums[record.attrib["sourceName"]] += int(record.attrib["value"])

    phone, watch = sums["Robin\u2019s iPhone"], sums["Robin\u2019s Apple\u00a0Watch"]
    assert 0.5 * watch < phone < 0.7 * watch


def test_workouts_overlap_the_rides(root: ET.Element) -> None:
    rides = [ride for ride in rides_between(FIRST, date(2026, 11, 15)) if not ride.is_manual]
    workouts = list(root.iter("Workout"))

    assert len(workouts) == len(rides)
    for ride, workout in zip(rides, workouts, strict=True):
        assert workout.attrib["workoutActivityType"] == "HKWorkoutActivityTypeCycling"
        start, end = instant(workout.attrib["startDate"]), instant(workout.attrib["endDate"])
        assert ride.start_at < start < end < ride.end_at
        assert float(workout.attrib["duration"]) == pytest.approx(ride.moving_s / 60, abs=0.5)
    kinds = {s.attrib["type"].rpartition("Identifier")[2] for s in root.iter("WorkoutStatistics")}
    assert kinds == {"ActiveEnergyBurned", "DistanceCycling", "HeartRate"}


def test_each_day_has_its_weight_rings_and_resting_heart_rate(root: ET.Element) -> None:
    weights = [float(record.attrib["value"]) for record in records(root, "BodyMass")]

    assert len(weights) == 15
    assert all(68 < weight < 73 for weight in weights)
    assert len(list(root.iter("ActivitySummary"))) == DAYS
    assert len(records(root, "RestingHeartRate")) == DAYS + 1
