from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from coach.replies import Step
from coach.rules import expanded
from coach.workout_files.prescribed import Prescribed
from coach.workout_files.zwo import zwo
from tests.coach.test_workouts import repeat, step
from tests.coach.workout_plans import (
    FTP_W,
    LTHR_BPM,
    STAMP,
    any_workout,
    of_steps,
    prescribed,
    quickly,
    with_cadence,
)

Block = tuple[str, dict[str, str], list[dict[str, str]]]


def read(workout: Prescribed) -> ET.Element:
    return ET.fromstring(zwo(workout, STAMP))


def blocks(*steps: dict[str, Any], ftp_w: int | None = FTP_W) -> list[Block]:
    """The name, the attributes and the texts of each block."""
    found = read(prescribed(*steps, ftp_w=ftp_w)).find("workout")
    assert found is not None
    return [(one.tag, one.attrib, [text.attrib for text in one]) for one in found]


def test_file_has_the_form_that_zwift_reads() -> None:
    written = zwo(
        prescribed(
            step("warmup", 600, 45.0, 75.0),
            step("steady", 1200, 88.0, 93.0, cue="Even power."),
            type="tempo",
        ),
        STAMP,
    )

    assert written.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<workout_file>\n"
        "  <author>Lanterne Rouge</author>\n"
        "  <name>tempo</name>\n"
        "  <description>An hour at an even, easy pace.</description>\n"
        "  <sportType>bike</sportType>\n"
        "  <tags />\n"
        "  <workout>\n"
        '    <Warmup Duration="600" PowerLow="0.4500" PowerHigh="0.7500" />\n'
        '    <SteadyState Duration="1200" Power="0.9050">\n'
        '      <textevent timeoffset="0" message="Even power." />\n'
        "    </SteadyState>\n"
        "  </workout>\n"
        "</workout_file>\n"
    )


@pytest.mark.parametrize(
    ("kind", "block"), [("warmup", "Warmup"), ("ramp", "Ramp"), ("cooldown", "Cooldown")]
)
def test_power_low_is_where_a_slope_starts_up_or_down(kind: str, block: str) -> None:
    assert blocks(step(kind, 300, 75.0, 40.0), step(kind, 60, 40.0, 75.0)) == [
        (block, {"Duration": "300", "PowerLow": "0.7500", "PowerHigh": "0.4000"}, []),
        (block, {"Duration": "60", "PowerLow": "0.4000", "PowerHigh": "0.7500"}, []),
    ]


def test_even_steps_stand_at_the_middle_of_their_range() -> None:
    assert blocks(step("steady", 300, 88.0, 93.0), step("recovery", 60, 0.0)) == [
        ("SteadyState", {"Duration": "300", "Power": "0.9050"}, []),
        ("SteadyState", {"Duration": "60", "Power": "0.0000"}, []),
    ]


def test_repeat_of_two_even_steps_is_a_block_of_intervals_with_its_texts_by_the_clock() -> None:
    on = with_cadence(step("steady", 240, 100.0, 110.0, cue="Hold it."), 90, 101)
    off = with_cadence(step("recovery", 120, 50.0, cue="Breathe."), 80, 80)

    assert blocks(repeat(2, on, off)) == [
        (
            "IntervalsT",
            {
                "Repeat": "2",
                "OnDuration": "240",
                "OffDuration": "120",
                "OnPower": "1.0500",
                "OffPower": "0.5000",
                "Cadence": "96",
                "CadenceResting": "80",
            },
            [
                {"timeoffset": "0", "message": "Hold it."},
                {"timeoffset": "240", "message": "Breathe."},
                {"timeoffset": "360", "message": "Hold it."},
                {"timeoffset": "600", "message": "Breathe."},
            ],
        )
    ]


@pytest.mark.parametrize(
    ("inside", "written"),
    [
        ([step("steady", 60, 100.0)], ["SteadyState"]),
        ([step("steady", 60, 100.0), step("ramp", 60, 50.0, 60.0)], ["SteadyState", "Ramp"]),
        ([step("steady", 60, 100.0), step("free", 60)], ["SteadyState", "FreeRide"]),
        ([step("free", 60, 50.0), step("steady", 60, 100.0)], ["FreeRide", "SteadyState"]),
        (
            [step("steady", 60, 100.0), step("recovery", 60, 3.0, unit="rpe")],
            ["SteadyState", "FreeRide"],
        ),
        (
            [step("steady", 60, 100.0), step("recovery", 60, 50.0), step("free", 60)],
            ["SteadyState", "SteadyState", "FreeRide"],
        ),
        ([step("steady", 60, 100.0)] * 3, ["SteadyState"] * 3),
    ],
)
def test_any_other_repeat_is_written_out(inside: list[dict[str, Any]], written: list[str]) -> None:
    assert [name for name, _, _ in blocks(repeat(2, *inside))] == written * 2


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (step("free", 300), None),
        (step("free", 300, 50.0, 60.0), "50 to 60 % of FTP"),
        (step("steady", 300, cue="As you feel."), "As you feel."),
        (step("steady", 300, 3.0, 4.0, unit="rpe"), "3 to 4 of 10 effort"),
        (
            step("warmup", 300, 70.0, 80.0, unit="pct_lthr", cue="Gently."),
            "70 to 80 % of threshold heart rate. Gently.",
        ),
    ],
)
def test_step_without_power_is_a_free_ride_that_says_what_was_asked(
    one: dict[str, Any], message: str | None
) -> None:
    texts = [{"timeoffset": "0", "message": message}] if message else []

    assert blocks(one) == [("FreeRide", {"Duration": "300"}, texts)]


def test_cadence_is_told_as_the_middle_of_its_range() -> None:
    slope, even, free = (
        with_cadence(step(kind, 60, *span), 85, 95)
        for kind, span in (("ramp", (50.0, 60.0)), ("steady", (70.0,)), ("free", ()))
    )

    assert [attributes["Cadence"] for _, attributes, _ in blocks(slope, even, free)] == ["90"] * 3


def test_texts_are_escaped_and_lose_what_xml_forbids() -> None:
    odd = "<b>&\"'</b>\x00\x0b\ud800\ufffe ]]> é \U0001f6b4\n\t next"
    cued = Step.model_construct(kind="steady", seconds=60, target=None, cadence=None, cue=odd)
    kept = "<b>&\"'</b> ]]> é \U0001f6b4 next"

    root = read(Prescribed(of_steps([cued], type=odd, description=odd), FTP_W, LTHR_BPM))

    assert (root.findtext("name"), root.findtext("description")) == (kept, kept)
    assert [text.get("message") for text in root.iter("textevent")] == [kept]


Ridden = tuple[int, float | None, float | None]


def played(root: ET.Element) -> list[Ridden]:
    """Seconds, and the power at the start and at the end, of every step as a trainer rides it."""
    steps: list[Ridden] = []
    for block in root.findall("workout/*"):
        told = {name: float(value) for name, value in block.items()}
        if block.tag == "IntervalsT":
            on, off = told["OnPower"], told["OffPower"]
            lap: list[Ridden] = [
                (int(told["OnDuration"]), on, on),
                (int(told["OffDuration"]), off, off),
            ]
            steps += lap * int(told["Repeat"])
        else:
            even = told.get("Power")
            start, end = told.get("PowerLow", even), told.get("PowerHigh", even)
            steps.append((int(told["Duration"]), start, end))
    return steps


def asked(workout: Prescribed) -> list[Ridden]:
    """The same, of the plan itself."""
    steps: list[Ridden] = []
    for one in expanded(workout.plan):
        start = end = None
        if one.kind != "free" and one.target and one.target.unit == "pct_ftp":
            start, end = one.target.low / 100, one.target.high / 100
            if one.kind in {"steady", "recovery"}:
                start = end = (start + end) / 2
        steps.append((one.seconds, start, end))
    return steps


@given(any_workout())
@quickly
def test_any_workout_is_read_back_with_its_times_and_with_its_powers_as_fractions_of_ftp(
    workout: Prescribed,
) -> None:
    told, meant = played(read(workout)), asked(workout)

    assert [seconds for seconds, _, _ in told] == [seconds for seconds, _, _ in meant]
    for (_, *powers), (_, *shares) in zip(told, meant, strict=True):
        assert powers == [
            share if share is None else pytest.approx(share, abs=6e-5) for share in shares
        ]
