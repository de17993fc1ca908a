"""GPX: tracks of points with a place and a time; what sensors told stands in extensions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt

from connections.providers.ride_files.errors import NO_TIME, TOO_MUCH, NotARideFile
from connections.providers.ride_files.recording import MOST_POINTS, MOST_RIDES, Point, Told
from connections.providers.ride_files.sports import sport_of
from connections.providers.ride_files.xml_values import number, offset, seconds

EARTH_M = 6_371_000.0
POWER = ("power", "PowerInWatts", "watts")
HEART_RATE = ("hr", "heartrate")
Place = tuple[float, float]


@dataclass(slots=True)
class _Track:
    kind: str = ""
    climb_m: float | None = None
    points: list[Point] = field(default_factory=list)
    first_time: str = ""
    passed_m: float = 0.0
    last_place: Place | None = None


class Gpx:
    def __init__(self) -> None:
        self._device = ""
        self._tracks: list[_Track] = []
        self._point: dict[str, str] | None = None
        self._place: Place | None = None
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "gpx":
            self._device = attributes.get("creator", "")
        elif name == "trk":
            if len(self._tracks) >= MOST_RIDES:
                raise NotARideFile(TOO_MUCH)
            self._tracks.append(_Track())
        elif name == "trkseg" and self._tracks:
            # Between two segments nobody knows the way.
            self._tracks[-1].last_place = None
        elif name == "trkpt" and self._tracks:
            self._point, self._place = {}, _place(attributes)

    def end(self, parent: str, name: str, text: str) -> None:
        if not self._tracks:
            return
        if name == "trkpt":
            self._close_point(self._tracks[-1])
        elif self._point is not None:
            self._point[name] = text
        elif parent == "trk" and name == "type":
            self._tracks[-1].kind = text
        elif parent == "TrackStatsExtension" and name == "Ascent":
            self._tracks[-1].climb_m = number(text)

    def recordings(self) -> Iterator[tuple[Told, list[Point]]]:
        tracks = [track for track in self._tracks if track.points]
        # Some apps leave a track of a single point behind when they are started.
        recorded = [track for track in tracks if len(track.points) > 1] or tracks
        if not recorded:
            raise NotARideFile(NO_TIME)
        for track in recorded:
            told = Told(
                sport=sport_of(track.kind),
                climb_m=track.climb_m,
                device=self._device,
                offset=offset(track.first_time),
            )
            yield told, track.points

    def _close_point(self, track: _Track) -> None:
        values, self._point = self._point or {}, None
        at = seconds(values.get("time"))
        if at is None:
            return
        self._count += 1
        if self._count > MOST_POINTS:
            raise NotARideFile(TOO_MUCH)
        track.first_time = track.first_time or values["time"]
        if self._place and track.last_place:
            track.passed_m += _apart_m(track.last_place, self._place)
        track.last_place = self._place or track.last_place
        track.points.append(
            Point(
                at,
                _first_number(values, POWER),
                _first_number(values, HEART_RATE),
                track.passed_m if self._place else None,
                number(values.get("ele")),
            )
        )


def _place(attributes: dict[str, str]) -> Place | None:
    latitude, longitude = number(attributes.get("lat")), number(attributes.get("lon"))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return radians(latitude), radians(longitude)


def _apart_m(one: Place, other: Place) -> float:
    """The great circle between two places (haversine)."""
    half = (
        sin((other[0] - one[0]) / 2) ** 2
        + cos(one[0]) * cos(other[0]) * sin((other[1] - one[1]) / 2) ** 2
    )
    return 2 * EARTH_M * asin(sqrt(min(1.0, half)))


def _first_number(values: dict[str, str], names: tuple[str, ...]) -> float | None:
    found = (number(values.get(name)) for name in names)
    return next((value for value in found if value is not None), None)
