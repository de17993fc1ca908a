"""Which recording of a ride counts, by the tester's order; a settled stage keeps its own."""

from datetime import timedelta

import pytest

from accounts.models import Ftp, User
from coach.scored import score, settle_stages
from connections import precedence, readings
from connections.models import Ride
from connections.sources import Source
from missions.models import EventProgress, Mission
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def twice(tester: User) -> tuple[Ride, Ride]:
    """One ride, of Strava with power and of Apple Health without, a minute longer."""
    Ftp.objects.create(user=tester, effective_date=YESTERDAY, power_w=200)
    strava = factories.ride(tester, YESTERDAY, external_id="1")
    apple = factories.ride(
        tester,
        YESTERDAY,
        source=Source.APPLE,
        external_id="2",
        elapsed_s=3760,
        np_w=None,
        has_power_meter=False,
    )
    return strava, apple


def counted(user: User) -> list[Ride]:
    return [one.ride for one in score(user, readings.gather(user, TODAY))]


def test_usual_is_the_recording_with_power(tester: User, twice: tuple[Ride, Ride]) -> None:
    assert counted(tester) == [twice[0]]


def test_chosen_order_comes_before_power(tester: User, twice: tuple[Ride, Ride]) -> None:
    precedence.choose(tester, {"rides": ["apple"]})

    assert counted(tester) == [twice[1]]


def test_of_equal_recordings_the_usual_order_decides_and_not_the_length(
    tester: User, twice: tuple[Ride, Ride]
) -> None:
    strava, apple = twice
    Ride.objects.update(np_w=None, has_power_meter=False)
    Ride.objects.filter(pk=strava.pk).update(elapsed_s=3800)

    assert counted(tester) == [apple]


def test_stage_that_is_settled_keeps_its_recording_when_the_order_changes(
    tester: User, twice: tuple[Ride, Ride]
) -> None:
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=YESTERDAY, event_end=TODAY
    )
    settled = []
    for order in ([], ["apple"], ["strava"]):
        precedence.choose(tester, {"rides": order})
        read = readings.gather_all(tester, TODAY)
        settle_stages(mission, read, local_date=TODAY, now=NOW)
        settled.append(EventProgress.objects.values().get())

    assert [row["ride_key"] for row in settled] == ["strava:1"] * 3
    assert settled[0] == settled[1] == settled[2]
