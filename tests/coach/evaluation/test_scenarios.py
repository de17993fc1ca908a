import json
from pathlib import Path
from typing import Any

import pytest

from coach.evaluation import scenarios
from coach.evaluation.scenarios import BadFile
from tests.coach.evaluation.samples import CONTEXT, file, scenario
from tests.sandbox.scenarios import FILE, SCENARIOS

TODO = "Mend the file and try again. docs/coach.md says what a scenario file holds."


def problem(path: Path, *only: str) -> str:
    with pytest.raises(BadFile) as bad:
        scenarios.read(path, only)
    return str(bad.value).replace(str(path), "FILE")


def test_file_that_is_given_is_read_whole() -> None:
    read = scenarios.read(FILE)

    assert [one.id for one in read] == [one["id"] for one in SCENARIOS]
    assert [one.expect.asked() for one in read] == [one["expect"] for one in SCENARIOS]
    assert [one.situation().today.date.isoformat() for one in read] == [
        one["context"]["today"]["date"] for one in SCENARIOS
    ]


def test_some_can_be_chosen_and_keep_their_order() -> None:
    assert [one.id for one in scenarios.read(FILE, ["SC05", "SC01"])] == ["SC01", "SC05"]


def test_scenario_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = file(tmp_path, scenario("A1"), scenario("A2"))

    assert problem(path, "A2", "B7") == (
        "FILE has no scenario B7. It has A1, A2: name some of these after --only."
    )


def test_null_that_is_asked_for_is_not_the_same_as_nothing_asked_for(tmp_path: Path) -> None:
    path = file(tmp_path, scenario(expect={"expected_points": None}))

    assert scenarios.read(path)[0].expect.asked() == {"expected_points": None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expect": {"max_minutes": 45}}, "scenarios.0.expect.max_minutes: Extra inputs"),
        ({"expect": {"actions": ["sprint"]}}, "scenarios.0.expect.actions.0: Input should be"),
        ({"expect": {"max_duration": "45"}}, "scenarios.0.expect.max_duration: Input should be"),
        ({"expect": {"must_match": ["("]}}, "A1: expect: '(' is no regular expression"),
        ({"expect": None}, "scenarios.0.expect: Input should be"),
        ({"id": ""}, "scenarios.0.id: String should have at least 1 character"),
        ({"contxt": {}}, "scenarios.0.contxt: Extra inputs are not permitted"),
        ({"context": {}}, "A1: context.mission: Field required"),
        (
            {"context": {**CONTEXT, "metrics": {**CONTEXT["metrics"], "readiness": "high"}}},
            "A1: context.metrics.readiness: Input should be a valid integer",
        ),
        (
            {"context": {**CONTEXT, "metrics": {**CONTEXT["metrics"], "hvr": 50}}},
            "A1: context.metrics.hvr: Extra inputs are not permitted",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_place(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    first, *wrong, last = problem(file(tmp_path, scenario(**changes))).splitlines()

    assert (first, last) == ("FILE cannot be used:", TODO)
    assert any(line.startswith(told) for line in wrong)


def test_id_stands_once(tmp_path: Path) -> None:
    assert problem(file(tmp_path, scenario(), scenario())) == (
        f"FILE cannot be used:\nA1: the id stands there 2 times.\n{TODO}"
    )


def test_only_the_first_of_many_problems_are_told(tmp_path: Path) -> None:
    path = file(tmp_path, *(scenario(f"A{n}", expect={"must_match": ["("]}) for n in range(20)))

    assert len(problem(path).splitlines()) == 1 + scenarios.MOST_PROBLEMS + 2
    assert "\nand 8 more.\n" in problem(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "It is not JSON: Expecting value"),
        (b"{", "It is not JSON: Expecting property name"),
        (b"[]", "the file: Input should be"),
        (b'{"version": 2, "scenarios": []}', "version: Input should be 1."),
        (b'{"version": 1, "scenarios": []}', "scenarios: List should have at least 1 item"),
        (b"\xff\xfe", "FILE cannot be read (UnicodeDecodeError). Give --scenarios a JSON file."),
    ],
)
def test_file_of_another_kind_is_told_plainly(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "scenarios.json"
    path.write_bytes(content)

    assert told in problem(path)


def test_file_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    assert problem(tmp_path / "none.json") == (
        f"{tmp_path / 'none.json'} cannot be read (FileNotFoundError). "
        "Give --scenarios a JSON file."
    ).replace(str(tmp_path / "none.json"), "FILE")


def test_what_a_file_says_about_itself_is_for_people(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.json"
    path.write_text(
        json.dumps({"version": 1, "_fields": {"id": "label"}, "scenarios": [scenario()]})
    )

    assert [one.id for one in scenarios.read(path)] == ["A1"]
