"""XML that is damaged as Apple damages it, and XML made to hurt its reader."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from connections.providers.apple_health import NotAnExport
from connections.providers.apple_health.xml_bytes import repaired, root_onwards, whole_tags
from tests.connections.providers.health_xml import (
    EXPORT_DATE,
    PROLOG,
    element,
    export_xml,
    metadata,
    read,
    read_bytes,
    record,
    workout,
)

WEIGHT = record("BodyMass", "2024-01-10 12:00:00", "70", "kg")
UNLIKE_APPLE = "built in a way that no Apple Health export is"
CUT_OFF = "The export stops before its end"

BILLION_LAUGHS = """<!DOCTYPE HealthData [
<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>"""
EXTERNAL_ENTITY = '<!DOCTYPE HealthData [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
PARAMETER_ENTITY = '<!DOCTYPE HealthData [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>'


def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(NotAnExport) as refused:
        read_bytes(tmp_path, content)
    return str(refused.value)


@pytest.mark.parametrize("prolog", [BILLION_LAUGHS, EXTERNAL_ENTITY, PARAMETER_ENTITY])
def test_entities_are_refused(prolog: str, tmp_path: Path) -> None:
    assert "defines XML entities" in refusal(tmp_path, export_xml(WEIGHT, prolog=prolog))


def test_undefined_entity_is_refused(tmp_path: Path) -> None:
    laughing = export_xml(WEIGHT.replace('"70"', '"&lol;"'))

    assert "damaged near line 2" in refusal(tmp_path, laughing)


@pytest.mark.parametrize(
    "prolog",
    [
        "",
        PROLOG,
        '<!DOCTYPE HealthData SYSTEM "http://127.0.0.1:9/never-asked.dtd">',
        '<!DOCTYPE HealthData PUBLIC "x" "file:///never/opened.dtd">',
        "<?xml version='1.0' encoding='utf-8'?><!-- by hand --><?other thing?>",
        "<!DOCTYPE HealthData [\n<!ATTLIST RightEye\n sphere CDATA #IMPLIED\n<!ELEMENT x\n>\n]>",
        f"<!DOCTYPE HealthData [{'<!-- long -->' * 15_000}]>",
    ],
)
def test_whatever_stands_before_the_root_is_not_parsed(prolog: str, tmp_path: Path) -> None:
    export = read_bytes(tmp_path, export_xml(WEIGHT, prolog=prolog))

    assert [day.weight_kg for day in export.days.values()] == [70]


def test_endless_prolog_is_refused(tmp_path: Path) -> None:
    prolog = f"<!DOCTYPE HealthData [{'<!-- long -->' * 25_000}]>"

    assert UNLIKE_APPLE in refusal(tmp_path, export_xml(WEIGHT, prolog=prolog))


def test_search_for_the_root_ends() -> None:
    with pytest.raises(NotAnExport, match=UNLIKE_APPLE):
        next(root_onwards(itertools.repeat(b"<!-- " + b"x" * 65_536)))


def test_other_declared_encoding_is_refused(tmp_path: Path) -> None:
    content = export_xml(WEIGHT, prolog='<?xml version="1.0" encoding="ISO-8859-1"?>')

    assert "written in ISO-8859-1" in refusal(tmp_path, content)


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    assert "damaged near line" in refusal(tmp_path, export_xml(WEIGHT).replace(b"kg", b"\xff\xfe"))


def with_attributes(count: int) -> str:
    return element("Record", **{f"a{number}": "" for number in range(count)})


# Made when asked for: some are large.
UNLIKE_APPLES: dict[str, Callable[[], str]] = {
    "huge_attribute": lambda: element("Record", device="x" * 5_000_000),
    "million_attributes": lambda: "<Record" + ' a=""' * 1_000_000 + "/>",
    "65_attributes": lambda: with_attributes(65),
    "nested_200000_deep": lambda: "<a>" * 200_000 + "</a>" * 200_000,
    "nested_17_deep": lambda: "<a>" * 16 + "</a>" * 16,
    "huge_text": lambda: "x" * 5_000_000,
    "huge_comment": lambda: f"<!-- {'<' * 5_000_000} -->",
    "huge_names": lambda: "".join(f"<{'n' * 50_000}{number}/>" for number in range(3)),
    "20000_names": lambda: "".join(f"<name{number}/>" for number in range(20_000)),
}


@pytest.mark.parametrize("inside", UNLIKE_APPLES.values(), ids=UNLIKE_APPLES.keys())
def test_xml_unlike_apples_is_refused(inside: Callable[[], str], tmp_path: Path) -> None:
    assert UNLIKE_APPLE in refusal(tmp_path, export_xml(inside()))


def test_unclosed_comment_of_many_tags_is_refused(tmp_path: Path) -> None:
    content = export_xml("<!-- ", WEIGHT * 20_000)

    assert UNLIKE_APPLE in refusal(tmp_path, content)


def test_long_character_data_is_passed_over(tmp_path: Path) -> None:
    long = f"<![CDATA[{'<' * 3_000_000}]]>"

    assert len(read(tmp_path, long, WEIGHT).days) == 1


def test_depth_and_attributes_at_the_limit_are_read(tmp_path: Path) -> None:
    deep = "<a>" * 15 + "</a>" * 15
    wide = with_attributes(64)

    assert len(read(tmp_path, deep, wide, WEIGHT).days) == 1


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_truncated_xml_is_refused(share: float, tmp_path: Path) -> None:
    content = export_xml(*[WEIGHT] * 200)

    assert CUT_OFF in refusal(tmp_path, content[: int(len(content) * share)])


def test_missing_end_of_the_root_is_refused(tmp_path: Path) -> None:
    assert CUT_OFF in refusal(tmp_path, export_xml(WEIGHT).replace(b"</HealthData>", b""))


def test_second_root_is_refused(tmp_path: Path) -> None:
    assert "damaged near line" in refusal(tmp_path, export_xml(WEIGHT) + export_xml(WEIGHT))


def test_wrong_nesting_is_refused(tmp_path: Path) -> None:
    assert "damaged near line 2" in refusal(tmp_path, export_xml("<Record></Workout>"))


def test_control_characters_are_dropped(tmp_path: Path) -> None:
    controls = "".join(chr(number) for number in range(32) if chr(number) not in "\t\n\r")
    note = element("MetadataEntry", key="note", value="a").replace('"a"', f'"{controls}"')
    name = f"Sca{controls}le"

    export = read(
        tmp_path,
        record("BodyMass", "2024-01-10 12:00:00", "70", "kg", source=name, children=[note]),
    )

    assert [day.weight_source for day in export.days.values()] == ["Scale"]


def test_elements_that_are_not_read_do_no_harm(tmp_path: Path) -> None:
    export = read(
        tmp_path,
        "<Me><HKCharacteristicTypeIdentifierDateOfBirth>1980-01-01"
        "</HKCharacteristicTypeIdentifierDateOfBirth></Me>",
        element("ClinicalRecord", type="x", resourceFilePath="/clinical-records/a.json"),
        element("Audiogram", [element("SensitivityPoint", frequencyValue="1")]),
        element("Record", type="HKDataTypeSleepDurationGoal", value="8"),
        element("Record"),
        "<Record/>",
        workout(
            "2024-01-10 12:00:00",
            "2024-01-10 13:00:00",
            element("WorkoutRoute", [element("Location", latitude="37", longitude="-122")] * 5),
        ),
        element("VisionPrescription", [element("RightEye", sphere="1")]),
        WEIGHT,
    )

    assert export.problems == {}
    assert len(export.workouts) == 1
    assert [day.weight_kg for day in export.days.values()] == [70]


def test_records_inside_a_correlation_are_not_counted_twice(tmp_path: Path) -> None:
    steps = record("StepCount", "2024-01-10 12:00:00", "100", "count", end="2024-01-10 12:05:00")
    other = record("StepCount", "2024-01-10 13:00:00", "50", "count", end="2024-01-10 13:05:00")

    export = read(tmp_path, element("Correlation", [metadata("x", "y"), other, steps]), steps)

    assert [day.steps_raw for day in export.days.values()] == [100]


BROKEN = (
    b'<HealthData a="&lt;WorkoutStatistics startDate= startDate=">\n'
    b' <WorkoutStatistics type="t" startDate="1" startDate="2" sum="3"/>\n'
    b' <WorkoutStatistics startDate = "1"\n\t startDate= "2"></WorkoutStatistics>\n'
    b' <WorkoutStatistics startDate="1" endDate="2"/>\x0b\n'
    b' <WorkoutStatistics startDate="1" startDate="2" endDate="3"/>\n'
    b' <WorkoutStatistics restartDate="1" startDate="2"/>\n'
    b' <WorkoutStatisticsOther startDate="1" startDate="2"/>\n</HealthData>\n'
)
REPAIRED = (
    b'<HealthData a="&lt;WorkoutStatistics startDate= startDate=">\n'
    b' <WorkoutStatistics type="t" startDate="1" endDate="2" sum="3"/>\n'
    b' <WorkoutStatistics startDate = "1"\n\t endDate= "2"></WorkoutStatistics>\n'
    b' <WorkoutStatistics startDate="1" endDate="2"/>\n'
    b' <WorkoutStatistics startDate="1" startDate="2" endDate="3"/>\n'
    b' <WorkoutStatistics restartDate="1" startDate="2"/>\n'
    b' <WorkoutStatisticsOther startDate="1" startDate="2"/>\n</HealthData>\n'
)


@pytest.mark.parametrize("size", [*range(1, 40), 64, 97, 200, 1000])
def test_second_start_date_is_repaired_wherever_chunks_end(size: int) -> None:
    chunks = [BROKEN[start : start + size] for start in range(0, len(BROKEN), size)]

    pieces = list(whole_tags(chunks))

    assert b"".join(map(repaired, pieces)) == REPAIRED
    assert all(piece.startswith(b"<") for piece in pieces)
    assert all(b">" in piece for piece in pieces)


def test_every_cut_of_a_small_export_is_read_or_refused(tmp_path: Path) -> None:
    content = export_xml(WEIGHT)
    first = len(PROLOG) + len("<HealthData")
    refused = [
        refusal(tmp_path, content[:end]) for end in range(first, content.index(b"</HealthData>"))
    ]

    assert {len(reason) > 40 for reason in refused} == {True}


def test_export_without_any_record_is_empty(tmp_path: Path) -> None:
    export = read_bytes(tmp_path, f"<HealthData>{EXPORT_DATE}</HealthData>".encode())

    assert (export.days, export.workouts, export.problems) == ({}, (), {})


def test_whitespace_between_tags_does_no_harm(tmp_path: Path) -> None:
    gaps = itertools.cycle(("\n", "\r\n", "\t", "   "))
    content = b"".join(
        line + next(gaps).encode() for line in export_xml(*[WEIGHT] * 3).splitlines()
    )

    assert [day.weight_kg for day in read_bytes(tmp_path, content).days.values()] == [70]
