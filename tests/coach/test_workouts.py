from typing import Any

import pytest

from coach import workouts
from coach.replies import WorkoutPlan
from coach.workouts import Bar, Block, Line
from tests.coach.samples import Changes, decision

FTP_W = 220


def plan(*steps: dict[str, Any], **changes: Any) -> WorkoutPlan:
    named: Changes = {f"workout_plan.{name}": value for name, value in changes.items()}
    made = decision({"workout_plan.steps": list(steps)}, named).workout_plan
    assert made is not None
    return made


def step(
    kind: str,
    seconds: int,
    *span: float,
    unit: str = "pct_ftp",
    cue: str = "",
) -> dict[str, Any]:
    target = {"unit": unit, "low": span[0], "high": span[-1]} if span else None
    return {"kind": kind, "seconds": seconds, "target": target, "cadence": None, "cue": cue}


def repeat(count: int, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "repeat", "count": count, "steps": list(steps)}


def test_bars_are_the_steps_in_riding_order_as_wide_as_they_last() -> None:
    drawn = workouts.bars(
        plan(
            step("warmup", 600, 39.0, 65.0),
            repeat(2, step("steady", 900, 91.0, 104.0), step("recovery", 300, 52.0)),
            step("cooldown", 600, 65.0, 39.0),
        )
    )

    assert drawn == [
        Bar(0, 99, 30, 50, "Z1", "warm-up, 10 min at 39 to 65 % of FTP"),
        Bar(100, 149, 75, 75, "Z4", "steady, 15 min at 91 to 104 % of FTP"),
        Bar(250, 49, 40, 40, "Z1", "easy, 5 min at 52 % of FTP"),
        Bar(300, 149, 75, 75, "Z4", "steady, 15 min at 91 to 104 % of FTP"),
        Bar(450, 49, 40, 40, "Z1", "easy, 5 min at 52 % of FTP"),
        Bar(500, 99, 50, 30, "Z1", "cool-down, 10 min at 65 to 39 % of FTP"),
    ]


def test_bars_of_a_plan_without_steps_are_its_zones_easiest_first() -> None:
    zones = {"Z1": 20, "Z2": 30, "Z3": 0, "Z4": 0, "Z5": 10, "Z6": 0, "Z7": 0}

    drawn = workouts.bars(plan(zones=zones))

    assert [(bar.zone, bar.width, bar.label) for bar in drawn] == [
        ("Z1", 199, "Z1, 20 min"),
        ("Z2", 299, "Z2, 30 min"),
        ("Z5", 99, "Z5, 10 min"),
    ]


def test_bars_of_a_plan_without_steps_and_zones_are_none() -> None:
    assert workouts.bars(plan(zones={f"Z{zone}": 0 for zone in range(1, 8)})) == []


@pytest.mark.parametrize(
    ("span", "unit", "zone", "height"),
    [
        ((55.0,), "pct_ftp", "Z1", 42),
        ((75.0,), "pct_ftp", "Z2", 58),
        ((90.0,), "pct_ftp", "Z3", 69),
        ((105.0,), "pct_ftp", "Z4", 81),
        ((120.0,), "pct_ftp", "Z5", 92),
        ((150.0,), "pct_ftp", "Z6", 100),
        ((250.0,), "pct_ftp", "Z7", 100),
        ((0.0,), "pct_ftp", "Z1", 6),
        ((5.0,), "rpe", "Z2", 58),
        ((7.0, 9.0), "rpe", "Z4", 77),
        ((0.0,), "rpe", "Z1", 27),
        ((20.0,), "rpe", "Z5", 92),
        ((), "", "Z1", 38),
    ],
)
def test_bar_has_the_zone_and_the_height_of_its_target(
    span: tuple[float, ...], unit: str, zone: str, height: int
) -> None:
    (bar,) = workouts.bars(plan(step("steady", 3_600, *span, unit=unit)))

    assert (bar.zone, round(bar.left), bar.right, bar.width) == (zone, height, bar.left, 599)


def test_bar_is_a_polygon_from_the_ground_to_its_two_heights() -> None:
    (bar,) = workouts.bars(plan(step("ramp", 3_600, 65.0, 130.0)))

    assert bar.points == "0.0,100.0 0.0,50.0 599.0,0.0 599.0,100.0"


def test_bar_of_a_second_can_still_be_seen() -> None:
    second, _ = workouts.bars(plan(step("steady", 1, 100.0), step("steady", 43_200, 50.0)))

    assert second.width == 1


def test_line_of_ftp_lies_where_a_bar_of_100_percent_ends() -> None:
    (bar,) = workouts.bars(plan(step("steady", 3_600, 100.0)))

    assert pytest.approx(bar.left) == workouts.HEIGHT - workouts.FTP_Y


def test_blocks_keep_repeats_together_and_add_watts() -> None:
    told = workouts.blocks(
        plan(
            step("warmup", 600, 45.0, 60.0),
            repeat(
                4,
                step("steady", 485, 98.6, 103.0, cue="Even power."),
                step("free", 40),
            ),
        ),
        FTP_W,
    )

    assert list(told) == [
        Block(1, [Line("warm-up", "Z1", "10 min", "45 to 60 % of FTP", "99 to 132 W", "")]),
        Block(
            4,
            [
                Line(
                    *("steady", "Z4", "8:05 min", "98.6 to 103 % of FTP", "217 to 227 W"),
                    "Even power.",
                ),
                Line("as you like", "", "40 s", "", "", ""),
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("target", "ftp_w", "words", "watts"),
    [
        (step("steady", 60, 88.0), FTP_W, "88 % of FTP", "194 W"),
        (step("steady", 60, 88.0), None, "88 % of FTP", ""),
        (
            step("steady", 60, 80.0, 90.0, unit="pct_lthr"),
            FTP_W,
            "80 to 90 % of threshold heart rate",
            "",
        ),
        (step("steady", 60, 3.0, 4.0, unit="rpe"), FTP_W, "3 to 4 of 10 effort", ""),
    ],
)
def test_target_is_told_in_its_unit_and_in_watts_only_where_they_are_known(
    target: dict[str, Any], ftp_w: int | None, words: str, watts: str
) -> None:
    (block,) = workouts.blocks(plan(target), ftp_w)

    assert [(line.target, line.watts) for line in block.lines] == [(words, watts)]


def test_zone_minutes_leave_out_what_is_not_ridden() -> None:
    zones = {"Z1": 20, "Z2": 30, "Z3": 0, "Z4": 0, "Z5": 0, "Z6": 0, "Z7": 1}

    assert workouts.zone_minutes(plan(zones=zones)) == [
        ("Z1", "recovery", 20),
        ("Z2", "endurance", 30),
        ("Z7", "sprint", 1),
    ]
