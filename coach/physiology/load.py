"""The formulas behind a training load: power, heart rate, perceived exertion.

Normalized power itself is worked out where a recording is read: `connections.normalized_power`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeGuard

Sex = Literal["male", "female"]

# Banister's exponent. For an unknown sex the midpoint, which halves the largest possible error:
# HRSS, where the exponent stands above and below the line, is then 1 to 2 % off near threshold.
BANISTER_K: Mapping[Sex | None, float] = {"male": 1.92, "female": 1.67, None: 1.795}
MAX_RPE = 10
MIN_RPE_RIDES = 5


@dataclass(frozen=True, kw_only=True)
class Athlete:
    """The thresholds valid on the day of the ride; a later FTP never rescales an earlier ride."""

    ftp_w: float | None = None
    hr_rest_bpm: float | None = None
    hr_max_bpm: float | None = None
    lthr_bpm: float | None = None
    sex: Sex | None = None
    tss_per_rpe_minute: float | None = None


def is_positive(value: float | None) -> TypeGuard[float]:
    """A measured quantity above zero: not missing, not NaN, not infinite."""
    return value is not None and 0 < value < math.inf


def intensity_factor(normalized_power_w: float | None, ftp_w: float | None) -> float | None:
    """NP over FTP; None when either is missing. There is no default FTP."""
    if not is_positive(ftp_w) or normalized_power_w is None:
        return None
    return normalized_power_w / ftp_w


def tss(duration_s: float, normalized_power_w: float | None, ftp_w: float | None) -> float | None:
    """Training Stress Score, hours x IF squared x 100 (Allen & Coggan); None without NP or FTP."""
    intensity = intensity_factor(normalized_power_w, ftp_w)
    return None if intensity is None else tss_at(duration_s, intensity)


def tss_at(duration_s: float, intensity: float) -> float:
    """The TSS of so many seconds at an intensity factor, a share of FTP (Allen & Coggan)."""
    return duration_s / 3600 * intensity * intensity * 100


def variability_index(
    normalized_power_w: float | None, average_power_w: float | None
) -> float | None:
    """NP over average power; above 1.5 the power is not a ride's."""
    if normalized_power_w is None or not is_positive(average_power_w):
        return None
    return normalized_power_w / average_power_w


def heart_rate_reserve(hr_bpm: float | None, athlete: Athlete) -> float | None:
    """Share of the heart-rate reserve, 0 to 1; None when unknown or outside resting to maximum."""
    rest, most = athlete.hr_rest_bpm, athlete.hr_max_bpm
    if not (is_positive(hr_bpm) and is_positive(rest) and is_positive(most)):
        return None
    return (hr_bpm - rest) / (most - rest) if rest <= hr_bpm <= most and rest < most else None


def trimp(duration_s: float, average_hr_bpm: float | None, athlete: Athlete) -> float | None:
    """Banister's training impulse, with 0.64 for both sexes as in GoldenCheetah."""
    reserve = heart_rate_reserve(average_hr_bpm, athlete)
    if reserve is None:
        return None
    return duration_s / 60 * reserve * 0.64 * math.exp(BANISTER_K[athlete.sex] * reserve)


def hrss(duration_s: float, average_hr_bpm: float | None, athlete: Athlete) -> float | None:
    """TRIMP as a share of an hour at LTHR, x 100 (Elevate): the stand-in for TSS without power."""
    impulse = trimp(duration_s, average_hr_bpm, athlete)
    threshold_hour = trimp(3600, athlete.lthr_bpm, athlete)
    if impulse is None or not threshold_hour:
        return None
    return 100 * impulse / threshold_hour


def session_rpe(duration_s: float, rpe: float | None) -> float | None:
    """CR-10 x minutes (Foster 2001), not on the TSS scale; None for an RPE outside 0 to 10."""
    if not is_positive(rpe) or rpe > MAX_RPE:
        return None
    return rpe * duration_s / 60


def rpe_scale(loads_and_session_rpes: Sequence[tuple[float, float]]) -> float | None:
    """The athlete's own TSS per RPE-minute: the median over rides scored both ways, at least 5."""
    ratios = [load / rated for load, rated in loads_and_session_rpes if rated > 0]
    return median(ratios) if len(ratios) >= MIN_RPE_RIDES else None


def edwards(zone_minutes: Sequence[float]) -> float:
    """Minutes in 50-60 ... 90-100 % of HRmax x 1 ... 5 (Edwards 1993); ValueError unless five."""
    return sum(w * m for w, m in zip((1, 2, 3, 4, 5), zone_minutes, strict=True))


def lucia(zone_minutes: Sequence[float]) -> float:
    """Minutes below VT1, between, above VT2 x 1, 2, 3 (Lucia 2003); ValueError unless three."""
    return sum(w * m for w, m in zip((1, 2, 3), zone_minutes, strict=True))
