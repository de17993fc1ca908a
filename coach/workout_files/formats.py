"""Which formats there are, what each needs, and which of them can hold a workout."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from coach.workout_files.fit import fit
from coach.workout_files.mrc import erg, mrc
from coach.workout_files.prescribed import Prescribed, Stamp
from coach.workout_files.zwo import zwo

NO_STEPS = (
    "The coach gave the zones of this workout and no steps, so there is no file of it. "
    "The minutes in each zone are in the brief."
)
NO_FTP = "Your FTP was not known that morning"
NO_POWER = "This workout has no power targets"
GAPS_IN_POWER = "Some steps of this workout have no power target"
# A phone that is told of a text or of XML puts an extension of its own behind the name.
BYTES = "application/octet-stream"


def no_power(workout: Prescribed) -> str | None:
    if any(workout.power_pct(step) is not None for step in workout.steps()):
        return None
    return NO_FTP if workout.ftp_w is None else NO_POWER


def gaps_in_power(workout: Prescribed) -> str | None:
    missing = no_power(workout)
    if missing or all(workout.power_pct(step) is not None for step in workout.steps()):
        return missing
    return GAPS_IN_POWER


def nothing(_: Prescribed) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """`lacks` says what of a workout is missing for it."""

    ext: str
    used_by: str
    media_type: str
    lacks: Callable[[Prescribed], str | None]
    write: Callable[[Prescribed, Stamp], bytes]


FORMATS = {
    one.ext: one
    for one in (
        Format("zwo", "Zwift", BYTES, no_power, zwo),
        Format("mrc", "Trainer, in % of FTP", BYTES, gaps_in_power, mrc),
        Format("erg", "Trainer, in watts", BYTES, gaps_in_power, erg),
        Format("fit", "Bike computer", "application/vnd.ant.fit", nothing, fit),
    )
}


@dataclass(frozen=True, slots=True)
class Offer:
    """The formats that a workout can be taken along in, and a sentence for those it cannot."""

    formats: Sequence[Format]
    refusals: Sequence[str]


def offered(workout: Prescribed) -> Offer:
    if not workout.plan.steps:
        return Offer((), (NO_STEPS,))
    lacking = {one.ext: one.lacks(workout) for one in FORMATS.values()}
    reasons = dict.fromkeys(reason for reason in lacking.values() if reason)
    return Offer(
        formats=[one for one in FORMATS.values() if lacking[one.ext] is None],
        refusals=[
            _sentence(why, [ext for ext in lacking if lacking[ext] == why], lacking)
            for why in reasons
        ],
    )


def refusal(workout: Prescribed, ext: str) -> str | None:
    """Why there is no file in this format, and which to take."""
    if not workout.plan.steps:
        return NO_STEPS
    lacking = {one.ext: one.lacks(workout) for one in FORMATS.values()}
    why = lacking[ext]
    return _sentence(why, [ext], lacking) if why else None


def _sentence(why: str, exts: Iterable[str], lacking: dict[str, str | None]) -> str:
    made = [ext for ext, reason in lacking.items() if reason is None]
    return f"{why}, so there is no {_either(exts)}: take the {_either(made)}."


def _either(exts: Iterable[str]) -> str:
    """.zwo, .mrc or .erg"""
    *others, last = [f".{ext}" for ext in exts]
    return f"{', '.join(others)} or {last}" if others else last
