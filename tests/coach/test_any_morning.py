"""Missions lived through years of outages, moves and changes of the clock, at random.

Whatever happens each local date has one row at most, none is lost without being told as missed,
and the dates that are opened follow each other as time does.
"""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as at_most
from hypothesis import strategies as st

from accounts.models import User, timezone_names
from coach import mornings
from coach.models import MissionRun
from missions import schedule
from missions.models import Mission
from tests import factories

pytestmark = pytest.mark.django_db

BEGIN = datetime(2027, 12, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Step = tuple[int, str | None, int | None]

# Hours until something looks, and what was changed before: the zone, the send time.
steps = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 30), st.integers(1, 24 * 120)),
        st.one_of(st.none(), st.sampled_from(timezone_names())),
        st.one_of(st.none(), st.integers(0, 24 * 60 - 1)),
    ),
    min_size=1,
    max_size=8,
)


def at(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


def change(mission: Mission, zone: str | None, minutes: int | None) -> None:
    before = Mission.objects.get(pk=mission.pk)
    mission.timezone = zone or mission.timezone
    mission.send_time = at(minutes) if minutes is not None else mission.send_time
    mission.save()
    schedule.move(mission, before)


@pytest.fixture
def _no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RUNS_IN_FLIGHT", 0)


# The fixtures stay as they are: each example is rolled back.
@at_most(
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(zone=st.sampled_from(timezone_names()), minutes=st.integers(0, 1439), steps=steps)
@example(zone="Pacific/Auckland", minutes=360, steps=[(30, "Pacific/Honolulu", None)] * 6)
@example(zone="Pacific/Honolulu", minutes=360, steps=[(30, "Pacific/Kiritimati", None)] * 3)
@example(zone="Antarctica/Troll", minutes=90, steps=[(24 * 100, None, None)] * 3)
@example(zone="Europe/Paris", minutes=1439, steps=[(24 * 71, None, None), (2, None, 0)])
@pytest.mark.usefixtures("_no_messages")
def test_every_date_is_opened_or_missed_once_and_in_order(
    tester: User, zone: str, minutes: int, steps: list[Step]
) -> None:
    with transaction.atomic():
        live_through(tester, zone, minutes, steps)
        transaction.set_rollback(True)


def live_through(tester: User, zone: str, minutes: int, steps: list[Step]) -> None:
    mission = factories.mission(
        tester,
        timezone=zone,
        send_time=at(minutes),
        event_start=date(2035, 1, 1),
        event_end=date(2035, 1, 2),
    )
    schedule.replan(mission, BEGIN)
    first = to_come(mission)
    now = BEGIN
    for hours, to_zone, to_minutes in steps:
        change(mission, to_zone, to_minutes)
        due_before = mission.next_run_at
        assert due_before is not None
        now += hours * HOUR
        mornings.open_due(mission.timezone, now)
        mornings.catch_up(now + mornings.LEFT_BEHIND)
        mission.refresh_from_db()
        assert mission.next_run_at is not None
        assert mission.next_run_at > now
        require_whole(mission, first)


def to_come(mission: Mission) -> date:
    assert mission.next_run_at is not None
    return schedule.local_date_of(mission, mission.next_run_at)


def require_whole(mission: Mission, first: date) -> None:
    """All dates from the first to the one that is to come; older gaps only of a long outage."""
    runs = list(MissionRun.objects.filter(mission=mission).order_by("local_date"))
    days = [run.local_date for run in runs]
    expected = {first + timedelta(days=n) for n in range((to_come(mission) - first).days)}
    left_out = expected - set(days)
    assert set(days) <= expected
    assert len(days) == len(set(days))
    for day in left_out:
        newest = min(run.opened_at for run in runs if run.local_date > day)
        together = [run for run in runs if run.opened_at == newest]
        assert len(together) > schedule.MOST_MISSED - 1
    opened = [run for run in runs if run.outcome == "due"]
    assert [run.opened_at for run in opened] == sorted(run.opened_at for run in opened)
    assert all(run.give_up_at is not None and run.opened_at < run.give_up_at for run in opened)
