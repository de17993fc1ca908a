import pytest

from coach.classify import ride_mode, ride_that_counts
from coach.physiology.scoring import RideLoad
from connections.models import Ride


def ride(minutes: float, sport: str = "Ride") -> Ride:
    return Ride(sport=sport, duration_s=round(minutes * 60))


@pytest.mark.parametrize(
    ("minutes", "intensity_factor", "tss", "mode"),
    [
        (90, 0.85, 108.0, "breakaway"),
        (90, 0.8499, 108.0, "gc"),
        (60, 0.85, 60.0, "breakaway"),
        (60, 0.85, 59.9, "gc"),
        (59, 0.85, 30.0, "breakaway"),
        (240, 0.70, 196.0, "gc"),
        # Heart rate alone proves no breakaway, and neither does a ride nobody could score.
        (90, None, 130.0, "gc"),
        (90, 0.95, None, "gc"),
        (90, None, None, "gc"),
    ],
)
def test_ride_mode_follows_the_thresholds(
    minutes: int, intensity_factor: float | None, tss: float | None, mode: str
) -> None:
    load = RideLoad(load=tss, intensity_factor=intensity_factor)

    assert ride_mode(ride(minutes), load) == mode


@pytest.mark.parametrize(
    ("rides", "counting"),
    [
        ([], None),
        ([ride(29.9)], None),
        ([ride(30)], 0),
        ([ride(40), ride(180), ride(60)], 1),
        ([ride(300, "Walk"), ride(45, "VirtualRide")], 1),
        ([ride(300, "Run"), ride(300, "WeightTraining")], None),
    ],
)
def test_ride_that_counts_is_the_longest_of_half_an_hour(
    rides: list[Ride], counting: int | None
) -> None:
    assert ride_that_counts(rides) is (None if counting is None else rides[counting])
