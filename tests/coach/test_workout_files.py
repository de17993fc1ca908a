from typing import Any

import pytest

from coach.models import MissionRun
from coach.workout_files import FORMATS, NotInThisFormat, NoWorkout, WorkoutFile, file_of, offered
from coach.workout_files.formats import NO_STEPS
from coach.workout_files.of_run import FORGOTTEN, NO_BRIEF, NO_RIDING
from missions.models import Mission
from tests.coach.samples import Changes, reply, situation
from tests.coach.test_workouts import repeat, step
from tests.coach.workout_plans import prescribed
from tests.factories import NOW, TODAY

ALL = ["zwo", "mrc", "erg", "fit"]
POWER = step("steady", 300, 88.0)
RPE = step("steady", 300, 3.0, 4.0, unit="rpe")
HEART_RATE = step("steady", 300, 80.0, 90.0, unit="pct_lthr")
FREE = step("free", 300)
NO_POWER = "This workout has no power targets, so there is no .zwo, .mrc or .erg: take the .fit."
SOME_POWER = (
    "Some steps of this workout have no power target, so there is no .mrc or .erg: "
    "take the .zwo or .fit."
)
NO_FTP = "Your FTP was not known that morning, so there is no .zwo, .mrc or .erg: take the .fit."


# --- which formats -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "thresholds", "exts", "refusals"),
    [
        ([POWER], {}, ALL, []),
        ([POWER, repeat(2, POWER)], {"lthr_bpm": None}, ALL, []),
        ([POWER, RPE], {}, ["zwo", "fit"], [SOME_POWER]),
        ([repeat(2, POWER, HEART_RATE)], {}, ["zwo", "fit"], [SOME_POWER]),
        ([POWER, FREE], {}, ["zwo", "fit"], [SOME_POWER]),
        ([POWER, step("free", 300, 88.0)], {}, ["zwo", "fit"], [SOME_POWER]),
        ([RPE, FREE], {}, ["fit"], [NO_POWER]),
        ([HEART_RATE], {}, ["fit"], [NO_POWER]),
        ([POWER], {"ftp_w": None}, ["fit"], [NO_FTP]),
        ([HEART_RATE], {"ftp_w": None, "lthr_bpm": None}, ["fit"], [NO_FTP]),
        ([], {}, [], [NO_STEPS]),
    ],
)
def test_workout_is_offered_in_the_formats_that_can_hold_it_and_the_rest_is_explained(
    steps: list[dict[str, Any]], thresholds: dict[str, Any], exts: list[str], refusals: list[str]
) -> None:
    offer = offered(prescribed(*steps, **thresholds))

    assert [one.ext for one in offer.formats] == exts
    assert list(offer.refusals) == refusals


# --- the file of a run -------------------------------------------------------------------------


def put_run(mission: Mission, *changes: Changes, **fields: Any) -> MissionRun:
    """A decided run; the changes are those of its situation, then those of its decision."""
    values = {
        "outcome": "decided",
        "situation": situation(*changes[:1]).model_dump(mode="json"),
        "decision": reply(*changes[1:]),
        "finished_at": NOW,
        **fields,
    }
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", **values
    )


def of_steps(*steps: dict[str, Any], **changes: Any) -> Changes:
    return {
        "workout_plan.steps": list(steps),
        **{f"workout_plan.{name}": value for name, value in changes.items()},
    }


@pytest.mark.django_db
def test_file_of_a_run_is_named_for_its_day_and_always_the_same(mission: Mission) -> None:
    run = put_run(mission)
    again = MissionRun.objects.get()

    files = {ext: file_of(run, ext) for ext in FORMATS}

    assert {ext: (one.name, one.media_type) for ext, one in files.items()} == {
        "zwo": ("2026-07-04-endurance.zwo", "application/octet-stream"),
        "mrc": ("2026-07-04-endurance.mrc", "application/octet-stream"),
        "erg": ("2026-07-04-endurance.erg", "application/octet-stream"),
        "fit": ("2026-07-04-endurance.fit", "application/vnd.ant.fit"),
    }
    assert files == {ext: file_of(again, ext) for ext in FORMATS}


@pytest.mark.django_db
def test_watts_are_those_of_the_ftp_the_run_was_decided_on(mission: Mission) -> None:
    run = put_run(mission, {"athlete.ftp": 200}, of_steps(POWER))
    mission.owner.ftps.create(power_w=300, effective_date=TODAY)

    course = file_of(run, "erg").content.decode()

    assert "FTP = 200\n" in course
    assert "0.0000\t176\n5.0000\t176\n" in course


@pytest.mark.django_db
def test_heart_rates_are_those_the_run_was_decided_on(mission: Mission) -> None:
    run = put_run(mission, {"athlete.lthr": 150}, of_steps(HEART_RATE))
    at_150 = file_of(run, "fit").content
    run.mission.owner.lthr_bpm = 190
    run.mission.owner.save()

    assert file_of(MissionRun.objects.get(), "fit").content == at_150
    # 80 and 90 % of 150, and 100 each.
    assert (220).to_bytes(4, "little") + (235).to_bytes(4, "little") in at_150


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("Over/Under ‘4×8’", "2026-07-04-overunder-48.zwo"),
        ("Ausdauer für später", "2026-07-04-ausdauer-fur-spater.zwo"),
        ("../../etc/passwd", "2026-07-04-etcpasswd.zwo"),
        ('a"\r\nX-Evil: 1', "2026-07-04-a-x-evil-1.zwo"),
        ("耐力", "2026-07-04-workout.zwo"),
        ("-_-", "2026-07-04-workout.zwo"),
        ("x" * 60, f"2026-07-04-{'x' * 60}.zwo"),
    ],
)
@pytest.mark.django_db
def test_name_of_a_file_is_plain_ascii_whatever_the_workout_is_called(
    mission: Mission, called: str, name: str
) -> None:
    assert file_of(put_run(mission, {}, of_steps(POWER, type=called)), "zwo").name == name


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"outcome": "due", "decision": None, "situation": None}, NO_BRIEF),
        ({"outcome": "failed", "decision": None}, NO_BRIEF),
        ({"situation": None}, FORGOTTEN),
        ({"decision": reply({"workout_plan": None})}, NO_RIDING),
        ({"decision": reply({"workout_plan.duration_minutes": 0})}, NO_RIDING),
    ],
)
@pytest.mark.django_db
def test_run_without_riding_has_no_file_and_says_why(
    mission: Mission, fields: dict[str, Any], why: str
) -> None:
    run = put_run(mission, **fields)

    for ext in FORMATS:
        with pytest.raises(NoWorkout) as refusal:
            file_of(run, ext)
        assert str(refusal.value) == why


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (
            ({}, of_steps(RPE)),
            {
                ext: f"This workout has no power targets, so there is no .{ext}: take the .fit."
                for ext in ("zwo", "mrc", "erg")
            },
        ),
        (
            ({}, of_steps(POWER, FREE)),
            {
                ext: (
                    "Some steps of this workout have no power target, so there is no "
                    f".{ext}: take the .zwo or .fit."
                )
                for ext in ("mrc", "erg")
            },
        ),
        (
            ({"athlete.ftp": None}, of_steps(RPE)),
            {
                ext: f"Your FTP was not known that morning, so there is no .{ext}: take the .fit."
                for ext in ("zwo", "mrc", "erg")
            },
        ),
        (({}, of_steps()), dict.fromkeys(ALL, NO_STEPS)),
    ],
)
@pytest.mark.django_db
def test_format_that_cannot_hold_a_workout_says_what_to_take_instead(
    mission: Mission, changes: tuple[Changes, ...], refused: dict[str, str]
) -> None:
    run, told = put_run(mission, *changes), {}
    for ext in FORMATS:
        try:
            assert isinstance(file_of(run, ext), WorkoutFile)
        except NotInThisFormat as refusal:
            told[ext] = str(refusal)

    assert told == refused
