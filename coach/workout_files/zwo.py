"""ZWO: the XML that Zwift and its likes read, with powers as fractions of FTP.

After h4l/zwift-workout-file-reference and what GoldenCheetah reads (ZwoParser.cpp): `PowerLow` is
where a block starts, also in a cool-down, and a text's offset counts from the start of its block.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from coach.replies import Cadence, Repeat, Step
from coach.workout_files.prescribed import Prescribed, Stamp, plain, told

AUTHOR = "Lanterne Rouge"
SLOPE_BLOCKS = {"warmup": "Warmup", "ramp": "Ramp", "cooldown": "Cooldown"}
EVEN = {"steady", "recovery"}


def zwo(workout: Prescribed, _: Stamp) -> bytes:
    root = Element("workout_file")
    head = {
        "author": AUTHOR,
        "name": plain(workout.plan.type),
        "description": plain(workout.plan.description),
        "sportType": "bike",
        "tags": "",
    }
    for name, text in head.items():
        SubElement(root, name).text = text
    blocks = SubElement(root, "workout")
    for item in workout.plan.steps:
        blocks.extend(_blocks(workout, item))
    indent(root)
    written: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _blocks(workout: Prescribed, item: Step | Repeat) -> Iterator[Element]:
    if isinstance(item, Step):
        yield _block(workout, item)
    elif powers := _on_and_off(workout, item):
        yield _intervals(item, *powers)
    else:
        for _ in range(item.count):
            for step in item.steps:
                yield _block(workout, step)


def _block(workout: Prescribed, step: Step) -> Element:
    power = workout.power_pct(step)
    duration = {"Duration": str(step.seconds)}
    if power is None:
        block = Element("FreeRide", duration)
    elif step.kind in SLOPE_BLOCKS:
        low, high = (_fraction(pct) for pct in power)
        block = Element(SLOPE_BLOCKS[step.kind], {**duration, "PowerLow": low, "PowerHigh": high})
    else:
        block = Element("SteadyState", {**duration, "Power": _fraction(power[0])})
    _add_cadence(block, "Cadence", step.cadence)
    _add_text(block, 0, told(step, has_target=power is not None))
    return block


def _on_and_off(workout: Prescribed, repeat: Repeat) -> tuple[float, float] | None:
    """The powers of two even steps: the one kind of repeat that the format has a block for."""
    powers = [workout.power_pct(step) for step in repeat.steps if step.kind in EVEN]
    match powers, len(repeat.steps):
        case [(on, _), (off, _)], 2:
            return on, off
    return None


def _intervals(repeat: Repeat, on_pct: float, off_pct: float) -> Element:
    on, off = repeat.steps
    block = Element(
        "IntervalsT",
        {
            "Repeat": str(repeat.count),
            "OnDuration": str(on.seconds),
            "OffDuration": str(off.seconds),
            "OnPower": _fraction(on_pct),
            "OffPower": _fraction(off_pct),
        },
    )
    _add_cadence(block, "Cadence", on.cadence)
    _add_cadence(block, "CadenceResting", off.cadence)
    for lap in range(repeat.count):
        start_s = lap * (on.seconds + off.seconds)
        _add_text(block, start_s, told(on, has_target=True))
        _add_text(block, start_s + on.seconds, told(off, has_target=True))
    return block


def _fraction(pct: float) -> str:
    return f"{pct / 100:.4f}"


def _add_cadence(block: Element, name: str, cadence: Cadence | None) -> None:
    """One number is all there is a place for: the middle of the range."""
    if cadence is not None:
        block.set(name, str(round((cadence.low + cadence.high) / 2)))


def _add_text(block: Element, offset_s: int, message: str) -> None:
    if message:
        SubElement(block, "textevent", {"timeoffset": str(offset_s), "message": message})
