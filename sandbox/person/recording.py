"""What the head unit stored of a ride: one value a second, and the sums made from them."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import exp

from sandbox.person.rider import FTP_W, LTHR_BPM, MAX_HR_BPM, WEIGHT_KG, luck
from sandbox.person.rides import Effort, Ride

BIKE_KG = 9.0
HEART_LAG_S = 35.0
HEART_DRIFT_PER_H = 0.02
RIDING_HR_BPM = 70  # where the straight line from LTHR at FTP meets no power at all


@dataclass(frozen=True, slots=True)
class Recording:
    """Watts and beats a minute for each second of riding; pauses are not in it."""

    watts: list[int]
    heartrate: list[int]

    def normalized_w(self) -> float:
        sums = [0, *accumulate(self.watts)]
        means = [(sums[i] - sums[i - 30]) / 30 for i in range(30, len(sums))]
        return float((sum(mean**4 for mean in means) / len(means)) ** 0.25)


@lru_cache(maxsize=64)
def recording(ride: Ride) -> Recording:
    return Recording(watts=_watts(ride), heartrate=_heartrate(ride))


@dataclass(frozen=True, slots=True)
class Totals:
    average_w: float
    normalized_w: float
    max_w: int
    work_kj: float
    average_hr_bpm: float
    max_hr_bpm: int


@lru_cache(maxsize=4096)
def totals(ride: Ride) -> Totals:
    done = recording(ride)
    return Totals(
        average_w=round(sum(done.watts) / len(done.watts), 1),
        normalized_w=done.normalized_w(),
        max_w=max(done.watts),
        work_kj=round(sum(done.watts) / 1000, 1),
        average_hr_bpm=round(sum(done.heartrate) / len(done.heartrate), 1),
        max_hr_bpm=max(done.heartrate),
    )


def speed_ms(effort: Effort) -> float:
    """Metres a second: air on the flat, gravity on a climb, nerve on a descent."""
    if effort.grade > 0:
        return effort.share * FTP_W / ((WEIGHT_KG + BIKE_KG) * 9.81 * effort.grade + 6)
    if effort.grade < 0:
        return 11.5
    return 4.6 + effort.share * FTP_W / 55


def distance_m(ride: Ride) -> float:
    return round(sum(effort.seconds * speed_ms(effort) for effort in ride.efforts), 1)


def climbed_m(ride: Ride) -> float:
    rises = (effort.seconds * speed_ms(effort) * max(effort.grade, 0) for effort in ride.efforts)
    return round(sum(rises), 1)


def _watts(ride: Ride) -> list[int]:
    dice = luck(ride.local_date, "watts")
    spread = 0.03 if ride.is_indoor else 0.16
    wobble = [1 + dice.gauss(0, spread) for _ in range(997)]
    if not ride.is_indoor:
        # A few seconds without pedalling, every minute and a half: zeros belong to the data.
        for bend in range(0, 997, 90):
            wobble[bend : bend + 4] = [0.0] * 4
    powers = [effort.share * FTP_W for effort in ride.efforts for _ in range(effort.seconds)]
    return [max(0, round(power * wobble[i % 997])) for i, power in enumerate(powers)]


def _heartrate(ride: Ride) -> list[int]:
    fade = exp(-1 / HEART_LAG_S)
    beats: list[int] = []
    now = float(RIDING_HR_BPM + 15)
    for effort in ride.efforts:
        drift = 1 + HEART_DRIFT_PER_H * len(beats) / 3600
        goal = min(MAX_HR_BPM, (RIDING_HR_BPM + (LTHR_BPM - RIDING_HR_BPM) * effort.share) * drift)
        for _ in range(effort.seconds):
            now = goal + (now - goal) * fade
            beats.append(round(now))
    return beats
