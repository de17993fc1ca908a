"""FIT: the workout as bike computers and watches take it, step by step, repeats as repeats.

Numbers of messages, fields and values are those of the profile at developer.garmin.com/fit, the
order of the messages that of its cookbook "Encoding FIT workout files".
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from coach.replies import Repeat, Step
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
from coach.workout_files.prescribed import Prescribed, Stamp, plain, told
from coach.workouts import SLOPES

Row = dict[Field, Value]
CLOCK_STARTS_AT = datetime(1989, 12, 31, tzinfo=UTC)

FILE_ID, WORKOUT, WORKOUT_STEP = 0, 26, 27

FILE_TYPE = Field(0, ENUM)
MANUFACTURER = Field(1, UINT16)
PRODUCT = Field(2, UINT16)
SERIAL_NUMBER = Field(3, UINT32Z)
TIME_CREATED = Field(4, UINT32)

SPORT = Field(4, ENUM)
NUM_VALID_STEPS = Field(6, UINT16)
WORKOUT_NAME = Field(8, STRING)

MESSAGE_INDEX = Field(254, UINT16)
DURATION_TYPE = Field(1, ENUM)
DURATION_VALUE = Field(2, UINT32)
TARGET_TYPE = Field(3, ENUM)
TARGET_VALUE = Field(4, UINT32)
TARGET_LOW = Field(5, UINT32)
TARGET_HIGH = Field(6, UINT32)
INTENSITY = Field(7, ENUM)
NOTES = Field(8, STRING)
SECOND_TARGET_TYPE = Field(19, ENUM)
SECOND_TARGET_VALUE = Field(20, UINT32)
SECOND_TARGET_LOW = Field(21, UINT32)
SECOND_TARGET_HIGH = Field(22, UINT32)

A_WORKOUT = 5
# What the profile has for those whom Garmin has not given a number.
DEVELOPMENT = 255
CYCLING = 2
FOR_A_TIME, UNTIL_REPEATED = 0, 6
HEART_RATE, OPEN, CADENCE, POWER = 1, 2, 3, 4
# A target of 0 is none of the device's own zones: the custom values hold.
CUSTOM = 0
ACTIVE, REST, WARMUP, COOLDOWN = 0, 1, 2, 3
INTENSITIES = {"warmup": WARMUP, "cooldown": COOLDOWN, "recovery": REST}
# Up to 100 a heart rate is a percentage of the highest, beats are told from there on.
BPM_FROM = 100


def fit(workout: Prescribed, stamp: Stamp) -> bytes:
    steps = list(_steps(workout))
    about: Row = {
        SPORT: CYCLING,
        NUM_VALID_STEPS: len(steps),
        WORKOUT_NAME: plain(workout.plan.type),
    }
    return fit_file(
        Messages(FILE_ID, [_file_id(stamp)]),
        Messages(WORKOUT, [about]),
        Messages(WORKOUT_STEP, steps),
    )


def _file_id(stamp: Stamp) -> Row:
    row: Row = {
        FILE_TYPE: A_WORKOUT,
        MANUFACTURER: DEVELOPMENT,
        PRODUCT: 0,
        SERIAL_NUMBER: stamp.serial_number,
    }
    if stamp.made_at is not None:
        row[TIME_CREATED] = int((stamp.made_at - CLOCK_STARTS_AT).total_seconds())
    return row


def _steps(workout: Prescribed) -> Iterator[Row]:
    index = 0
    for item in workout.plan.steps:
        first = index
        for step in item.steps if isinstance(item, Repeat) else [item]:
            yield {MESSAGE_INDEX: index, **_step(workout, step)}
            index += 1
        if isinstance(item, Repeat):
            yield {MESSAGE_INDEX: index, **_repeat(first, item.count)}
            index += 1


def _repeat(first: int, count: int) -> Row:
    """Back to `first`, until all from there on has been ridden `count` times."""
    return {
        DURATION_TYPE: UNTIL_REPEATED,
        DURATION_VALUE: first,
        TARGET_TYPE: OPEN,
        TARGET_VALUE: count,
    }


def _step(workout: Prescribed, step: Step) -> Row:
    target = _target(workout, step)
    is_whole = bool(target) and not _is_sloping(step)
    row: Row = {
        DURATION_TYPE: FOR_A_TIME,
        DURATION_VALUE: step.seconds * 1000,
        **(target or {TARGET_TYPE: OPEN, TARGET_VALUE: CUSTOM}),
        INTENSITY: INTENSITIES.get(step.kind, ACTIVE),
        **_cadence(step),
    }
    notes = told(step, has_target=is_whole)
    return {**row, NOTES: notes} if notes else row


def _target(workout: Prescribed, step: Step) -> Row:
    """The range of power or heart rate; nothing where the device cannot hold the rider to it."""
    target, lthr_bpm = step.target, workout.lthr_bpm
    if target is None or step.kind == "free":
        return {}
    # A cool-down starts at its high end, and a device wants the low one first.
    low, high = sorted((target.low, target.high))
    if target.unit == "pct_ftp" and workout.ftp_w is not None:
        return _range(POWER, round(low), round(high))
    if target.unit == "pct_lthr" and lthr_bpm is not None:
        return _range(HEART_RATE, _bpm(low, lthr_bpm), _bpm(high, lthr_bpm))
    return {}


def _range(kind: int, low: int, high: int) -> Row:
    return {TARGET_TYPE: kind, TARGET_VALUE: CUSTOM, TARGET_LOW: low, TARGET_HIGH: high}


def _bpm(pct: float, lthr_bpm: int) -> int:
    """Beats as the profile tells them; no beat at all would read as 100 % of the highest."""
    return BPM_FROM + max(round(pct * lthr_bpm / 100), 1)


def _is_sloping(step: Step) -> bool:
    """A range tells where a ramp is, and not which way it goes: the notes do."""
    target = step.target
    return step.kind in SLOPES and target is not None and target.low != target.high


def _cadence(step: Step) -> Row:
    if step.cadence is None:
        return {}
    return {
        SECOND_TARGET_TYPE: CADENCE,
        SECOND_TARGET_VALUE: CUSTOM,
        SECOND_TARGET_LOW: step.cadence.low,
        SECOND_TARGET_HIGH: step.cadence.high,
    }
