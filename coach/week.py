"""The rides of the last days, as the coach is told of them: the week so far, and each by itself."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from statistics import mean

from coach import facts
from coach.recovery import rounded
from coach.scored import ScoredRide
from connections.readings import Readings
from connections.sports import RIDE_SPORTS
from missions.models import Mission

RECENT = timedelta(days=7)
MOST_RECENT_RIDES = 12
# The last ten days before an event are shorter; what they are shorter than is the four weeks before
# (Bosquet 2007 and its reviews compare with the weeks before the taper).
TAPER = timedelta(days=10)
BEFORE_TAPER = timedelta(days=28)


def week_of(
    mission: Mission, scored: Sequence[ScoredRide], readings: Readings, local_date: date
) -> facts.Week:
    """From Monday to yesterday; the limits of a mission are minutes on the bike."""
    monday = local_date - timedelta(days=local_date.weekday())
    ridden = _on_the_bike(scored, monday, local_date)
    is_told = bool(readings.rides) or readings.rides_known_until is not None
    is_judged = is_told and all(one.is_hard is not None for one in ridden)
    return facts.Week(
        minutes_done=sum(one.minutes for one in ridden) if is_told else None,
        hard_sessions_done=sum(one.is_hard is True for one in ridden) if is_judged else None,
        pre_taper_session_minutes=_before_taper(mission, scored, local_date),
    )


def recent_rides(scored: Sequence[ScoredRide], local_date: date) -> Iterator[facts.RecentRide]:
    """Newest first."""
    recent = [one for one in scored if local_date - RECENT <= one.ride.local_date]
    for one in list(reversed(recent))[:MOST_RECENT_RIDES]:
        yield facts.RecentRide(
            date=one.ride.local_date,
            name=one.ride.name or None,
            sport=one.ride.sport,
            minutes=one.minutes,
            load=rounded(one.load.load, 0),
            load_method=one.load.method,
            intensity_factor=rounded(one.load.intensity_factor, 2),
            z4plus_minutes=rounded(one.z4plus_minutes, 0),
            source=one.ride.source,
        )


def _before_taper(mission: Mission, scored: Sequence[ScoredRide], local_date: date) -> int | None:
    """The usual minutes of a ride before the taper; None outside of it, and without any ride."""
    taper_start = mission.event_start - TAPER
    if not taper_start <= local_date < mission.event_start:
        return None
    ridden = _on_the_bike(scored, taper_start - BEFORE_TAPER, taper_start)
    return round(mean(one.minutes for one in ridden)) if ridden else None


def _on_the_bike(scored: Sequence[ScoredRide], first: date, end: date) -> list[ScoredRide]:
    """The rides from `first` to the day before `end`."""
    return [
        one
        for one in scored
        if first <= one.ride.local_date < end and one.ride.sport in RIDE_SPORTS
    ]
