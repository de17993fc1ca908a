"""Whether last night is still to come, and the run that waits for it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from coach import brief, daily_run, night
from coach.models import MissionRun, ModelCall
from coach.situation import Situation
from connections.models import Connection, DailySample, SyncAttempt
from connections.sources import Source
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MISSING = "last night from Oura (not there yet: open the Oura app and it will come)"


@pytest.fixture
def ring(mission: Mission) -> Connection:
    """Oura, which has told sixty nights and last night not yet."""
    for ago in range(1, 60):
        factories.night(mission.owner, TODAY - ago * DAY, hrv_ms=50 + ago % 5)
    return factories.connection(
        mission.owner,
        Source.OURA,
        access_token="oura-sandbox-test",
        last_success_at=NOW - HOUR,
    )


def readiness(user: User, source: str = Source.OURA, day: date = TODAY) -> DailySample:
    return DailySample.objects.create(
        user=user,
        source=source,
        local_date=day,
        kind=DailySample.Kind.READINESS,
        value=80,
        unit="score",
        read_at=NOW,
    )


def is_awaited(mission: Mission, local_date: date = TODAY, now: datetime = NOW) -> bool:
    return night.is_awaited(Mission.objects.get(pk=mission.pk), local_date, now)


# --- Whether it is awaited -----------------------------------------------------------------------


@pytest.mark.usefixtures("ring")
def test_night_is_awaited_of_a_source_that_has_not_told_it(mission: Mission) -> None:
    assert is_awaited(mission)


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("source", [Source.OURA, Source.APPLE])
def test_night_that_a_source_has_told_is_awaited_of_none(mission: Mission, source: Source) -> None:
    factories.night(mission.owner, TODAY, source=source)

    assert not is_awaited(mission)


@pytest.mark.usefixtures("ring")
def test_readiness_of_the_morning_is_word_of_the_night(mission: Mission) -> None:
    readiness(mission.owner)

    assert not is_awaited(mission)


@pytest.mark.usefixtures("ring")
def test_night_without_its_sleep_is_waited_for_where_another_source_may_tell_it(
    mission: Mission,
) -> None:
    factories.night(mission.owner, TODAY, source=Source.APPLE, asleep_s=None)

    assert is_awaited(mission)

    factories.night(mission.owner, TODAY, source=Source.OURA, asleep_s=None)
    assert not is_awaited(mission)


def test_nobody_is_waited_for_without_a_source_of_nights(mission: Mission) -> None:
    factories.night(mission.owner, TODAY - DAY, source=Source.APPLE)
    factories.connection(mission.owner, Source.STRAVA)

    assert not is_awaited(mission)


def test_source_that_never_told_a_night_is_not_waited_for(mission: Mission) -> None:
    factories.connection(mission.owner, Source.OURA)

    assert not is_awaited(mission)


@pytest.mark.parametrize(("days_ago", "awaited"), [(3, True), (4, False)])
def test_ring_that_was_put_away_is_not_waited_for(
    mission: Mission, days_ago: int, awaited: bool
) -> None:
    factories.connection(mission.owner, Source.OURA)
    factories.night(mission.owner, TODAY - days_ago * DAY)

    assert is_awaited(mission) is awaited


@pytest.mark.parametrize(
    ("fields", "reason", "awaited"),
    [
        ({}, "", True),
        ({"last_error": "Oura cannot be reached."}, "unavailable", True),
        ({}, "busy", True),
        ({"last_error": "Oura refuses."}, "refused", False),
        ({"state": Connection.State.BROKEN, "last_error": "Connect again."}, "reconnect", False),
    ],
)
def test_source_is_waited_for_where_it_may_tell_within_the_hour(
    mission: Mission, ring: Connection, fields: dict[str, Any], reason: str, awaited: bool
) -> None:
    Connection.objects.update(**fields)
    SyncAttempt.objects.create(connection=ring, started_at=NOW, is_success=False, reason=reason)

    assert is_awaited(mission) is awaited


@pytest.mark.usefixtures("ring")
def test_source_that_is_kept_from_the_coach_is_not_waited_for(
    mission: Mission, settings: LazySettings
) -> None:
    shut_out = {**settings.SOURCES["oura"], "IN_PROMPTS": False}
    settings.SOURCES = {**settings.SOURCES, "oura": shut_out}

    assert not is_awaited(mission)


@pytest.mark.usefixtures("ring")
def test_night_of_a_source_that_is_kept_from_the_coach_ends_no_wait(
    mission: Mission, settings: LazySettings
) -> None:
    shut_out = {**settings.SOURCES["apple"], "IN_PROMPTS": False}
    settings.SOURCES = {**settings.SOURCES, "apple": shut_out}
    factories.night(mission.owner, TODAY, source=Source.APPLE)

    assert is_awaited(mission)


@pytest.mark.usefixtures("ring")
def test_night_is_of_the_testers_own_day_where_the_mission_is_ahead(mission: Mission) -> None:
    # In Auckland it is half past five of the 5th, in Paris half past seven in the evening.
    now = datetime(2026, 7, 4, 17, 30, tzinfo=UTC)
    Mission.objects.update(timezone="Pacific/Auckland")
    assert is_awaited(mission, TODAY + DAY, now)

    factories.night(mission.owner, TODAY)

    assert not is_awaited(mission, TODAY + DAY, now)


@pytest.mark.usefixtures("ring")
def test_night_after_the_day_of_a_mission_that_is_behind_is_not_awaited(mission: Mission) -> None:
    # In Honolulu it is six in the evening of the 4th, in Paris six of the morning after.
    now = datetime(2026, 7, 5, 4, 0, tzinfo=UTC)
    Mission.objects.update(timezone="Pacific/Honolulu")
    assert is_awaited(mission, TODAY, now)

    factories.night(mission.owner, TODAY)

    assert not is_awaited(mission, TODAY, now)


# --- The run that waits --------------------------------------------------------------------------


@pytest.fixture
def clock(stand_ins: StandIns) -> Iterator[time_machine.Traveller]:
    stand_ins.mode("oura", "night_not_there")
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def put_run(mission: Mission, **fields: Any) -> MissionRun:
    """A run as the schedule opens it: it may wait for two hours."""
    values = {
        "due_at": NOW,
        "start_at": NOW,
        "publish_at": NOW,
        "wait_until": NOW + 2 * HOUR,
        "give_up_at": NOW + 12 * HOUR,
        **fields,
    }
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", **values
    )


def work(mission: Mission) -> MissionRun:
    """What a worker does that is told of the run."""
    run = MissionRun.objects.select_related("mission__owner").get(mission=mission)
    daily_run.run_day(run)
    return MissionRun.objects.get(mission=mission)


def has_the_night(run: MissionRun) -> bool:
    return Situation.model_validate(run.situation).metrics.night_source == "oura"


@pytest.mark.usefixtures("ring")
def test_night_that_comes_forty_minutes_late_is_in_the_one_brief(
    mission: Mission, clock: time_machine.Traveller, stand_ins: StandIns
) -> None:
    put_run(mission)
    looks = []
    for minutes in range(0, 90, 10):
        clock.move_to(NOW + minutes * MINUTE)
        if minutes == 40:
            stand_ins.mode("oura", "ok")
        run = work(mission)
        looks.append((minutes, run.outcome, run.start_at))

    due = [(n, Outcome.DUE, NOW + (30 if n < 30 else 60) * MINUTE) for n in range(0, 60, 10)]
    done = [(n, Outcome.DECIDED, NOW + 60 * MINUTE) for n in range(60, 90, 10)]
    assert looks == [*due, *done]
    assert has_the_night(run)
    assert ModelCall.objects.count() == 1
    [mail] = Notification.objects.all()
    assert MISSING[1:] not in mail.text


@pytest.mark.usefixtures("ring")
def test_brief_goes_out_without_the_night_at_the_latest_time(
    mission: Mission, clock: time_machine.Traveller
) -> None:
    put_run(mission, wait_until=NOW + 45 * MINUTE)
    waited = []
    while (run := work(mission)).outcome == Outcome.DUE:
        waited.append(run.start_at - NOW)
        clock.move_to(run.start_at)

    assert waited == [30 * MINUTE, 45 * MINUTE]
    assert (run.outcome, run.finished_at) == (Outcome.DECIDED, NOW + 45 * MINUTE)
    assert brief.missing_in(Situation.model_validate(run.situation))[-1] == MISSING
    assert MISSING[1:] in Notification.objects.get().text


@pytest.mark.usefixtures("ring", "clock")
def test_waiting_is_no_attempt_that_broke_off(mission: Mission) -> None:
    put_run(mission)

    run = work(mission)

    assert (run.outcome, run.attempts, run.published) == (Outcome.DUE, 0, 0)
    assert (run.lease_until, run.publish_at) == (None, run.start_at)
    assert run.situation is None


@pytest.mark.usefixtures("ring", "clock")
@pytest.mark.parametrize("trigger", [MissionRun.Trigger.TESTER, MissionRun.Trigger.COMMAND])
def test_run_by_hand_waits_for_nothing(mission: Mission, trigger: MissionRun.Trigger) -> None:
    daily_run.open_run(mission, TODAY, trigger)

    assert work(mission).outcome == Outcome.DECIDED


@pytest.mark.usefixtures("ring", "clock")
def test_wait_is_over_once_the_situation_is_drawn_up(mission: Mission, stand_ins: StandIns) -> None:
    stand_ins.mode("oura", "ok")
    put_run(mission)

    assert work(mission).wait_until is None


# --- Waking it -----------------------------------------------------------------------------------


def waiting(mission: Mission, **fields: Any) -> MissionRun:
    at = NOW + 30 * MINUTE
    return put_run(mission, **{"start_at": at, "publish_at": at, **fields})


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("source", [Source.OURA, Source.APPLE])
def test_night_that_comes_wakes_the_run_that_waits_for_it(
    mission: Mission, stranger: User, source: Source, django_assert_num_queries: Any
) -> None:
    other = waiting(factories.mission(stranger))
    run = waiting(mission)
    assert night.wake(NOW) == 0
    factories.night(mission.owner, TODAY, source=source)

    with django_assert_num_queries(1):
        assert night.wake(NOW + MINUTE) == 1

    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.start_at, run.publish_at) == (NOW + MINUTE, NOW + MINUTE)
    assert (other.start_at, other.publish_at) == (NOW + 30 * MINUTE, NOW + 30 * MINUTE)
    assert night.wake(NOW + MINUTE) == 0


@pytest.mark.usefixtures("ring")
def test_readiness_wakes_it_too(mission: Mission) -> None:
    waiting(mission)
    readiness(mission.owner)

    assert night.wake(NOW) == 1


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(
    "fields",
    [
        {"situation": {}},
        {"wait_until": None},
        {"attempts": 1},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.UNDER_WAY, "lease_until": NOW + MINUTE},
    ],
    ids=str,
)
def test_run_that_waits_for_something_else_is_not_woken(
    mission: Mission, fields: dict[str, Any]
) -> None:
    run = waiting(mission, **fields)
    factories.night(mission.owner, TODAY)

    assert night.wake(NOW) == 0
    assert MissionRun.objects.get().start_at == run.start_at


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("closed", ["IN_PROMPTS", "JOINED"])
def test_night_that_may_not_count_wakes_nobody_in_vain(
    mission: Mission, settings: LazySettings, closed: str
) -> None:
    shut_out = {**settings.SOURCES["apple"], closed: False}
    settings.SOURCES = {**settings.SOURCES, "apple": shut_out}
    waiting(mission)
    factories.night(mission.owner, TODAY, source=Source.APPLE)

    assert night.wake(NOW) == 0


@pytest.mark.usefixtures("ring")
def test_woken_run_goes_out_at_once_and_wakes_no_more(
    mission: Mission, clock: time_machine.Traveller, stand_ins: StandIns
) -> None:
    put_run(mission)
    work(mission)
    clock.move_to(NOW + 10 * MINUTE)
    stand_ins.mode("oura", "ok")
    factories.night(mission.owner, TODAY)

    assert night.wake(NOW + 10 * MINUTE) == 1
    run = work(mission)

    assert (run.outcome, run.finished_at) == (Outcome.DECIDED, NOW + 10 * MINUTE)
    assert has_the_night(run)


@pytest.mark.usefixtures("ring")
def test_looking_costs_a_fixed_number_of_queries(
    mission: Mission, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mission.owner  # noqa: B018  # read before
    with django_assert_num_queries(3):
        night.is_awaited(mission, TODAY, NOW)
