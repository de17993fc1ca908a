"""Runs of Records read as bytes, beside expat reading every one of them."""

import itertools
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connections.providers.apple_health import HealthExport, NotAnExport, read_export
from connections.providers.apple_health.collector import Collector
from connections.providers.apple_health.runs import Run, run_at
from tests.connections.providers.health_xml import EXPORT_DATE, LOS_ANGELES, PROLOG
from tests.connections.providers.mutants import MUTATIONS, mutant
from tests.connections.providers.test_apple_health import generated

APPLE_HEALTH = "connections.providers.apple_health"
DATED = (
    'creationDate="2024-01-10 12:30:00 -0800" startDate="2024-01-10 12:{0:02}:00 -0800" '
    'endDate="2024-01-10 12:{0:02}:30 -0800"'
)


def line(minute: int, value: str = "10", *, kind: str = "StepCount", more: str = "/>") -> str:
    named = f'type="HKQuantityTypeIdentifier{kind}" sourceName="Sam’s &lt;Watch&gt;" unit="count"'
    return f' <Record {named} {DATED.format(minute)} value="{value}"{more}\n'


SLEEP = "CategoryTypeIdentifierSleepAnalysis"
ASLEEP = "HKCategoryValueSleepAnalysisAsleepCore"
STEPS = "".join(line(minute) for minute in range(12))


@pytest.fixture(autouse=True)
def _short_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{APPLE_HEALTH}.collector.SHORTEST_RUN_BYTES", 0)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many bytes of which kind of Record were taken without expat."""
    counted = Counter[str]()
    take = Collector.take

    def counting(collector: Collector, run: Run) -> bool:
        is_taken = take(collector, run)
        counted[run.kind.removeprefix("HKQuantityTypeIdentifier")] += is_taken * run.length
        return is_taken

    monkeypatch.setattr(Collector, "take", counting)
    return counted


def outcome(path: Path, zone: ZoneInfo, *, takes_runs: bool) -> HealthExport | str:
    try:
        return read_export(path, zone, takes_runs=takes_runs)
    except NotAnExport as error:
        return str(error)


def both(tmp_path: Path, content: bytes, zone: ZoneInfo = LOS_ANGELES) -> HealthExport | str:
    """What both ways of reading say; they have to agree to the last bit."""
    path = tmp_path / "upload"
    path.write_bytes(content)
    by_runs = outcome(path, zone, takes_runs=True)
    assert by_runs == outcome(path, zone, takes_runs=False)
    return by_runs


def read_both(tmp_path: Path, *inside: str) -> HealthExport:
    body = f"<HealthData>\n {EXPORT_DATE}\n{''.join(inside)}</HealthData>\n"
    export = both(tmp_path, (PROLOG + body).encode())
    assert isinstance(export, HealthExport), export
    return export


def test_nearly_all_of_an_export_is_taken_in_runs(tmp_path: Path, taken: Counter[str]) -> None:
    path, answers = generated(tmp_path, "--days", "3", "--scale", "1", "--format", "xml")

    by_runs = read_export(path, LOS_ANGELES)

    assert sum(taken.values()) > 0.9 * answers["meta"]["bytes"]
    assert by_runs == read_export(path, LOS_ANGELES, takes_runs=False)


def test_steps_in_a_row_are_taken_at_once(tmp_path: Path, taken: Counter[str]) -> None:
    export = read_both(tmp_path, STEPS)

    assert taken == {"StepCount": len(STEPS.strip().encode()) + 1}
    assert [day.steps for day in export.days.values()] == [120]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!--", "-->"),
        ("<![CDATA[", "]]>"),
        ("<?app ", "?>"),
        ("<Correlation>", "</Correlation>"),
        ("<Correlation><Correlation>", "</Correlation></Correlation>"),
        ('<Workout workoutActivityType="x">', "</Workout>"),
    ],
)
def test_run_that_is_no_run_is_not_taken(
    before: str, after: str, tmp_path: Path, taken: Counter[str]
) -> None:
    export = read_both(tmp_path, f"{before}\n{STEPS}{after}\n", line(20, "7"))

    # After a comment, the rest of a piece is left to expat.
    assert taken.total() in {0, len(line(20, "7").strip().encode()) + 1}
    assert [day.steps_raw for day in export.days.values()] == [7]


def test_time_zone_in_a_record_is_heard_of(tmp_path: Path) -> None:
    zone = '><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></Record>'

    export = read_both(tmp_path, STEPS, line(20, more=zone), STEPS)

    assert export.home_zone == "Asia/Tokyo"
    assert [day.steps_raw for day in export.days.values()] == [250]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("nan", "an impossible value"),
        ("inf", "an impossible value"),
        ("-1", "an impossible value"),
        ("ten", "a value that is not a number"),
        ("", "no value"),
    ],
)
def test_bad_value_in_a_run_is_left_out_alone(value: str, problem: str, tmp_path: Path) -> None:
    export = read_both(tmp_path, STEPS, line(20, value), STEPS)

    assert export.problems == {f"records with {problem}": 1}
    assert [day.steps_raw for day in export.days.values()] == [240]


def test_bad_date_in_a_run_is_left_out_alone(tmp_path: Path) -> None:
    bad = [line(20).replace("12:20:00", text) for text in ("12:20:60", "99:20:00", "::::::::")]

    export = read_both(tmp_path, STEPS, *bad, line(21).replace("12:21:30", "12:20:30"), STEPS)

    assert export.problems == {
        "records with an unreadable date": 3,
        "records with an end before the start": 1,
    }


def test_each_date_keeps_its_own_offset(tmp_path: Path) -> None:
    """One minute by the clock and an hour on the way, the end an hour earlier, all later."""
    start, end = "12:20:00 -0800", "12:20:30 -0800"
    moved = [
        line(20).replace(end, "12:20:30 -0900"),
        line(20).replace(start, "12:20:00 -0900"),
        line(20).replace(start, "12:20:00 +1500").replace(end, "12:20:30 +1500"),
    ]

    export = read_both(tmp_path, STEPS, *moved, STEPS)

    assert export.problems == {"records with an end before the start": 1}
    assert {date.day: day.steps_raw for date, day in export.days.items()} == {9: 10, 10: 250}


def test_end_keeps_its_own_offset(tmp_path: Path) -> None:
    resting = [line(minute, "50", kind="RestingHeartRate") for minute in range(9)]
    last = resting[-1].replace("12:08:30 -0800", "12:08:30 -0900")

    export = read_both(tmp_path, "".join([*resting, last]).replace('"count"', '"count/min"'))

    measured_at = [day.resting_hr_measured_at for day in export.days.values()]
    assert measured_at == [datetime(2024, 1, 10, 21, 8, 30, tzinfo=UTC)]


@pytest.mark.parametrize("digits", ["0123456789", "٠١٢٣٤٥٦٧٨٩"])
def test_beats_are_read_in_any_language(digits: str, tmp_path: Path, taken: Counter[str]) -> None:
    own = str.maketrans("0123456789", digits)
    times = [f"7:14:{second:02}.0{second % 2 * 8}\u202fPM".translate(own) for second in range(40)]
    beats = "\n".join(f'<InstantaneousBeatsPerMinute bpm="60" time="{time}"/>' for time in times)
    children = f"><HeartRateVariabilityMetadataList>{beats}</HeartRateVariabilityMetadataList>"
    kind = "HeartRateVariabilitySDNN"
    samples = [line(minute, kind=kind, more=f"{children}</Record>") for minute in range(3)]
    asleep = line(0, ASLEEP).replace("QuantityTypeIdentifierStepCount", SLEEP)

    export = read_both(
        tmp_path,
        "".join(samples).replace('"count"', '"ms"'),
        asleep.replace("12:00:30", "12:30:00"),
    )

    assert taken[kind] > 0
    (day,) = export.days.values()
    assert day.overnight_rmssd_sample_count == 3
    assert day.overnight_rmssd_ms == pytest.approx(160)


def test_source_of_a_run_is_read_like_any_other(tmp_path: Path) -> None:
    beats = "".join(line(minute, "60", kind="HeartRate") for minute in range(9))

    export = read_both(tmp_path, beats.replace('"count"', '"count/min"'))

    assert [day.heart_rate_sources for day in export.days.values()] == [("Sam’s <Watch>",)]


@pytest.mark.parametrize(
    "text",
    [
        line(1).replace("’", "\x0b"),
        line(1).replace("&lt;", "&lol;"),
        line(1).replace("&lt;", "<"),
        line(1).replace("&lt;", "&#60;"),
        line(1).replace(' unit="count"', ' unit="count" unit="count"'),
        line(1).replace(' unit="count"', ""),
        line(1, '1" value="2'),
        line(1, more="></Workout>"),
        line(1, more=">words</Record>"),
        line(1, more='><MetadataEntry key="a" key="b" value="c"/></Record>'),
        line(1, more='><MetadataEntry key="HKTimeZone" value="UTC"/></Record>'),
        line(1).rstrip().removesuffix(">"),
    ],
)
def test_record_with_anything_unusual_ends_a_run(text: str) -> None:
    usual = "".join(line(minute) for minute in range(3)).lstrip()
    piece = (usual + text.lstrip()).encode()

    run = run_at(piece, 0)

    assert run is not None
    assert run.length == len(usual.encode())
    alone = run_at(text.lstrip().encode(), 0)
    assert alone is None or 'unit="' not in text


@pytest.mark.parametrize(
    "damage", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xe2"]
)
def test_bytes_that_are_not_xml_are_in_no_run(damage: bytes) -> None:
    assert run_at(line(1).encode().strip().replace("’".encode(), damage), 0) is None


@pytest.mark.parametrize("name", [mutation.__name__ for mutation in MUTATIONS])
def test_each_mutation_changes_exports(name: str, tmp_path: Path) -> None:
    path, _ = generated(tmp_path, "--days", "1", "--scale", "0.02", "--format", "xml")
    original = path.read_bytes()
    mutation = next(mutation for mutation in MUTATIONS if mutation.__name__ == name)

    made = [mutation(original, random.Random(seed)) for seed in range(10)]

    assert sum(content != original for content in made) > 5


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_agree_on_mutants(
    seed: int, tmp_path: Path, taken: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty exports at a time, of a few kilobytes and cut into pieces in many places."""
    chance = random.Random(seed)
    options = ("--ios", "15") if seed % 4 == 3 else ()
    start = ("--days", "1", "--start", "2022-03-02", "--seed", str(seed))
    path, _ = generated(tmp_path, *start, "--scale", "0.02", "--format", "xml", *options)
    original = path.read_bytes()
    outcomes: Counter[type] = Counter()

    for chunk_bytes in itertools.islice(itertools.cycle((262_144, 4096, 333)), 60):
        monkeypatch.setattr(f"{APPLE_HEALTH}.archive.CHUNK_BYTES", chunk_bytes)
        outcomes[type(both(tmp_path, mutant(original, chance)))] += 1

    assert taken.total() > 60 * len(original) / 4
    assert outcomes[HealthExport] > 15
    assert outcomes[str] > 15
