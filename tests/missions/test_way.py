from datetime import timedelta

import pytest

from accounts.models import User
from missions.models import Mission
from missions.way import Stop, stops_of
from tests import factories
from tests.factories import TODAY

pytestmark = pytest.mark.django_db

State = Mission.State


@pytest.fixture
def mission(tester: User) -> Mission:
    """Forty days of training, then four of the event."""
    return factories.mission(
        tester,
        prep_start=TODAY,
        event_start=TODAY + timedelta(days=40),
        event_end=TODAY + timedelta(days=43),
    )


def test_line_has_four_stops_and_today_on_the_way_from_one_to_the_next(mission: Mission) -> None:
    assert stops_of(mission, TODAY + timedelta(days=10)) == [
        Stop("preparation", is_passed=True, is_here=False),
        Stop("training", is_passed=False, is_here=True, day=11, days=40),
        Stop("event", is_passed=False, is_here=False),
        Stop("complete", is_passed=False, is_here=False),
    ]


@pytest.mark.parametrize(
    ("state", "days", "along"),
    [
        (State.PREP, 0, None),
        (State.TRAINING, -1, None),
        (State.TRAINING, 0, 0),
        (State.TRAINING, 39, 98),
        (State.EVENT_ACTIVE, 40, 0),
        (State.EVENT_ACTIVE, 43, 75),
        (State.MISSION_COMPLETE, 44, None),
    ],
)
def test_today_is_as_far_along_as_its_days_are(
    mission: Mission, state: str, days: int, along: int | None
) -> None:
    mission.state = state

    here = [stop for stop in stops_of(mission, TODAY + timedelta(days=days)) if stop.is_here]

    assert [stop.along_pct for stop in here] == [along]
