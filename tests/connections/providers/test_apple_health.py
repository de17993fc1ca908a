"""Whole exports: everything the generator knows to be right must be read, however it is written."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connections.providers.apple_health import NotAnExport, read_export
from tests.connections.providers.health_answers import differences, value_count
from tests.connections.providers.health_xml import zipped

# Not imported by name: the generator is a program of its own, kept as it came.
make_export = importlib.import_module("tests.make_export")

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "apple-health"

# Thirty days from 2022-03-01 hold the American change of 13 March, from 2022-03-20 the
# European of 27 March and the one of Lord Howe, half an hour, of 3 April.
VARIANTS = {
    "as_apple_writes_it": (),
    "bare_xml": ("--format", "xml"),
    "ios_15": ("--ios", "15"),
    "ios_15_kilojoules": ("--ios", "15", "--units", "kj"),
    "metric": ("--units", "metric"),
    "kilojoules": ("--units", "kj"),
    "offset_of_each_record": ("--offset-mode", "record"),
    "kathmandu": ("--tz", "Asia/Kathmandu"),
    "lord_howe": ("--tz", "Australia/Lord_Howe", "--start", "2022-03-20"),
    "paris_offset_of_each_record": (
        *("--tz", "Europe/Paris", "--start", "2022-03-20", "--offset-mode", "record"),
    ),
    "autumn": ("--start", "2022-10-20"),
    "midnight_does_not_exist": ("--tz", "America/Santiago", "--start", "2022-08-25"),
    "attributes_on_several_lines": ("--style", "pretty"),
    "localized_name": ("--xml-name", "导出.xml"),
    "broken_document_type": ("--defects", "dtd"),
    "start_date_twice": ("--defects", "dupattr"),
    "control_characters": ("--defects", "vt"),
    "all_damage": ("--defects", "dtd,dupattr,vt"),
    "all_damage_pretty_bare": (
        *("--defects", "dtd,dupattr,vt", "--style", "pretty", "--format", "xml"),
    ),
}


def generated(folder: Path, *options: str) -> tuple[Path, dict[str, Any]]:
    path = folder / ("export.xml" if "xml" in options else "export.zip")
    usual = ("--days", "30", "--scale", "0.05", "--start", "2022-03-01", "--out", str(path))
    make_export.main([*usual, *options])
    answers: dict[str, Any] = json.loads(Path(f"{path}.expected.json").read_text(encoding="utf-8"))
    return path, answers


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_export_gives_every_expected_value(options: Sequence[str], tmp_path: Path) -> None:
    path, answers = generated(tmp_path, *options)

    export = read_export(path, ZoneInfo(answers["meta"]["tz"]))

    assert differences(export, answers) == []
    assert export == read_export(path, ZoneInfo(answers["meta"]["tz"]), takes_runs=False)
    assert export.problems == {}
    assert export.home_zone == answers["meta"]["tz"]
    assert value_count(answers) > 1200


def test_dense_export_gives_every_expected_value(tmp_path: Path) -> None:
    path, answers = generated(tmp_path, "--days", "14", "--scale", "1", "--seed", "3")

    export = read_export(path, ZoneInfo(answers["meta"]["tz"]))

    assert differences(export, answers) == []


def test_truncated_export_is_refused(tmp_path: Path) -> None:
    path, _ = generated(tmp_path, "--defects", "truncate")

    with pytest.raises(NotAnExport, match=r"stops before its end.*export again on the iPhone"):
        read_export(path, ZoneInfo("America/Los_Angeles"))


def test_progress_counts_up_to_the_size_of_the_xml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connections.providers.apple_health.reader.PROGRESS_STEP_BYTES", 500_000)
    path, answers = generated(tmp_path)
    told: list[tuple[int, int]] = []

    read_export(path, ZoneInfo("UTC"), lambda done, total: told.append((done, total)))

    xml_bytes = answers["meta"]["bytes"]
    steps = [done for done, _ in told]
    assert len(steps) == xml_bytes // 524_288 + 1
    assert steps == sorted(steps)
    assert told[-1] == (xml_bytes, xml_bytes)
    assert {total for _, total in told} == {xml_bytes}


def test_progress_may_stop_the_reading(tmp_path: Path) -> None:
    path, _ = generated(tmp_path)

    def stop(_done: int, _total: int) -> None:
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        read_export(path, ZoneInfo("UTC"), stop)


def test_result_does_not_depend_on_where_chunks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answers = generated(tmp_path, "--days", "5", "--defects", "dtd,dupattr,vt")
    zone = ZoneInfo(answers["meta"]["tz"])
    whole = read_export(path, zone)

    monkeypatch.setattr("connections.providers.apple_health.archive.CHUNK_BYTES", 97)

    assert read_export(path, zone) == whole
    assert differences(whole, answers) == []


# Days, workouts and left-out elements, counted by hand. One file names no source for most.
SAMPLES_HOLD = {
    "alxdrcirilo/export.xml": (2, 0, 0),
    "alxdrcirilo/export.zip": (2, 0, 0),
    "dogsheep/export.xml": (4, 1, 0),
    "dogsheep/zip_contents/apple_health_export/export.xml": (4, 1, 0),
    "paulstaab/export.xml": (1, 1, 12),
    "paulstaab/export.zip": (1, 1, 12),
    "tagbug/example.xml": (2, 0, 0),
    "tagbug/export.xml": (2, 0, 0),
}


@pytest.mark.skipif(not SAMPLES.exists(), reason="third-party samples are not in the project")
@pytest.mark.parametrize("name", SAMPLES_HOLD)
def test_third_party_sample_is_read(name: str) -> None:
    export = read_export(SAMPLES / name, ZoneInfo("Europe/Amsterdam"))

    held = (len(export.days), len(export.workouts), sum(export.problems.values()))
    assert held == SAMPLES_HOLD[name]


@pytest.mark.skipif(not SAMPLES.exists(), reason="third-party samples are not in the project")
@pytest.mark.parametrize("name", [name for name in SAMPLES_HOLD if name.endswith(".xml")])
def test_third_party_sample_is_the_same_in_a_zip(name: str, tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    content = (SAMPLES / name).read_bytes()
    packed = zipped(tmp_path / "export.zip", [("apple_health_export/exportar.xml", content)])

    assert read_export(packed, zone) == read_export(SAMPLES / name, zone)
