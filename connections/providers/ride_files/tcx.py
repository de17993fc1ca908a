"""TCX: Garmin's XML, with activities, laps and trackpoints."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from connections.providers.ride_files.errors import TOO_MUCH, NotARideFile
from connections.providers.ride_files.recording import (
    MOST_LAPS,
    MOST_POINTS,
    MOST_RIDES,
    Point,
    Told,
)
from connections.providers.ride_files.sports import sport_of
from connections.providers.ride_files.xml_values import instant, number, offset, seconds

COURSE = (
    "It is a course to follow, not a ride. Send the recording of the ride, with its times, not "
    "the course."
)


@dataclass(slots=True)
class _Activity:
    sport: str
    laps: list[dict[str, str]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    first_time: str = ""
    device: str = ""


class Tcx:
    def __init__(self) -> None:
        self._activities: list[_Activity] = []
        self._point: dict[str, str] | None = None
        self._is_course = False
        self._count = self._laps = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Activity":
            if len(self._activities) >= MOST_RIDES:
                raise NotARideFile(TOO_MUCH)
            self._activities.append(_Activity(sport_of(attributes.get("Sport", ""))))
        elif name == "Lap" and self._activities:
            self._laps += 1
            if self._laps > MOST_LAPS:
                raise NotARideFile(TOO_MUCH)
            self._activities[-1].laps.append({"StartTime": attributes.get("StartTime", "")})
        elif name == "Trackpoint":
            self._point = {}
        elif name == "Course":
            self._is_course = True

    def end(self, parent: str, name: str, text: str) -> None:
        if not self._activities:
            return
        if name == "Trackpoint":
            self._close_point(self._activities[-1])
        elif self._point is not None:
            self._point["HeartRate" if parent == "HeartRateBpm" else name] = text
        elif parent == "Creator" and name == "Name":
            self._activities[-1].device = text
        elif parent in {"Lap", "AverageHeartRateBpm", "MaximumHeartRateBpm"}:
            self._lap_value(parent, name, text)

    def recordings(self) -> Iterator[tuple[Told, list[Point]]]:
        if self._is_course and not self._activities:
            raise NotARideFile(COURSE)
        for activity in self._activities:
            yield _told(activity), activity.points

    def _close_point(self, activity: _Activity) -> None:
        values, self._point = self._point or {}, None
        at = seconds(values.get("Time"))
        if at is None:
            return
        self._count += 1
        if self._count > MOST_POINTS:
            raise NotARideFile(TOO_MUCH)
        activity.first_time = activity.first_time or values["Time"]
        activity.points.append(
            Point(
                at,
                number(values.get("Watts")),
                number(values.get("HeartRate")),
                number(values.get("DistanceMeters")),
                number(values.get("AltitudeMeters")),
            )
        )

    def _lap_value(self, parent: str, name: str, text: str) -> None:
        laps = self._activities[-1].laps
        # What holds another element has no text of its own.
        if laps and text:
            laps[-1][name if parent == "Lap" else parent] = text


def _told(activity: _Activity) -> Told:
    """Its laps in sum; their distances are each lap's own."""
    starts = [lap["StartTime"] for lap in activity.laps if instant(lap["StartTime"])]
    ran_s = [number(lap.get("TotalTimeSeconds")) or 0.0 for lap in activity.laps]
    passed_m = [number(lap.get("DistanceMeters")) or 0.0 for lap in activity.laps]
    most_bpm = [number(lap.get("MaximumHeartRateBpm")) or 0.0 for lap in activity.laps]
    beats = sum(
        (number(lap.get("AverageHeartRateBpm")) or 0.0) * lap_s
        for lap, lap_s in zip(activity.laps, ran_s, strict=True)
    )
    return Told(
        sport=activity.sport,
        started_at=seconds(starts[0]) if starts else None,
        moving_s=sum(ran_s),
        distance_m=sum(passed_m),
        average_hr_bpm=beats / sum(ran_s) if sum(ran_s) > 0 else None,
        max_hr_bpm=max(most_bpm, default=None),
        device=activity.device,
        offset=offset(activity.first_time or (starts[0] if starts else None)),
    )
