import io
from collections import Counter
from typing import Any

import fitdecode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.replies import Step
from coach.workout_files.fit import fit
from coach.workout_files.fit_encoding import (
    ENUM,
    STRING,
    UINT16,
    UINT32,
    UINT32Z,
    Field,
    Messages,
    Value,
    fit_file,
)
from coach.workout_files.prescribed import Prescribed, Stamp
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
    with_cadence,
)

Told = dict[str, Any]
Rows = list[dict[Field, Value]]
P, HR = "custom_target_power", "custom_target_heart_rate"
STRICT = {
    "check_crc": fitdecode.CrcCheck.RAISE,
    "error_handling": fitdecode.ErrorHandling.RAISE,
}


def decoded(content: bytes) -> list[tuple[str, Told]]:
    """Each message with what it tells, read by a decoder that is none of ours."""
    with fitdecode.FitReader(io.BytesIO(content), **STRICT) as frames:
        return [
            (
                frame.name,
                {one.name: one.value for one in frame.fields if one.value is not None},
            )
            for frame in frames
            if frame.frame_type == fitdecode.FIT_FRAME_DATA
        ]


def steps_in(workout: Prescribed) -> list[Told]:
    return [told for name, told in decoded(fit(workout, STAMP)) if name == "workout_step"]


def steps(*asked: Told, **thresholds: int | None) -> list[Told]:
    return steps_in(prescribed(*asked, **thresholds))


def timed(index: int, seconds: int, **told: Any) -> Told:
    """A step that is ridden, without a target unless told otherwise."""
    return {
        "message_index": index,
        "duration_type": "time",
        "duration_time": seconds,
        "intensity": "active",
        **({"target_type": "open", "target_value": 0} if "target_type" not in told else {}),
        **told,
    }


def power(low: int, high: int) -> Told:
    return {
        "target_type": "power",
        "target_power_zone": 0,
        "custom_target_power_low": low,
        "custom_target_power_high": high,
    }


def heart_rate(low: int, high: int) -> Told:
    return {
        "target_type": "heart_rate",
        "target_hr_zone": 0,
        "custom_target_heart_rate_low": low,
        "custom_target_heart_rate_high": high,
    }


# --- the file ----------------------------------------------------------------------------------


def test_file_tells_what_it_is_what_the_workout_is_called_and_its_steps_in_that_order() -> None:
    workout = prescribed(step("steady", 60, 88.0, 93.0), step("free", 30), type="tempo")

    assert decoded(fit(workout, STAMP)) == [
        (
            "file_id",
            {
                "type": "workout",
                "manufacturer": "development",
                "product": 0,
                "serial_number": 12_345,
                "time_created": STAMP.made_at,
            },
        ),
        ("workout", {"sport": "cycling", "num_valid_steps": 2, "wkt_name": "tempo"}),
        ("workout_step", timed(0, 60, **power(88, 93))),
        ("workout_step", timed(1, 30)),
    ]


def test_file_of_an_unknown_time_says_none() -> None:
    stamp = Stamp(STAMP.file_name, STAMP.serial_number, None)

    (_, file_id), *_ = decoded(fit(prescribed(step("free", 30)), stamp))

    assert "time_created" not in file_id


def test_one_bit_that_turned_over_is_found() -> None:
    whole = fit(prescribed(step("steady", 60, 88.0)), STAMP)
    for place in (14, len(whole) // 2, len(whole) - 1):
        broken = bytearray(whole)
        broken[place] ^= 1
        with pytest.raises(fitdecode.FitError):
            decoded(bytes(broken))


# --- steps -------------------------------------------------------------------------------------


def test_power_is_a_range_in_percent_of_ftp_low_end_first_and_the_notes_say_which_way() -> None:
    assert steps(
        step("warmup", 600, 45.4, 64.6),
        step("ramp", 60, 90.0, 50.0, cue="Let it fall."),
        step("steady", 300, 98.6, 103.0, cue="Even power."),
        step("recovery", 120, 52.0),
        step("cooldown", 300, 60.0, 60.0),
    ) == [
        timed(0, 600, intensity="warmup", notes="45.4 to 64.6 % of FTP", **power(45, 65)),
        timed(1, 60, notes="90 to 50 % of FTP. Let it fall.", **power(50, 90)),
        timed(2, 300, notes="Even power.", **power(99, 103)),
        timed(3, 120, intensity="rest", **power(52, 52)),
        timed(4, 300, intensity="cooldown", **power(60, 60)),
    ]


def test_heart_rate_is_told_in_beats_above_100() -> None:
    # 166 beats: 80 % is 132.8 and 90 % is 149.4.
    assert steps(step("steady", 300, 80.0, 90.0, unit="pct_lthr")) == [
        timed(0, 300, **heart_rate(233, 249))
    ]


def test_no_beat_at_all_does_not_become_100_percent_of_the_highest() -> None:
    assert steps(step("steady", 300, 0.0, 80.0, unit="pct_lthr")) == [
        timed(0, 300, **heart_rate(101, 233))
    ]


@pytest.mark.parametrize(
    ("asked", "thresholds", "notes"),
    [
        (step("steady", 300, 3.0, 4.0, unit="rpe"), {}, "3 to 4 of 10 effort"),
        (
            step("steady", 300, 3.0, 4.0, unit="rpe", cue="Easy."),
            {},
            "3 to 4 of 10 effort. Easy.",
        ),
        (step("steady", 300, 88.0), {"ftp_w": None}, "88 % of FTP"),
        (
            step("steady", 300, 80.0, 90.0, unit="pct_lthr"),
            {"lthr_bpm": None},
            "80 to 90 % of threshold heart rate",
        ),
        (step("free", 300, 50.0, 60.0), {}, "50 to 60 % of FTP"),
        (step("free", 300, cue="Enjoy it."), {}, "Enjoy it."),
    ],
)
def test_step_a_device_cannot_hold_anybody_to_is_open_and_says_what_was_asked(
    asked: Told, thresholds: dict[str, int | None], notes: str
) -> None:
    assert steps(asked, **thresholds) == [timed(0, 300, notes=notes)]


def test_repeat_leads_back_to_its_first_step() -> None:
    def back(index: int, to: int, times: int) -> Told:
        return {
            "message_index": index,
            "duration_type": "repeat_until_steps_cmplt",
            "duration_step": to,
            "target_type": "open",
            "repeat_steps": times,
        }

    assert steps(
        step("free", 10),
        repeat(4, step("steady", 20, 100.0), step("recovery", 30, 50.0)),
        repeat(2, step("free", 40)),
        step("free", 50),
    ) == [
        timed(0, 10),
        timed(1, 20, **power(100, 100)),
        timed(2, 30, intensity="rest", **power(50, 50)),
        back(3, 1, 4),
        timed(4, 40),
        back(5, 4, 2),
        timed(6, 50),
    ]


def test_cadence_is_the_second_target() -> None:
    assert steps(with_cadence(step("steady", 60, 88.0), 85, 95)) == [
        timed(
            0,
            60,
            secondary_target_type="cadence",
            secondary_target_cadence_zone=0,
            secondary_custom_target_cadence_low=85,
            secondary_custom_target_cadence_high=95,
            **power(88, 88),
        )
    ]


def test_long_notes_end_with_a_whole_character_and_odd_ones_lose_what_is_none() -> None:
    long, odd = "x" + "\U0001f6b4" * 119, "a\x00b\ud800\n c"
    cued = [
        Step.model_construct(kind="free", seconds=60, target=None, cadence=None, cue=cue)
        for cue in (long, odd)
    ]

    told = steps_in(Prescribed(of_steps([*cued]), FTP_W, LTHR_BPM))

    # 254 bytes are one and 63 times four, and one that no character fits in.
    assert [one["notes"] for one in told] == ["x" + "\U0001f6b4" * 63, "a b c"]


def ridden(told: list[Told]) -> list[float]:
    """The seconds of every step as a device rides them."""
    seconds: list[float] = []
    lengths = {one["message_index"]: one.get("duration_time") for one in told}
    for one in told:
        if "repeat_steps" in one:
            inside = [lengths[index] for index in range(one["duration_step"], one["message_index"])]
            seconds += inside * (one["repeat_steps"] - 1)
        else:
            seconds.append(one["duration_time"])
    return seconds


@given(any_workout())
@quickly
def test_any_workout_decodes_with_its_times_and_with_targets_in_their_ranges(
    workout: Prescribed,
) -> None:
    told = steps_in(workout)

    assert [one["message_index"] for one in told] == list(range(len(told)))
    assert ridden(told) == ridden_s(workout)
    powers = [(one[f"{P}_low"], one[f"{P}_high"]) for one in told if f"{P}_low" in one]
    assert all(0 <= low <= high <= 250 for low, high in powers)
    beats = [(one[f"{HR}_low"], one[f"{HR}_high"]) for one in told if f"{HR}_low" in one]
    assert all(101 <= low <= high for low, high in beats)
    meant = [one for one in workout.steps() if one.kind != "free" and one.target]
    units = Counter(one.target.unit for one in meant if one.target)
    assert len(powers) == units["pct_ftp"]
    assert len(beats) == (units["pct_lthr"] if workout.lthr_bpm else 0)


# --- the encoding ------------------------------------------------------------------------------


def test_bytes_are_those_of_the_protocol() -> None:
    """By hand, with the checksums (CRC-16/ARC) as another decoder works them out."""
    rows: Rows = [{Field(0, ENUM): 5, Field(3, UINT32Z): 0x01020304}]

    assert fit_file(Messages(0, rows)).hex(" ") == (
        "0e 10 e2 52 12 00 00 00 2e 46 49 54 a3 af "
        "40 00 00 00 00 02 00 01 00 03 04 8c "
        "00 05 04 03 02 01 b3 31"
    )


def test_row_that_leaves_a_field_out_says_not_known() -> None:
    number = Field(6, UINT16)
    rows: Rows = [{Field(4, ENUM): 2, number: 1, Field(8, STRING): "a"}, {}, {Field(5, UINT32Z): 7}]

    told = [row for _, row in decoded(fit_file(Messages(26, rows)))]

    assert told == [
        {"sport": "cycling", "num_valid_steps": 1, "wkt_name": "a"},
        {},
        {"capabilities": 7},
    ]


@given(st.integers(0, 0xFFFFFFFE), st.text(max_size=300))
@quickly
def test_values_come_back_as_they_went(number: int, text: str) -> None:
    rows: Rows = [{Field(2, UINT32): number, Field(8, STRING): text.replace("\x00", "")}]

    ((_, told),) = decoded(fit_file(Messages(27, rows)))

    assert told["duration_value"] == number
    kept = text.replace("\x00", "")
    assert kept.startswith(told.get("notes", ""))
    assert len(kept.encode()) <= 254 or len(told["notes"].encode()) > 250
