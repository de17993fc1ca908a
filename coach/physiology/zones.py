"""Power and heart-rate zones as shares of a threshold."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Literal

from coach.physiology.load import is_positive

PowerZone = Literal["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7"]
HrZone = Literal["Z1", "Z2", "Z3", "Z4", "Z5"]

POWER_ZONES: tuple[PowerZone, ...] = ("Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7")
HR_ZONES: tuple[HrZone, ...] = ("Z1", "Z2", "Z3", "Z4", "Z5")

# Allen & Coggan. Power: % of FTP, upper bounds, inclusive; Z7 is open. Heart rate: % of LTHR,
# lower bounds, inclusive.
POWER_UPPER_PCT = (55, 75, 90, 105, 120, 150)
HR_LOWER_PCT = (0, 68, 83, 94, 105)


def power_zone(watts: float, ftp_w: float | None) -> PowerZone | None:
    """Coggan's seven zones; None without an FTP. A share is a power too: `power_zone(88, 100)`."""
    if not is_positive(ftp_w) or not 0 <= watts < math.inf:
        return None
    return POWER_ZONES[bisect_left(POWER_UPPER_PCT, watts * 100 / ftp_w)]


def hr_zone(hr_bpm: float, lthr_bpm: float | None) -> HrZone | None:
    """Coggan's five heart-rate zones; None without a lactate threshold heart rate."""
    if not is_positive(lthr_bpm) or not 0 <= hr_bpm < math.inf:
        return None
    return HR_ZONES[bisect_right(HR_LOWER_PCT, hr_bpm * 100 / lthr_bpm) - 1]


def z4plus_minutes(watts: Iterable[float | None], ftp_w: float | None) -> float | None:
    """Minutes above 90 % of FTP in a 1 Hz series, unsmoothed; None without FTP or any sample."""
    zones = [power_zone(sample, ftp_w) for sample in watts if sample is not None]
    known = [zone for zone in zones if zone is not None]
    return sum(zone >= "Z4" for zone in known) / 60 if known else None


def zone_minutes(
    ridden: Iterable[tuple[float, float]], ftp_w: float | None
) -> dict[PowerZone, float] | None:
    """Minutes in each zone, of powers and their seconds; None without an FTP."""
    if not is_positive(ftp_w):
        return None
    minutes = dict.fromkeys(POWER_ZONES, 0.0)
    for watts, seconds in ridden:
        if zone := power_zone(watts, ftp_w):
            minutes[zone] += seconds / 60
    return minutes
