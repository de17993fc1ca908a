"""The load of one ride, on the TSS scale, by the best method its data allow."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from coach.physiology.load import (
    Athlete,
    heart_rate_reserve,
    hrss,
    intensity_factor,
    is_positive,
    session_rpe,
    tss,
)
from connections.sports import RIDE_SPORTS

Method = Literal["power", "hrss", "session_rpe", "suffer_score"]
Refusal = Literal[
    "no_duration",
    "no_normalized_power",
    "not_a_ride",
    "estimated_power",
    "implausible_variability",
    "no_ftp",
    "no_heart_rate",
    "no_heart_rate_settings",
    "implausible_heart_rate",
    "no_rpe",
    "no_rpe_scale",
    "no_suffer_score",
]

MAX_VARIABILITY_INDEX = 1.5
# Strava's relative effort is proprietary and not TSS: the factor is right on average, not per ride.
TSS_PER_SUFFER_POINT = 0.67


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a source reported about one ride: moving time, Strava's `sport_type`, a CR-10 RPE."""

    duration_s: float
    sport: str
    has_power_meter: bool = False
    average_power_w: float | None = None
    normalized_power_w: float | None = None
    average_hr_bpm: float | None = None
    rpe: float | None = None
    suffer_score: float | None = None


@dataclass(frozen=True, kw_only=True)
class RideLoad:
    """A load on the TSS scale, how it was obtained and the numbers it was made from.

    `reason` lists why each better method was passed over, comma-separated `Refusal` words; with
    no load, why there is none. `ftp_w` and `intensity_factor` are set for power alone.
    """

    load: float | None = None
    method: Method | None = None
    is_estimated: bool = False
    ftp_w: float | None = None
    intensity_factor: float | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


def score_ride(effort: Effort, athlete: Athlete) -> RideLoad:
    """Power, else HRSS, else the athlete's scaled session-RPE, else suffer score, else None.

    `athlete` holds what was valid on the day of the ride. Nothing missing is given a default.
    """
    if not is_positive(effort.duration_s):
        return RideLoad(reason="no_duration")
    passed_over: list[Refusal] = []
    for score in (_by_power, _by_heart_rate, _by_rpe, _by_suffer_score):
        scored = score(effort, athlete)
        if isinstance(scored, RideLoad):
            return replace(scored, reason=", ".join(passed_over) or None)
        passed_over.append(scored)
    return RideLoad(reason=", ".join(passed_over))


def power_refusal(effort: Effort, athlete: Athlete) -> Refusal | None:
    """Why this ride's power must not become load, or None when it may."""
    if not is_positive(effort.normalized_power_w):
        return "no_normalized_power"
    if effort.sport not in RIDE_SPORTS:
        return "not_a_ride"
    if not effort.has_power_meter:
        return "estimated_power"
    if _is_too_variable(effort.normalized_power_w, effort.average_power_w):
        return "implausible_variability"
    return None if is_positive(athlete.ftp_w) else "no_ftp"


def _is_too_variable(normalized_power_w: float, average_power_w: float | None) -> bool:
    if average_power_w is None:
        return False
    return normalized_power_w > MAX_VARIABILITY_INDEX * average_power_w


def _by_power(effort: Effort, athlete: Athlete) -> RideLoad | Refusal:
    if refusal := power_refusal(effort, athlete):
        return refusal
    return RideLoad(
        load=tss(effort.duration_s, effort.normalized_power_w, athlete.ftp_w),
        method="power",
        ftp_w=athlete.ftp_w,
        intensity_factor=intensity_factor(effort.normalized_power_w, athlete.ftp_w),
        inputs=_known(
            duration_s=effort.duration_s,
            normalized_power_w=effort.normalized_power_w,
            average_power_w=effort.average_power_w,
            ftp_w=athlete.ftp_w,
        ),
    )


def _by_heart_rate(effort: Effort, athlete: Athlete) -> RideLoad | Refusal:
    if not is_positive(effort.average_hr_bpm):
        return "no_heart_rate"
    if not heart_rate_reserve(athlete.lthr_bpm, athlete):
        return "no_heart_rate_settings"
    load = hrss(effort.duration_s, effort.average_hr_bpm, athlete)
    if load is None:
        return "implausible_heart_rate"
    inputs = _known(
        duration_s=effort.duration_s,
        average_hr_bpm=effort.average_hr_bpm,
        hr_rest_bpm=athlete.hr_rest_bpm,
        hr_max_bpm=athlete.hr_max_bpm,
        lthr_bpm=athlete.lthr_bpm,
    )
    return RideLoad(load=load, method="hrss", inputs=inputs)


def _by_rpe(effort: Effort, athlete: Athlete) -> RideLoad | Refusal:
    rated = session_rpe(effort.duration_s, effort.rpe)
    if rated is None:
        return "no_rpe"
    scale = athlete.tss_per_rpe_minute
    if not is_positive(scale):
        return "no_rpe_scale"
    inputs = _known(duration_s=effort.duration_s, rpe=effort.rpe, tss_per_rpe_minute=scale)
    return RideLoad(load=rated * scale, method="session_rpe", inputs=inputs)


def _by_suffer_score(effort: Effort, athlete: Athlete) -> RideLoad | Refusal:
    score = effort.suffer_score
    if score is None or not 0 <= score < math.inf:
        return "no_suffer_score"
    return RideLoad(
        load=score * TSS_PER_SUFFER_POINT,
        method="suffer_score",
        is_estimated=True,
        inputs={"suffer_score": score},
    )


def _known(**quantities: float | None) -> dict[str, float]:
    return {name: value for name, value in quantities.items() if value is not None}
