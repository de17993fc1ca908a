from datetime import date, timedelta
from typing import Any

import pytest

from accounts.models import Ftp
from coach.scored import score
from coach.week import recent_rides, week_of
from connections import readings
from missions.models import Mission
from tests import factories
from tests.factories import TODAY

pytestmark = pytest.mark.django_db


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def before_taper(mission: Mission) -> int | None:
    read = readings.gather(mission.owner, TODAY)
    return week_of(mission, score(mission.owner, read), read, TODAY).pre_taper_session_minutes


def starting_in(mission: Mission, days: int) -> Mission:
    mission.event_start = TODAY + timedelta(days=days)
    return mission


def test_taper_is_compared_with_the_rides_of_the_four_weeks_before_it(mission: Mission) -> None:
    """Six days out: the taper began four days ago, and the weeks before it 28 days earlier."""
    starting_in(mission, 6)
    for days, minutes in ((3, 20), (4, 30), (5, 60), (32, 120), (33, 300)):
        factories.ride(mission.owner, ago(days), duration_s=60 * minutes)
    factories.ride(mission.owner, ago(10), sport="Walk", duration_s=36_000)

    assert before_taper(mission) == 90


def test_only_a_taper_is_compared(mission: Mission) -> None:
    factories.ride(mission.owner, ago(14))

    told = {days: before_taper(starting_in(mission, days)) for days in (11, 10, 1, 0, -1)}

    assert told == {11: None, 10: 60, 1: 60, 0: None, -1: None}


def test_taper_without_rides_before_it_has_nothing_to_compare_with(mission: Mission) -> None:
    assert before_taper(starting_in(mission, 6)) is None


def test_recent_ride_tells_its_hard_minutes_or_that_they_are_unknown(mission: Mission) -> None:
    Ftp.objects.create(user=mission.owner, effective_date=ago(200), power_w=200)
    unscored: dict[str, Any] = {"average_hr_bpm": None, "np_w": None, "has_power_meter": False}
    factories.ride(mission.owner, ago(3))
    factories.ride(mission.owner, ago(2), np_w=180.0)
    factories.ride(mission.owner, ago(1), **unscored)

    rides = recent_rides(score(mission.owner, readings.gather(mission.owner, TODAY)), TODAY)

    assert [ride.z4plus_minutes for ride in rides] == [None, 60.0, 0.0]
