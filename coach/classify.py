"""A ride on a stage day: which one counts, and the mode it was ridden in.

Thresholds as the original single-user coach used them: an intensity factor of 0.85 together with
60 TSS, or in less than an hour, is a breakaway; any other finished stage is ridden for gc.
"""

from collections.abc import Sequence

from coach.physiology.scoring import RideLoad
from connections.models import Ride
from connections.sports import RIDE_SPORTS
from missions.models import RideMode

LEAST_S = 30 * 60
BREAKAWAY_IF = 0.85
# What a stage for the classification is planned at, at least.
GC_IF = 0.70
BREAKAWAY_TSS = 60
SHORT_S = 60 * 60


def ride_that_counts(rides: Sequence[Ride]) -> Ride | None:
    """The longest ride of half an hour or more; None when the stage was not ridden."""
    candidates = [
        ride for ride in rides if ride.sport in RIDE_SPORTS and ride.duration_s >= LEAST_S
    ]
    return max(candidates, key=lambda ride: ride.duration_s, default=None)


def ride_mode(ride: Ride, load: RideLoad) -> RideMode:
    """The mode actually ridden; without power there is no proof of a breakaway."""
    intensity, tss = load.intensity_factor, load.load
    if intensity is None or tss is None or intensity < BREAKAWAY_IF:
        return RideMode.GC
    is_breakaway = tss >= BREAKAWAY_TSS or ride.duration_s < SHORT_S
    return RideMode.BREAKAWAY if is_breakaway else RideMode.GC
