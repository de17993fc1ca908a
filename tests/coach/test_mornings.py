from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery import current_app
from kombu.exceptions import OperationalError

from accounts.models import User
from coach import mornings
from coach.daily_run import NotLive
from coach.models import MissionRun
from missions import schedule
from missions.models import Mission
from tests import factories
from tests.coach.conftest import Message
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
# Six in Paris on 4 July.
SLOT = datetime(2026, 7, 4, 4, tzinfo=UTC)
STATES = ["PREP", "MISSION_COMPLETE"]


@pytest.fixture
def due(mission: Mission) -> Mission:
    Mission.objects.update(next_run_at=SLOT)
    mission.refresh_from_db()
    return mission


def opened() -> list[tuple[Any, ...]]:
    runs = MissionRun.objects.order_by("mission__owner", "local_date")
    return [(run.mission, run.local_date, run.trigger, run.outcome) for run in runs]


def wake_up(commits: Any, zone: str = "Europe/Paris", now: datetime = NOW) -> None:
    with commits(execute=True):
        mornings.open_due(zone, now)


def message(mission: Mission, day: date = TODAY) -> Message:
    return ("coach.run_mission_day", (mission.owner_id, str(mission.pk), day.isoformat()))


def test_morning_opens_the_run_of_a_due_mission_once_and_tells_a_worker(
    due: Mission,
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    wake_up(django_capture_on_commit_callbacks)
    wake_up(django_capture_on_commit_callbacks, now=NOW + timedelta(minutes=5))

    assert opened() == [(due, TODAY, "schedule", "due")]
    assert published == [message(due)]
    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


def test_morning_is_not_opened_before_its_minute(due: Mission) -> None:
    mornings.open_due("Europe/Paris", SLOT - timedelta(seconds=1))
    assert opened() == []

    mornings.open_due("Europe/Paris", SLOT)
    assert opened() == [(due, TODAY, "schedule", "due")]


def test_morning_of_another_zone_is_left_to_its_own_wake_up(due: Mission) -> None:
    mornings.open_due("Europe/Berlin", NOW)

    assert opened() == []


@pytest.mark.parametrize("state", STATES)
def test_morning_of_a_mission_that_is_not_live_does_not_come(due: Mission, state: str) -> None:
    Mission.objects.update(state=state)

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == []


@pytest.mark.parametrize(
    ("hours_down", "day"),
    [(1, TODAY), (23, TODAY), (26, TODAY + timedelta(days=1)), (80, TODAY + timedelta(days=3))],
)
def test_only_the_latest_morning_is_opened_after_an_outage(
    due: Mission, hours_down: int, day: date
) -> None:
    mornings.open_due("Europe/Paris", SLOT + timedelta(hours=hours_down))

    assert opened() == [(due, day, "schedule", "due")]


def test_morning_after_the_event_is_not_opened(due: Mission) -> None:
    """The calendar ends the mission a few minutes after midnight; a brief at five is earlier."""
    Mission.objects.update(
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY - timedelta(days=1),
    )

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == []


def test_all_mornings_of_a_zone_are_opened_at_one_wake_up(
    due: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    for n in range(4):
        factories.mission(factories.tester(f"{n}@example.org"), next_run_at=SLOT)

    mornings.open_due("Europe/Paris", NOW)

    assert len(opened()) == 5


def test_morning_finds_the_run_that_the_tester_asked_for_before(
    due: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    MissionRun.objects.create(
        mission=due, local_date=TODAY, trigger="tester", outcome="decided", decision={}
    )

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == [(due, TODAY, "tester", "decided")]


@time_machine.travel(NOW, tick=False)
def test_asking_for_today_opens_one_run_and_a_second_press_finds_it(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = mornings.ask_for_today(mission, NOW)
    MissionRun.objects.update(outcome=Outcome.FAILED)
    with django_capture_on_commit_callbacks(execute=True):
        second = mornings.ask_for_today(mission, NOW)

    assert second == first
    assert (first.opened_at, second.outcome) == (NOW, "failed")
    assert opened() == [(mission, TODAY, "tester", "failed")]
    assert published == [message(mission)]


@pytest.mark.parametrize(
    ("timezone", "day"),
    [
        ("Pacific/Kiritimati", date(2026, 7, 5)),
        ("Pacific/Honolulu", date(2026, 7, 4)),
        ("Pacific/Pago_Pago", date(2026, 7, 3)),
    ],
)
def test_today_is_the_mission_s_own(tester: User, timezone: str, day: date) -> None:
    mission = factories.mission(tester, timezone=timezone)

    run = mornings.ask_for_today(mission, datetime(2026, 7, 4, 10, 30, tzinfo=UTC))

    assert run.local_date == day


@pytest.mark.parametrize("state", STATES)
def test_asking_is_refused_for_a_mission_that_is_not_live(mission: Mission, state: str) -> None:
    mission.state = state

    with pytest.raises(NotLive, match="only works on a mission in training or in its event"):
        mornings.ask_for_today(mission, NOW)

    assert opened() == []


def test_asking_is_refused_when_the_event_ended_at_midnight(tester: User) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=2),
        event_end=TODAY - timedelta(days=1),
    )

    with pytest.raises(NotLive):
        mornings.ask_for_today(mission, NOW)

    assert Mission.objects.get().state == Mission.State.MISSION_COMPLETE


def test_asking_shows_the_run_of_a_day_on_which_the_mission_ended(mission: Mission) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    mission.state = Mission.State.MISSION_COMPLETE

    assert mornings.ask_for_today(mission, NOW) == run


def test_run_is_told_to_no_worker_before_it_is_committed(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=False) as waiting:
        mornings.ask_for_today(mission, NOW)

    assert published == []
    assert len(waiting) == 1


def test_sweep_tells_again_of_runs_and_artifacts_that_no_worker_holds(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    decided = {"outcome": Outcome.DECIDED, "decision": {}}
    rows: list[dict[str, Any]] = [
        {"outcome": Outcome.DUE},
        {"outcome": Outcome.UNDER_WAY, "lease_until": NOW - timedelta(seconds=1)},
        {"outcome": Outcome.UNDER_WAY, "lease_until": NOW + timedelta(seconds=1)},
        {"outcome": Outcome.FAILED},
        {**decided},
        {**decided, "artifacts_at": NOW},
    ]
    runs = [
        MissionRun.objects.create(
            mission=mission, local_date=TODAY - timedelta(days=n), trigger="schedule", **row
        )
        for n, row in enumerate(rows)
    ]

    with django_capture_on_commit_callbacks(execute=True):
        mornings.sweep(NOW)

    assert sorted(published) == sorted(
        [
            message(mission, TODAY),
            message(mission, TODAY - timedelta(days=1)),
            ("coach.keep_artifacts", (str(runs[3].pk),)),
            ("coach.keep_artifacts", (str(runs[4].pk),)),
        ]
    )


def test_sweep_has_the_last_stage_of_a_finished_event_settled(
    tester: User, published: list[Message]
) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY - timedelta(days=1),
    )

    mornings.sweep(NOW)

    assert published == [("coach.settle_event", (str(mission.pk),))]


def test_run_is_kept_when_the_broker_is_away(
    mission: Mission, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("Connection refused")

    monkeypatch.setattr(current_app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        mornings.ask_for_today(mission, NOW)

    assert opened() == [(mission, TODAY, "tester", "due")]


def test_brief_asked_for_before_its_time_takes_the_place_of_that_morning(due: Mission) -> None:
    an_hour_early = SLOT - timedelta(hours=1)

    mornings.ask_for_today(due, an_hour_early)

    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


def test_brief_asked_for_later_leaves_the_next_morning_alone(due: Mission) -> None:
    Mission.objects.update(next_run_at=SLOT + timedelta(days=1))
    due.refresh_from_db()

    mornings.ask_for_today(due, NOW)

    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)
