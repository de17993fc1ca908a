import json
import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.legacy import reading
from missions.legacy.file import NotLegacy, calendar_day, shown, whole_number
from missions.legacy.game import Award, PlannedStage, Record, RiddenStage, our_bonus
from missions.legacy.reading import LegacyMission
from missions.models import StageType

SAMPLES = Path(__file__).parent.parent / "data" / "legacy"
WEEKEND = (SAMPLES / "long_weekend.toml").read_text()
WEEKEND_POINTS = (SAMPLES / "long_weekend_points.json").read_text()
THREE_WEEKS = (SAMPLES / "three_weeks.toml").read_text()
THREE_WEEKS_POINTS = (SAMPLES / "three_weeks_points.json").read_text()

PLAN = (
    PlannedStage(date(2025, 5, 2), 1, "flat"),
    PlannedStage(date(2025, 5, 3), 2, "mountain"),
    PlannedStage(date(2025, 5, 4), None, None),
    PlannedStage(date(2025, 5, 5), 3, "hilly"),
)
NOT_TOLD = """
name = "Bare"
[tdf_simulation]
start_date = "2025-05-02"
end_date = "2025-05-03"
"""


def weekend(*changes: tuple[str, str]) -> LegacyMission:
    """The mission of the sample in which everything adds up, with parts of its text replaced."""
    text = WEEKEND
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return reading.read("m.toml", text)


def flags(mission: LegacyMission) -> list[str]:
    return [str(flag) for flag in mission.flags]


def test_plan_alone_is_read_whole() -> None:
    assert weekend() == LegacyMission(
        name="Long Weekend",
        prep_start=date(2025, 3, 1),
        event_start=date(2025, 5, 2),
        event_end=date(2025, 5, 5),
        days=PLAN,
        limits={
            "min_readiness": 72,
            "max_rhr": 58,
            "min_tsb": -12,
            "force_rest_readiness": 62,
            "force_rest_tsb": -22,
        },
        targets={
            "ctl": 45,
            "long_ride_minutes": 90,
            "climb_minutes": 40,
            "threshold_minutes": 15,
        },
        points_schema={
            "flat": {"gc": 5, "breakaway": 8},
            "hilly": {"gc": 7, "breakaway": 11},
            "mountain": {"gc": 10, "breakaway": 15},
            "bonuses": {
                "consecutive_3": {"threshold": 3, "points": 8},
                "all_mountains_breakaway": {"threshold": 1, "points": 10},
                "all_gc": {"threshold": 3, "points": 25},
            },
        },
        bonus_names={
            "consecutive_3_stages": "consecutive_3",
            "all_mountains_breakaway": "all_mountains_breakaway",
            "all_gc_mode": "all_gc",
        },
        ftp=(date(2025, 3, 1), 210),
        record=Record(),
        notes="",
        flags=(),
    )


def test_three_weeks_are_read_with_every_oddity_told() -> None:
    mission = reading.read(
        "tour.toml", THREE_WEEKS, points_name="tour.json", points_text=THREE_WEEKS_POINTS
    )

    assert flags(mission) == (SAMPLES / "three_weeks_flags.txt").read_text().splitlines()
    assert mission.notes == (
        "Imported as it was recorded; nothing is computed anew.\n"
        "The record claims 164 points and 21 completed stages.\n"
        "Filed on another day (in UTC) than planned: stage 3 on 2025-07-08, 6 on 2025-07-11, 7 on "
        "2025-07-12, 8 on 2025-07-13, 9 on 2025-07-14, 10 on 2025-07-15, 12 on 2025-07-18, 13 on "
        "2025-07-19, 14 on 2025-07-20, 15 on 2025-07-21, 16 on 2025-07-23, 17 on 2025-07-24.\n"
        "Planned as another type than ridden: stage 3 flat, 20 flat."
    )


def test_three_weeks_keep_the_points_that_were_recorded() -> None:
    mission = reading.read(
        "tour.toml", THREE_WEEKS, points_name="tour.json", points_text=THREE_WEEKS_POINTS
    )

    assert [(one.number, one.ride_mode, one.points) for one in mission.record.ridden] == [
        (1, "gc", 5),
        (2, "gc", 7),
        (3, "gc", 7),
        (5, "gc", 4),
        (6, "gc", 7),
        (7, "gc", 5),
        (8, "rest", 5),
        (9, "gc", 5),
        (10, "breakaway", 15),
        (11, "breakaway", 8),
        (12, "breakaway", 15),
        (13, "breakaway", 6),
        (14, "breakaway", 12),
        (15, "breakaway", 11),
        (16, "breakaway", 15),
        (17, "gc", 7),
        (19, "breakaway", 15),
        (20, "gc", 10),
        (21, "gc", 5),
    ]
    assert mission.record.awards == (Award("consecutive_5", "consecutive_5", 0),)
    assert (mission.record.total_points, mission.record.stages_completed) == (164, 21)


def test_stages_have_the_days_between_the_rest_days() -> None:
    days = reading.read("tour.toml", THREE_WEEKS).days

    assert [one.day for one in days] == [date(2025, 7, day) for day in range(5, 28)]
    assert [one.number for one in days] == [
        *range(1, 11),
        None,
        *range(11, 16),
        None,
        *range(16, 22),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('goal_event = "Long Weekend"', "", []),
        (
            'goal_event = "Long Weekend"',
            'goal_event = "Alps"',
            ["goal_event: 'Alps' is not the name of the mission; it is left out."],
        ),
        (
            "start_date = 2025-03-01\ng",
            "g",
            ["start_date: is not told; the preparation is stored as from 2025-05-02."],
        ),
        (
            "start_date = 2025-03-01\ng",
            "start_date = 2025-05-03\ng",
            [
                (
                    "start_date: 2025-05-03 is after the event begins; the preparation is stored "
                    "as from 2025-05-02."
                )
            ],
        ),
        (
            "goal_date = 2025-05-05",
            "goal_date = 2025-05-06",
            ["goal_date: is 2025-05-06; 2025-05-05, the last day of the event, is stored."],
        ),
        (
            "goal_date = 2025-05-05",
            "goal_date = 2025-05-05T10:00:00",
            [
                "goal_date: 2025-05-05T10:00:00 is not a date such as 2025-07-05; it is left out.",
                "goal_date: is not told; 2025-05-05, the last day of the event, is stored.",
            ],
        ),
        (
            "max_rhr = 58",
            "",
            ["constraints.max_rhr: no limit is taken from the file; none is stored."],
        ),
        (
            "min_readiness = 72",
            "min_readiness = 172",
            [
                (
                    "constraints.min_readiness: 172 is not a whole number from 1 to 100; it is not "
                    "stored."
                ),
                "constraints.min_readiness: no limit is taken from the file; 70 is stored.",
            ],
        ),
        (
            "force_rest_tsb = -22",
            "force_rest_tsb = -5",
            [
                (
                    "tdf_simulation.safety.force_rest_tsb: -5 is above min_tsb, -12: rest is "
                    "forced before hard work stops. Stored as recorded; change one of them before "
                    "you train with it."
                )
            ],
        ),
        (
            "ctl_peak = 45",
            "ctl_peak = 45.5",
            ["targets.ctl_peak: 45.5 is not a whole number from 1 to 200; it is not stored."],
        ),
        ("ctl_peak = 45", "", ["targets.ctl_peak: is not told; no such target is stored."]),
        (
            "ctl_peak = 45",
            "ctl_peak = 45\nvo2 = true",
            ["targets: left out, nothing here goes by that name: vo2 True."],
        ),
        ("ftp = 210\nftp_date = 2025-03-01", "", ["athlete.ftp: is not told."]),
        (
            "ftp = 210",
            "ftp = 21",
            ["athlete.ftp: 21 is not a whole number from 40 to 600; it is not stored."],
        ),
        (
            "ftp = 210",
            "ftp = 210\nweight_kg = 61.5",
            ["athlete: left out, nothing here goes by that name: weight_kg 61.5."],
        ),
        (
            "enabled = true",
            "enabled = false",
            [
                (
                    "tdf_simulation.enabled: is false: the event was switched off. It is imported "
                    "all the same."
                )
            ],
        ),
        (
            "total_stages = 3",
            "total_stages = 21",
            ["tdf_simulation.total_stages: says 21, and 3 stages have a type."],
        ),
        (
            '["2025-05-04"]',
            '["2025-05-04", 2025-05-04, "2025-06-01", 7]',
            [
                "tdf_simulation.rest_days: 2025-05-04 stands there twice.",
                "tdf_simulation.rest_days: '2025-06-01' is not a day of the event; it is left out.",
                "tdf_simulation.rest_days: 7 is not a day of the event; it is left out.",
            ],
        ),
        (
            '["2025-05-04"]',
            '"2025-05-04"',
            [
                "tdf_simulation.rest_days: '2025-05-04' is no list; it is left out.",
                (
                    "tdf_simulation.stages: has 3 stages for 4 days of racing; a stage without a "
                    "day, and a day without a stage, is left out."
                ),
            ],
        ),
        (
            '3 = "hilly"',
            '3 = "cobbles"',
            [
                (
                    "tdf_simulation.stages.3: 'cobbles' is not a stage type; expected one of flat, "
                    "hilly, mountain, itt, mtn_itt."
                ),
                "tdf_simulation.stages: no type is told for these, which are left out: 3.",
            ],
        ),
        (
            '3 = "hilly"',
            '3 = "hilly"\n"03" = "flat"\nlast = "flat"',
            [
                (
                    "tdf_simulation.stages.03: is not the number of one stage, 1 to 60; it is left "
                    "out."
                ),
                (
                    "tdf_simulation.stages.last: is not the number of one stage, 1 to 60; it is "
                    "left out."
                ),
            ],
        ),
        (
            "flat = { gc = 5, breakaway = 8 }",
            "flat = { gc = 5 }\ncobbles = 3",
            [
                (
                    "tdf_simulation.points.flat: is left out; expected a price for gc and "
                    "breakaway of flat, hilly, mountain, itt, mtn_itt."
                ),
                "tdf_simulation.points.cobbles: 3 is no table; it is left out.",
                (
                    "tdf_simulation.points.cobbles: is left out; expected a price for gc and "
                    "breakaway of flat, hilly, mountain, itt, mtn_itt."
                ),
            ],
        ),
        (
            "all_gc_mode = 25",
            "all_gc_mode = 25\nall_gc = 20\nbest_beard = 5\nbreakaway_2_stages = -1",
            [
                (
                    "tdf_simulation.bonuses.all_gc: is no bonus we know, or the same as another; "
                    "it is left out."
                ),
                (
                    "tdf_simulation.bonuses.best_beard: is no bonus we know, or the same as "
                    "another; it is left out."
                ),
                (
                    "tdf_simulation.bonuses.breakaway_2_stages: -1 is not a whole number from 0 to "
                    "1000; it is not stored."
                ),
            ],
        ),
    ],
)
def test_what_does_not_fit_is_flagged(old: str, new: str, told: list[str]) -> None:
    assert flags(weekend((old, new))) == [f"m.toml, {one}" for one in told]


def test_bonus_beyond_every_event_is_left_out() -> None:
    mission = weekend(("consecutive_3_stages", "consecutive_5000_stages"))

    assert flags(mission) == [
        (
            "m.toml, tdf_simulation.bonuses.consecutive_5000_stages: is no bonus we know, or the "
            "same as another; it is left out."
        )
    ]


def test_prices_that_cannot_be_stored_leave_the_usual_ones() -> None:
    many = "".join(f"breakaway_{number} = 1\n" for number in range(1, 21))

    mission = weekend(("all_gc_mode = 25", many))

    assert mission.points_schema is None
    assert flags(mission) == [
        (
            'm.toml, tdf_simulation.points: cannot be stored, the usual prices are. "bonuses" must '
            "be an object of at most 20 bonus names."
        )
    ]


def test_limits_and_targets_that_do_not_fit_are_not_stored() -> None:
    mission = weekend(("min_readiness = 72", "min_readiness = 50"), ("max_rhr = 58", "max_rhr = 7"))

    assert mission.limits == {
        "min_readiness": 50,
        "min_tsb": -12,
        "force_rest_readiness": 62,
        "force_rest_tsb": -22,
    }


def test_usual_limit_never_forces_rest_before_hard_work_stops() -> None:
    mission = weekend(
        ("min_readiness = 72", "min_readiness = 50"), ("force_rest_readiness = 62", "")
    )

    assert mission.limits["force_rest_readiness"] == 50
    assert flags(mission) == [
        (
            "m.toml, tdf_simulation.safety.force_rest_readiness: no limit is taken from the file; "
            "50 is stored."
        )
    ]


def test_bare_mission_says_all_that_is_missing() -> None:
    mission = reading.read("m.toml", NOT_TOLD)

    assert (mission.days, mission.targets, mission.points_schema) == ((), {}, None)
    assert mission.limits == {
        "min_readiness": 70,
        "min_tsb": -15,
        "force_rest_readiness": 60,
        "force_rest_tsb": -20,
    }
    assert [flag.place for flag in mission.flags] == [
        "goal_date",
        "tdf_simulation.points",
        "start_date",
        "tdf_simulation.stages",
        "constraints.min_readiness",
        "constraints.max_rhr",
        "constraints.min_tsb",
        "tdf_simulation.safety.force_rest_readiness",
        "tdf_simulation.safety.force_rest_tsb",
        *(f"targets.{name}" for name in reading.TARGETS),
        "athlete.ftp",
    ]


def test_goal_date_alone_makes_an_event_of_one_day() -> None:
    mission = reading.read("m.toml", 'goal_event = "Century"\ngoal_date = 2025-09-01')

    assert (mission.name, mission.event_start, mission.event_end) == (
        *("Century", date(2025, 9, 1)),
        date(2025, 9, 1),
    )
    assert flags(mission)[:2] == [
        "m.toml, name: is not told; goal_event is taken.",
        (
            "m.toml, tdf_simulation.start_date: is not told; the event is the day of the goal, "
            "2025-09-01."
        ),
    ]


def test_types_of_the_record_stand_in_for_those_the_plan_lacks() -> None:
    text = WEEKEND.replace('[tdf_simulation.stages]\n1 = "flat"\n2 = "mountain"\n3 = "hilly"', "")

    mission = reading.read("m.toml", text, points_name="p.json", points_text=WEEKEND_POINTS)

    assert mission.days == PLAN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "goal_date = 2025-05-05",
            'm.toml names no mission. Give it a name: name = "..." at the top.',
        ),
        (
            'name = "A"',
            (
                "m.toml does not say when the event is. Give start_date and end_date below "
                "[tdf_simulation], or goal_date at the top."
            ),
        ),
        (
            'name = "A"\n[tdf_simulation]\nstart_date = 2025-05-05\nend_date = 2025-05-04',
            (
                "m.toml has an event from 2025-05-05 to 2025-05-04. Give a last day that is not "
                "before the first, and at most 60 days."
            ),
        ),
        (
            'name = "A"\n[tdf_simulation]\nstart_date = 2025-01-01\nend_date = 2025-03-02',
            (
                "m.toml has an event from 2025-01-01 to 2025-03-02. Give a last day that is not "
                "before the first, and at most 60 days."
            ),
        ),
        (
            "{}",
            (
                "m.toml is not TOML: Invalid statement (at line 1, column 1). Choose the file that "
                "the forerunner wrote."
            ),
        ),
        (
            "a = " + "[" * 5_000,
            (
                "m.toml is not TOML: it is nested too deeply. Choose the file that the forerunner "
                "wrote."
            ),
        ),
    ],
)
def test_file_that_is_no_mission_is_refused(text: str, said: str) -> None:
    with pytest.raises(NotLegacy) as refused:
        reading.read("m.toml", text)

    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[]",
            (
                "p.json holds a list where a table of names and values was expected. Choose the "
                "file that the forerunner wrote."
            ),
        ),
        (
            "name = 1",
            (
                "p.json is not JSON: Expecting value: line 1 column 1 (char 0). Choose the file "
                "that the forerunner wrote."
            ),
        ),
        (
            "[" * 100_000,
            (
                "p.json is not JSON: it is nested too deeply. Choose the file that the forerunner "
                "wrote."
            ),
        ),
    ],
)
def test_file_that_is_no_record_is_refused(text: str, said: str) -> None:
    with pytest.raises(NotLegacy) as refused:
        reading.read("m.toml", WEEKEND, points_name="p.json", points_text=text)

    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("consecutive_5", "consecutive_5"),
        ("consecutive_5_stages", "consecutive_5"),
        ("breakaway_10_stages", "breakaway_10"),
        ("all_mountains_breakaway", "all_mountains_breakaway"),
        ("final_week_complete", "final_week_complete"),
        ("all_gc_mode", "all_gc"),
        ("consecutive_0", None),
        ("best_beard", None),
        (5, None),
    ],
)
def test_bonuses_have_our_names(theirs: object, ours: str | None) -> None:
    assert our_bonus(theirs) == ours


@pytest.mark.parametrize(
    ("value", "number", "day", "text"),
    [
        (70, 70, None, "70"),
        (70.0, 70, None, "70.0"),
        (True, None, None, "True"),
        (float("nan"), None, None, "nan"),
        ("2025-07-05", None, date(2025, 7, 5), "'2025-07-05'"),
        ("2025-W27-6", None, None, "'2025-W27-6'"),
        ("0001-01-01", None, None, "'0001-01-01'"),
        ("a\x00\ud800", None, None, "'a\\x00\\ud800'"),
        ("x" * 80, None, None, "'" + "x" * 56 + "..."),
        pytest.param(
            10**5_000, 10**5_000, None, "a number of more than 20 digits", id="5000 digits"
        ),
    ],
)
def test_values_are_what_they_are(
    value: object, number: int | None, day: date | None, text: str
) -> None:
    assert (whole_number(value), calendar_day(value), shown(value)) == (number, day, text)


words = st.sampled_from(
    [*re.findall(r"[a-z_]{2,}", WEEKEND_POINTS + WEEKEND), "1", "2", "2025-05-02", "2025-05-03"]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | words
    | st.integers(1, 4)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)
rows = st.dictionaries(st.sampled_from([f"2025-05-0{day}" for day in range(2, 6)]), values)


def ends_in_a_mission_or_a_word(text: str, points: str) -> None:
    with suppress(NotLegacy):
        mission = reading.read("m.toml", text, points_name="p.json", points_text=points)
        "\n".join([*flags(mission), mission.notes]).encode()


@given(st.dictionaries(words, values, max_size=8), rows)
@settings(derandomize=True, deadline=None)
def test_any_record_is_read_or_refused(top: dict[str, Any], stages: dict[str, Any]) -> None:
    ends_in_a_mission_or_a_word(WEEKEND, json.dumps({**top, "stages": stages}))
    ends_in_a_mission_or_a_word(WEEKEND, json.dumps(top))


@given(values)
@settings(derandomize=True, deadline=None)
def test_any_mission_is_read_or_refused(value: Any) -> None:
    text = json.dumps(value)
    ends_in_a_mission_or_a_word(text, WEEKEND_POINTS)
    lines = WEEKEND.splitlines()
    for number, line in enumerate(lines):
        if " = " in line:
            changed = [*lines[:number], f"{line.split(' = ')[0]} = {text}", *lines[number + 1 :]]
            ends_in_a_mission_or_a_word("\n".join(changed), WEEKEND_POINTS)


@given(st.text())
@settings(derandomize=True, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    ends_in_a_mission_or_a_word(text, WEEKEND_POINTS)
    ends_in_a_mission_or_a_word(WEEKEND, text)


def test_stage_types_are_those_of_the_models() -> None:
    assert {one.stage_type for one in reading.read("m.toml", THREE_WEEKS).days} - {None} <= set(
        StageType.values
    )


def test_ridden_stages_hold_what_the_record_holds() -> None:
    mission = reading.read("m.toml", WEEKEND, points_name="p.json", points_text=WEEKEND_POINTS)

    assert flags(mission) == []
    assert [type(one) for one in mission.record.ridden] == [RiddenStage] * 3
