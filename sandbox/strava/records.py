"""The rider's rides as Strava writes them, its oddities included."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from sandbox.person import rider
from sandbox.person.recording import climbed_m, distance_m, speed_ms, totals
from sandbox.person.rides import Ride

BIKE_ID = "b8814420"
# Share of LTHR below which each of Strava's five zones ends.
HEART_ZONES = (0.68, 0.83, 0.94, 1.05)
POWER_ZONES = (0.55, 0.75, 0.90, 1.05, 1.20, 1.50)
ESTIMATE = 0.93  # what Strava guesses without a power meter, against the truth

# Fields about other people, who do not exist here.
UNSOCIAL = {
    "achievement_count": 0,
    "kudos_count": 3,
    "comment_count": 0,
    "athlete_count": 1,
    "photo_count": 0,
    "total_photo_count": 0,
    "pr_count": 0,
    "has_kudoed": False,
}


def athlete(athlete_id: int, *, is_detailed: bool) -> dict[str, Any]:
    summary = {
        "id": athlete_id,
        "username": "robin_m",
        "resource_state": 3 if is_detailed else 2,
        "firstname": rider.FIRST_NAME,
        "lastname": rider.LAST_NAME,
        "city": rider.CITY,
        "state": None,
        "country": rider.COUNTRY,
        "sex": "M",
        "premium": True,
        "summit": True,
        "created_at": "2019-03-02T10:15:00Z",
        "updated_at": "2026-05-30T18:02:11Z",
        "profile_medium": "avatar/athlete/medium.png",
        "profile": "avatar/athlete/large.png",
    }
    if not is_detailed:
        return summary
    return summary | {
        "follower_count": 34,
        "friend_count": 41,
        "measurement_preference": "meters",
        "ftp": rider.FTP_W,
        "weight": rider.WEIGHT_KG,
        "clubs": [],
        "bikes": [_bike()],
        "shoes": [],
    }


def zones() -> dict[str, Any]:
    return {
        "heart_rate": {
            "custom_zones": True,
            "zones": _bands([round(share * rider.LTHR_BPM) for share in HEART_ZONES]),
        },
        "power": {"zones": _bands([round(share * rider.FTP_W) for share in POWER_ZONES])},
    }


def summary(ride: Ride, athlete_id: int) -> dict[str, Any]:
    """A row of /athlete/activities."""
    start = ride.shown_start_at
    local = start.astimezone(rider.HOME)
    offset = local.utcoffset()
    distance = round(distance_m(ride), -3) if ride.is_manual else distance_m(ride)
    return {
        "resource_state": 2,
        "athlete": {"id": athlete_id, "resource_state": 1},
        "id": ride.id,
        "name": ride.name,
        "type": "VirtualRide" if ride.is_indoor else "Ride",
        "sport_type": "VirtualRide" if ride.is_indoor else "Ride",
        "workout_type": 12 if ride.kind == "intervals" else 10,
        "distance": distance,
        "moving_time": ride.moving_s,
        "elapsed_time": ride.elapsed_s,
        "total_elevation_gain": climbed_m(ride),
        "start_date": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        # The wall clock at the rider's home, with a Z that is not true.
        "start_date_local": local.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "timezone": "(GMT+01:00) Europe/Paris",
        "utc_offset": offset.total_seconds() if offset else None,
        "location_city": None,
        "location_state": None,
        "location_country": rider.COUNTRY,
        "start_latlng": None,
        "end_latlng": None,
        "map": {"id": f"a{ride.id}", "summary_polyline": None, "resource_state": 2},
        "trainer": ride.is_indoor,
        "commute": False,
        "manual": ride.is_manual,
        "private": ride.is_private,
        "visibility": "only_me" if ride.is_private else "followers_only",
        "flagged": False,
        "gear_id": BIKE_ID,
        "from_accepted_tag": False,
        "average_speed": round(distance / ride.moving_s, 3),
        "max_speed": round(max(speed_ms(effort) for effort in ride.efforts) * 1.2, 3),
        **UNSOCIAL,
        **_device(ride),
        **_power(ride),
        **_heart(ride),
    }


def detail(ride: Ride, athlete_id: int) -> dict[str, Any]:
    return summary(ride, athlete_id) | {
        "resource_state": 3,
        "description": "",
        "calories": round(totals(ride).work_kj * 1.05, 1),
        "perceived_exertion": None,
        "prefer_perceived_exertion": False,
        "hide_from_home": False,
        "segment_efforts": [],
        "gear": _bike(),
        "laps": _laps(ride),
        "embed_token": "sandbox",
    }


def _device(ride: Ride) -> dict[str, Any]:
    if ride.is_manual:
        return {"upload_id": None, "external_id": None}
    return {
        "device_name": "Zwift" if ride.is_indoor else "Garmin Edge 840",
        "upload_id": ride.id + 900_000_000,
        "upload_id_str": str(ride.id + 900_000_000),
        "external_id": f"garmin_push_{ride.id}",
    }


def _power(ride: Ride) -> dict[str, Any]:
    """Without a meter the watts are a guess and there is no weighted average."""
    sums = totals(ride)
    if ride.power == "none":
        return {}
    if ride.power == "estimated":
        return {
            "device_watts": False,
            "average_watts": round(sums.average_w * ESTIMATE, 1),
            "kilojoules": round(sums.work_kj * ESTIMATE, 1),
        }
    return {
        "device_watts": True,
        "average_watts": sums.average_w,
        # It runs about a watt under normalized power.
        "weighted_average_watts": round(sums.normalized_w - 1),
        "max_watts": sums.max_w,
        "kilojoules": sums.work_kj,
        "average_cadence": 78.4 if ride.kind == "long" else 86.2,
    }


def _heart(ride: Ride) -> dict[str, Any]:
    if not ride.has_heartrate:
        return {"has_heartrate": False}
    sums = totals(ride)
    return {
        "has_heartrate": True,
        "heartrate_opt_out": False,
        "display_hide_heartrate_option": True,
        "average_heartrate": sums.average_hr_bpm,
        "max_heartrate": float(sums.max_hr_bpm),
        # Strava's relative effort is not on the TSS scale; it runs well above it.
        "suffer_score": float(round(ride.load() * 1.39)),
    }


def _bike() -> dict[str, Any]:
    return {
        "id": BIKE_ID,
        "primary": True,
        "name": "Road bike",
        "resource_state": 2,
        "distance": 24_812_000.0,
    }


def _laps(ride: Ride) -> list[dict[str, Any]]:
    laps, index, lap_start = [], 0, ride.shown_start_at
    for number, effort in enumerate(ride.efforts, 1):
        laps.append(
            {
                "id": ride.id * 100 + number,
                "name": f"Lap {number}",
                "lap_index": number,
                "split": number,
                "moving_time": effort.seconds,
                "elapsed_time": effort.seconds,
                "start_date": _instant(lap_start, index),
                "distance": round(effort.seconds * speed_ms(effort), 1),
                "average_speed": round(speed_ms(effort), 3),
                "start_index": index,
                "end_index": index + effort.seconds - 1,
            }
        )
        index += effort.seconds
    return laps


def _instant(start: datetime, seconds: int) -> str:
    moment = datetime.fromtimestamp(start.timestamp() + seconds, tz=start.tzinfo)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _bands(uppers: list[int]) -> list[dict[str, int]]:
    """Where a zone ends the next begins; the last has no end, written -1."""
    edges = [0, *uppers, -1]
    return [{"min": low, "max": high} for low, high in pairwise(edges)]
