from itertools import pairwise

from hypothesis import given

from coach.replies import Step, Target
from coach.workout_files.mrc import erg, mrc
from coach.workout_files.prescribed import Prescribed
from tests.coach.test_workouts import repeat, step
from tests.coach.workout_plans import (
    FTP_W,
    LTHR_BPM,
    STAMP,
    any_workout,
    of_steps,
    prescribed,
    quickly,
    ridden_s,
)

WORKOUT = prescribed(
    step("warmup", 600, 45.0, 65.0),
    repeat(2, step("steady", 100, 98.6, 103.0), step("recovery", 50, 52.0)),
    step("cooldown", 300, 65.0, 40.0),
    type="tempo",
)


def points(written: bytes) -> list[tuple[float, float]]:
    lines = written.decode().split("\n")
    course = lines[lines.index("[COURSE DATA]") + 1 : lines.index("[END COURSE DATA]")]
    return [
        (float(minutes), float(value)) for minutes, value in (one.split("\t") for one in course)
    ]


def test_mrc_is_a_course_of_minutes_and_percent_with_two_points_at_every_edge() -> None:
    assert mrc(WORKOUT, STAMP).decode() == (
        "[COURSE HEADER]\n"
        "VERSION = 2\n"
        "UNITS = ENGLISH\n"
        "DESCRIPTION = tempo: An hour at an even, easy pace.\n"
        "FILE NAME = 2026-07-04-tempo.erg\n"
        "MINUTES PERCENT\n"
        "[END COURSE HEADER]\n"
        "[COURSE DATA]\n"
        "0.0000\t45.0\n"
        "10.0000\t65.0\n"
        "10.0000\t100.8\n"
        "11.6667\t100.8\n"
        "11.6667\t52.0\n"
        "12.5000\t52.0\n"
        "12.5000\t100.8\n"
        "14.1667\t100.8\n"
        "14.1667\t52.0\n"
        "15.0000\t52.0\n"
        "15.0000\t65.0\n"
        "20.0000\t40.0\n"
        "[END COURSE DATA]\n"
    )


def test_erg_says_its_ftp_and_the_watts_that_are_meant() -> None:
    head, _, course = erg(WORKOUT, STAMP).decode().partition("[COURSE DATA]\n")

    assert head == (
        "[COURSE HEADER]\n"
        "VERSION = 2\n"
        "UNITS = ENGLISH\n"
        "DESCRIPTION = tempo: An hour at an even, easy pace.\n"
        "FILE NAME = 2026-07-04-tempo.erg\n"
        "FTP = 220\n"
        "MINUTES WATTS\n"
        "[END COURSE HEADER]\n"
    )
    assert course == (
        "0.0000\t99\n"
        "10.0000\t143\n"
        "10.0000\t222\n"
        "11.6667\t222\n"
        "11.6667\t114\n"
        "12.5000\t114\n"
        "12.5000\t222\n"
        "14.1667\t222\n"
        "14.1667\t114\n"
        "15.0000\t114\n"
        "15.0000\t143\n"
        "20.0000\t88\n"
        "[END COURSE DATA]\n"
    )


def test_text_stays_on_its_line_and_begins_no_section() -> None:
    odd = "a\n[COURSE DATA]\r\n0\t300\x00\ud800é"
    target = Target(unit="pct_ftp", low=50, high=50)
    even = Step(kind="steady", seconds=60, target=target, cadence=None, cue="")
    plan = of_steps([even], type=odd, description="b")

    lines = mrc(Prescribed(plan, FTP_W, LTHR_BPM), STAMP).decode().split("\n")

    assert lines[3] == "DESCRIPTION = a (COURSE DATA) 0 300 é: b"
    assert lines[7:] == ["[COURSE DATA]", "0.0000\t50.0", "1.0000\t50.0", "[END COURSE DATA]", ""]


@given(any_workout(has_power=True))
@quickly
def test_any_workout_with_power_runs_from_0_to_its_end_in_both(workout: Prescribed) -> None:
    ends_s = [0]
    for seconds in ridden_s(workout):
        ends_s.append(ends_s[-1] + seconds)
    edges = [edge for pair in pairwise(ends_s) for edge in pair]
    percents, watts = points(mrc(workout, STAMP)), points(erg(workout, STAMP))

    assert [round(60 * minutes) for minutes, _ in percents] == edges
    assert [minutes for minutes, _ in percents] == sorted(minutes for minutes, _ in percents)
    assert [minutes for minutes, _ in watts] == [minutes for minutes, _ in percents]
    ftp_w = workout.ftp_w or 0
    # A percent is told to its tenth, a watt as a whole one.
    assert all(
        abs(watt - pct * ftp_w / 100) <= 0.5 + 0.05 * ftp_w / 100 + 1e-6
        for (_, pct), (_, watt) in zip(percents, watts, strict=True)
    )
