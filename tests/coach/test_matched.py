from datetime import UTC, datetime, timedelta

import pytest

from coach.matched import by_day, efforts_said, ride_of
from coach.models import Feedback, MissionRun
from connections.models import Ride
from missions.models import Mission
from tests import factories
from tests.coach.samples import reply
from tests.factories import TODAY

pytestmark = pytest.mark.django_db

BRIEF_AT = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)


def run_of(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=BRIEF_AT,
        decision=reply(),
    )


def ridden(mission: Mission, hours_after: float, minutes: int, sport: str = "Ride") -> Ride:
    return factories.ride(
        mission.owner,
        TODAY,
        started_at=BRIEF_AT + timedelta(hours=hours_after),
        duration_s=minutes * 60,
        sport=sport,
    )


def matched(mission: Mission, run: MissionRun) -> Ride | None:
    return ride_of(run, by_day(mission, mission.owner.rides.order_by("started_at")))


def test_longest_ride_that_followed_is_the_workout(mission: Mission) -> None:
    run = run_of(mission)
    assert matched(mission, run) is None

    ridden(mission, 30, 300)  # the day after
    ridden(mission, 4, 400, sport="Run")
    assert matched(mission, run) is None

    early = ridden(mission, -0.1, 240)
    assert matched(mission, run) == early

    ridden(mission, 2, 20)
    followed = ridden(mission, 8, 60, sport="VirtualRide")
    assert matched(mission, run) == followed


def test_day_is_the_mission_s_own(mission: Mission) -> None:
    mission.timezone = "Pacific/Auckland"
    late = ridden(mission, 7, 60)  # half past midnight of the fifth, there

    assert by_day(mission, [late]) == {TODAY + timedelta(days=1): [late]}


def test_effort_is_that_of_the_ride_it_was_said_of(mission: Mission) -> None:
    rides = [ridden(mission, 2, 20), ridden(mission, 8, 60)]
    said = Feedback.objects.create(run=run_of(mission), word="changed", rpe=7)

    assert efforts_said(mission.owner, rides) == {rides[1].pk: 7}
    assert efforts_said(mission.owner, []) == {}
    assert efforts_said(factories.tester("other@example.org"), rides) == {}

    Feedback.objects.filter(pk=said.pk).update(rpe=None)
    assert efforts_said(mission.owner, rides) == {}
