"""Which ride was the workout of a day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from accounts.models import User
from coach.models import Feedback, MissionRun
from connections.models import Ride
from connections.sports import RIDE_SPORTS
from missions.models import Mission

ByDay = Mapping[date, Sequence[Ride]]


def by_day(mission: Mission, rides: Iterable[Ride]) -> ByDay:
    """The rides by bike by the mission's own day, which may be in another zone than the tester."""
    days: dict[date, list[Ride]] = {}
    for ride in rides:
        if ride.sport in RIDE_SPORTS:
            days.setdefault(mission.local_date(ride.started_at), []).append(ride)
    return days


def ride_of(run: MissionRun, days: ByDay) -> Ride | None:
    """The longest ride of the day that began after its brief was made, else the longest."""
    of_day = days.get(run.local_date, ())
    followed = [ride for ride in of_day if not is_before(ride, run)]
    return max(followed or of_day, key=lambda ride: ride.duration_s, default=None)


def is_before(ride: Ride, run: MissionRun) -> bool:
    """Whether it began before anything was prescribed."""
    return run.finished_at is not None and ride.started_at < run.finished_at


def efforts_said(user: User, rides: Sequence[Ride]) -> dict[int, int]:
    """How hard the tester found a ride, 1 to 10, by its primary key; one query."""
    told = Feedback.objects.filter(run__mission__owner=user, rpe__isnull=False)
    said = list(
        told.select_related("run__mission")
        .only("rpe", "run__local_date", "run__finished_at", "run__mission__timezone")
        .order_by("said_at")
    )
    days = {one.run.mission: by_day(one.run.mission, rides) for one in said}
    matched = ((ride_of(one.run, days[one.run.mission]), one.rpe) for one in said)
    return {ride.pk: rpe for ride, rpe in matched if ride is not None and rpe is not None}
