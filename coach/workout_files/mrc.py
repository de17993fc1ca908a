"""MRC and ERG: a course of minutes against percent of FTP, or against watts.

Two points for every edge, as TrainerRoad writes them (its help article 201944204) and GoldenCheetah
reads them (ErgFile.cpp). Every moment has a power: there is no way to leave one open.
"""

from collections.abc import Callable, Iterator

from coach.rules import expanded
from coach.workout_files.prescribed import Prescribed, Stamp, plain

# A line anywhere that holds "[COURSE DATA]" would begin the course.
NO_SECTIONS = str.maketrans("[]", "()")


def mrc(workout: Prescribed, stamp: Stamp) -> bytes:
    return _course(workout, stamp, ["MINUTES PERCENT"], lambda pct: f"{pct:.1f}")


def erg(workout: Prescribed, stamp: Stamp) -> bytes:
    ftp_w = workout.ftp_w
    assert ftp_w is not None  # noqa: S101  formats.py sees to it
    head = [f"FTP = {ftp_w}", "MINUTES WATTS"]
    return _course(workout, stamp, head, lambda pct: f"{pct * ftp_w / 100:.0f}")


def _course(
    workout: Prescribed, stamp: Stamp, head: list[str], shown: Callable[[float], str]
) -> bytes:
    name = f"{workout.plan.type}: {workout.plan.description}"
    lines = [
        "[COURSE HEADER]",
        "VERSION = 2",
        "UNITS = ENGLISH",
        f"DESCRIPTION = {plain(name).translate(NO_SECTIONS)}",
        f"FILE NAME = {stamp.file_name}",
        *head,
        "[END COURSE HEADER]",
        "[COURSE DATA]",
        *(f"{seconds / 60:.4f}\t{shown(pct)}" for seconds, pct in _points(workout)),
        "[END COURSE DATA]",
    ]
    return ("\n".join(lines) + "\n").encode()


def _points(workout: Prescribed) -> Iterator[tuple[int, float]]:
    seconds = 0
    for step in expanded(workout.plan):
        power = workout.power_pct(step)
        assert power is not None  # noqa: S101  formats.py sees to it
        yield seconds, power[0]
        seconds += step.seconds
        yield seconds, power[1]
