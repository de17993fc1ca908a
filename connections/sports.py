"""What counts as riding, in Strava's `sport_type` words; other sources are translated to them."""

RIDE_SPORTS = frozenset(
    {
        "Ride",
        "VirtualRide",
        "GravelRide",
        "MountainBikeRide",
        "EBikeRide",
        "EMountainBikeRide",
        "Velomobile",
        "Handcycle",
    }
)
