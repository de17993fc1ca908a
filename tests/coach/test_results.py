from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from coach import results
from missions.models import Mission
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def over(tester: User) -> Mission:
    """An event of two days that ended yesterday; the mission's mornings are at 6 in Paris."""
    return factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=TODAY - timedelta(days=2),
        event_end=YESTERDAY,
    )


def outcomes(mission: Mission) -> list[tuple[int, str, int]]:
    rows = mission.progress.select_related("stage")
    return [(row.stage.number, row.ride_mode, row.points) for row in rows]


@pytest.mark.parametrize(
    ("now", "is_found"),
    [
        (datetime(2026, 7, 4, 3, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 4, 4, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 17, 23, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 18, 1, 0, tzinfo=UTC), False),
    ],
)
def test_event_is_found_from_its_next_morning_for_a_fortnight(
    over: Mission, now: datetime, is_found: bool
) -> None:
    assert results.unsettled(now) == ([over] if is_found else [])


@pytest.mark.parametrize("state", ["PREP", "TRAINING", "EVENT_ACTIVE"])
def test_event_that_is_not_over_is_left_to_its_mornings(over: Mission, state: str) -> None:
    Mission.objects.update(state=state)

    assert results.unsettled(NOW) == []


def test_imported_event_stays_as_it_was_recorded(over: Mission) -> None:
    Mission.objects.update(imported_from="tour.toml")

    assert results.unsettled(NOW) == []


DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("after", "last_look", "is_found"),
    [
        # For three days every hour, ...
        (2 * DAY, HOUR - timedelta(seconds=1), False),
        (2 * DAY, HOUR, True),
        # ... then once a day, ...
        (4 * DAY, DAY - timedelta(seconds=1), False),
        (4 * DAY, DAY, True),
        (13 * DAY, None, True),
        (13 * DAY, DAY, True),
        # ... until a fortnight is over.
        (15 * DAY, None, False),
        (15 * DAY, DAY, False),
    ],
)
def test_settled_event_is_looked_at_now_and_then(
    over: Mission, after: timedelta, last_look: timedelta | None, is_found: bool
) -> None:
    now = datetime(2026, 7, 3, 12, tzinfo=UTC) + after
    over.stages.update(is_rest_day=True)
    Mission.objects.update(results_read_at=last_look and now - last_look)

    assert results.unsettled(now) == ([over] if is_found else [])


def test_event_with_an_open_stage_is_looked_at_again_and_again_for_three_days(
    over: Mission,
) -> None:
    Mission.objects.update(results_read_at=NOW)

    assert results.unsettled(NOW) == [over]
    assert results.unsettled(NOW + 3 * DAY - HOUR) == [over]
    Mission.objects.update(results_read_at=NOW + 4 * DAY)
    assert results.unsettled(NOW + 4 * DAY) == []


def test_event_that_waited_longest_comes_first(over: Mission, stranger: User) -> None:
    other = factories.mission(
        stranger, state=over.state, event_start=over.event_start, event_end=over.event_end
    )
    assert set(results.unsettled(NOW)) == {over, other}

    Mission.objects.filter(pk=over.pk).update(results_read_at=NOW - DAY)
    assert results.unsettled(NOW) == [other, over]

    Mission.objects.filter(pk=other.pk).update(results_read_at=NOW - HOUR)
    assert results.unsettled(NOW) == [over, other]


def test_ride_that_comes_days_after_the_event_still_counts(over: Mission) -> None:
    now = NOW + 9 * DAY
    factories.connection(over.owner, last_success_at=now).attempts.create(started_at=now)
    results.settle(over, now)
    assert outcomes(over) == [(1, "rest", 0), (2, "rest", 0)]
    assert results.unsettled(now) == []

    factories.ride(over.owner, YESTERDAY)
    assert results.unsettled(now + DAY) == [over]
    results.settle(over, now + DAY)

    assert outcomes(over) == [(1, "rest", 0), (2, "gc", 5)]


def test_settle_writes_the_last_stage_and_is_done(over: Mission) -> None:
    factories.connection(over.owner, last_success_at=NOW).attempts.create(started_at=NOW)
    factories.ride(over.owner, YESTERDAY)

    results.settle(over, NOW)

    assert outcomes(over) == [(1, "rest", 0), (2, "gc", 5)]
    assert results.unsettled(NOW) == []


@pytest.mark.parametrize(
    ("last_read", "attempts"),
    [(timedelta(minutes=59), 1), (timedelta(minutes=61), 2)],
)
def test_settle_reads_the_sources_at_most_once_an_hour(
    over: Mission, stand_ins: StandIns, last_read: timedelta, attempts: int
) -> None:
    strava = factories.connection(over.owner, access_token="unknown")
    strava.attempts.create(started_at=NOW - last_read)

    with time_machine.travel(NOW, tick=False):
        results.settle(over, NOW)

    assert strava.attempts.count() == attempts
    assert outcomes(over) == []


def test_settle_waits_for_a_source_that_has_not_told_about_the_last_day(over: Mission) -> None:
    connection: Any = factories.connection(over.owner, last_success_at=NOW - timedelta(hours=20))
    connection.attempts.create(started_at=NOW)

    results.settle(over, NOW)

    assert outcomes(over) == [(1, "rest", 0)]
    assert results.unsettled(NOW) == [over]
