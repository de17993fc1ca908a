"""The rider's heart through a day as a ring sees it: a value every five minutes, with gaps."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from sandbox.person.nights import night_of
from sandbox.person.recording import recording
from sandbox.person.rider import RESTING_HR_BPM, at_home, luck
from sandbox.person.rides import Ride, ride_on

STEP_S = 300
# Then the ring lies on its charger.
CHARGED_AT = (20, 30)
CHARGING_S = 2700

Source = Literal["awake", "rest", "workout", "sleep"]


@dataclass(frozen=True, slots=True)
class Beat:
    at: datetime
    bpm: int
    source: Source


@lru_cache(maxsize=512)
def beats_on(local_date: date) -> list[Beat]:
    """From midnight to midnight at the rider's home, whatever the clocks do in between."""
    dice = luck(local_date, "heart")
    begin, end = at_home(local_date, 0), at_home(local_date + timedelta(days=1), 0)
    charged_at = at_home(local_date, *CHARGED_AT)
    beats = []
    for n in range(int((end - begin).total_seconds()) // STEP_S):
        at = begin + timedelta(seconds=n * STEP_S)
        noise = dice.gauss(0, 2.5)
        is_seen = dice.random() > 0.04
        if is_seen and not 0 <= (at - charged_at).total_seconds() < CHARGING_S:
            beats.append(_beat(local_date, at, noise))
    return beats


def _beat(local_date: date, at: datetime, noise: float) -> Beat:
    ride = ride_on(local_date)
    if ride and ride.start_at <= at < ride.end_at:
        return Beat(at, round(_riding_bpm(ride, at)), "workout")
    for night in (night_of(local_date), night_of(local_date + timedelta(days=1))):
        if night.bed_at <= at < night.wake_at:
            return Beat(at, round(night.lowest_hr_bpm * 1.1 + noise), "sleep")
    is_resting = at.hour in (12, 19)
    usual = RESTING_HR_BPM + (9 if is_resting else 22)
    return Beat(at, round(usual + noise * 2), "rest" if is_resting else "awake")


def _riding_bpm(ride: Ride, at: datetime) -> float:
    beats = recording(ride).heartrate
    return beats[min(int((at - ride.start_at).total_seconds()), len(beats) - 1)]
