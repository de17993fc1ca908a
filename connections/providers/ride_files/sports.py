"""The words for a sport: Strava's are the service's own, the files have theirs."""

import re

RIDE, OTHER = "Ride", "Workout"

WORDS = {
    "biking": RIDE,
    "bike": RIDE,
    "bicycle": RIDE,
    "cycling": RIDE,
    "ride": RIDE,
    "road": RIDE,
    "road_biking": RIDE,
    "road_cycling": RIDE,
    "1": RIDE,  # Strava's number in its GPX files
    "gravel": "GravelRide",
    "gravel_cycling": "GravelRide",
    "gravel_ride": "GravelRide",
    "mountain": "MountainBikeRide",
    "mountain_biking": "MountainBikeRide",
    "mountain_bike_ride": "MountainBikeRide",
    "indoor_cycling": "VirtualRide",
    "virtual_cycling": "VirtualRide",
    "virtual_ride": "VirtualRide",
    "e_biking": "EBikeRide",
    "e_bike_ride": "EBikeRide",
    "hand_cycling": "Handcycle",
    "run": "Run",
    "running": "Run",
    "9": "Run",
    "trail_running": "TrailRun",
    "walk": "Walk",
    "walking": "Walk",
    "10": "Walk",
    "hike": "Hike",
    "hiking": "Hike",
    "4": "Hike",
    "swim": "Swim",
    "swimming": "Swim",
    "rowing": "Rowing",
    "cross_country_skiing": "NordicSki",
    "strength_training": "WeightTraining",
}
# A FIT sport with its sub-sport, where the two say more than the sport alone.
FINER = {
    ("cycling", "gravel_cycling"): "GravelRide",
    ("cycling", "mountain"): "MountainBikeRide",
    ("cycling", "downhill"): "MountainBikeRide",
    ("cycling", "indoor_cycling"): "VirtualRide",
    ("cycling", "spin"): "VirtualRide",
    ("cycling", "virtual_activity"): "VirtualRide",
    ("cycling", "hand_cycling"): "Handcycle",
    ("cycling", "e_bike_fitness"): "EBikeRide",
    ("cycling", "e_bike_mountain"): "EMountainBikeRide",
    ("e_biking", "e_bike_mountain"): "EMountainBikeRide",
    ("running", "trail"): "TrailRun",
    ("running", "virtual_activity"): "VirtualRun",
    ("training", "strength_training"): "WeightTraining",
}


def sport_of(word: str, finer: str = "") -> str:
    """Our word; a sport that is not told is a ride, for it was sent as one."""
    spelled = re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")
    if not spelled:
        return RIDE
    return FINER.get((spelled, finer)) or WORDS.get(spelled, OTHER)
