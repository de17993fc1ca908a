"""The second-by-second streams of a ride. A pause is a jump in time, not a row of zeros."""

from itertools import accumulate
from math import cos, pi, sin
from typing import Any

from sandbox.person.recording import recording, speed_ms
from sandbox.person.rides import Ride

HOME_LAT, HOME_LNG, HOME_ALTITUDE_M = 45.188, 5.724, 214.0
METRES_PER_DEGREE = 111_320


def streams(ride: Ride, keys: list[str]) -> dict[str, Any]:
    """Only those that exist, keyed by type."""
    data = {key: STREAMS[key](ride) for key in keys if key in STREAMS}
    return {
        key: {
            "data": values,
            "series_type": "distance",
            "original_size": len(values),
            "resolution": "high",
        }
        for key, values in data.items()
        if values
    }


def _time(ride: Ride) -> list[int]:
    """Seconds since the start; the pause falls half-way."""
    half = ride.moving_s // 2
    return [i if i < half else i + ride.pause_s for i in range(ride.moving_s)]


def _watts(ride: Ride) -> list[int]:
    return recording(ride).watts if ride.power == "meter" else []


def _heartrate(ride: Ride) -> list[int]:
    return recording(ride).heartrate if ride.has_heartrate else []


def _cadence(ride: Ride) -> list[int]:
    return [0 if watts == 0 else 84 + i % 5 for i, watts in enumerate(_watts(ride))]


def _velocity(ride: Ride) -> list[float]:
    return [round(speed_ms(effort), 1) for effort in ride.efforts for _ in range(effort.seconds)]


def _distance(ride: Ride) -> list[float]:
    return [round(metres, 1) for metres in accumulate(_velocity(ride))]


def _grade(ride: Ride) -> list[float]:
    grades = [effort.grade * 100 for effort in ride.efforts for _ in range(effort.seconds)]
    return [] if ride.is_indoor else grades


def _altitude(ride: Ride) -> list[float]:
    rises = [v * g / 100 for v, g in zip(_velocity(ride), _grade(ride), strict=False)]
    return [round(HOME_ALTITUDE_M + metres, 1) for metres in accumulate(rises)]


def _moving(ride: Ride) -> list[bool]:
    return [True] * ride.moving_s


def _latlng(ride: Ride) -> list[list[float]]:
    """One big loop; nothing for a trainer or a hidden start."""
    if ride.is_indoor or ride.is_start_hidden:
        return []
    distances = _distance(ride)
    radius = distances[-1] / (2 * pi) / METRES_PER_DEGREE
    angles = [2 * pi * metres / distances[-1] for metres in distances]
    return [
        [round(HOME_LAT + radius * sin(a), 6), round(HOME_LNG + radius * (1 - cos(a)), 6)]
        for a in angles
    ]


STREAMS: dict[str, Any] = {
    "time": _time,
    "watts": _watts,
    "heartrate": _heartrate,
    "cadence": _cadence,
    "distance": _distance,
    "altitude": _altitude,
    "velocity_smooth": _velocity,
    "grade_smooth": _grade,
    "moving": _moving,
    "latlng": _latlng,
}
