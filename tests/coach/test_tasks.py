from datetime import timedelta
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.conf import settings

from accounts.models import Artifact, User
from coach import files, queue, results, tasks
from coach.models import MissionRun
from lanterne.celery import app
from missions import schedule
from missions.models import EventProgress, Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def run_mission_day(mission: Mission, *local_date: str) -> None:
    tasks.run_mission_day(mission.owner_id, str(mission.pk), *local_date)


def test_names_that_are_sent_are_names_a_worker_knows() -> None:
    app.loader.import_default_modules()
    beat = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    sent = {
        queue.RUN_MISSION_DAY,
        *files.TASKS.values(),
        results.SETTLE_EVENT,
        schedule.OPEN_MORNINGS,
    }

    assert (beat | sent) - set(current_app.tasks) == set()
    assert "coach.sweep" in beat


def test_task_runs_today_of_the_mission_unless_told_another_day(
    mission: Mission, stand_ins: StandIns
) -> None:
    run_mission_day(mission)
    run_mission_day(mission, "2026-07-03")

    runs = MissionRun.objects.order_by("local_date")
    assert [(run.local_date, run.outcome) for run in runs] == [
        (YESTERDAY, "decided"),
        (TODAY, "decided"),
    ]


def test_task_delivered_again_changes_nothing(mission: Mission, stand_ins: StandIns) -> None:
    run_mission_day(mission, "2026-07-04")
    before = MissionRun.objects.values().get()

    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        for _ in range(5):
            run_mission_day(mission, "2026-07-04")

    assert MissionRun.objects.values().get() == before
    assert len(stand_ins.questions()) == 1
    assert Notification.objects.count() == 1


def test_task_for_a_mission_of_somebody_else_does_not_run(mission: Mission, stranger: Any) -> None:
    tasks.run_mission_day(stranger.pk, str(mission.pk))

    assert MissionRun.objects.count() == 0


def test_messages_about_a_tester_who_is_gone_are_let_go(mission: Mission) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    mission.owner.delete()

    run_mission_day(mission)
    tasks.settle_event(str(mission.pk))
    tasks.keep_artifacts(str(run.pk))

    assert not MissionRun.objects.exists()
    assert not Artifact.objects.exists()


def test_tester_who_asked_to_be_deleted_is_not_coached_any_more(
    mission: Mission, stand_ins: StandIns
) -> None:
    User.objects.update(is_active=False)

    run_mission_day(mission)

    assert not MissionRun.objects.exists()
    assert stand_ins.questions() == []


def test_task_for_a_mission_that_is_not_live_does_not_run(mission: Mission) -> None:
    Mission.objects.update(state=Mission.State.PREP)

    run_mission_day(mission)

    assert MissionRun.objects.count() == 0


def test_message_of_a_run_that_was_dropped_for_want_of_consent_is_no_fault(
    mission: Mission,
) -> None:
    """Raised, it would be an incident and an alert to the operators."""
    MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    User.objects.update(health_consent_at=None)

    run_mission_day(mission, TODAY.isoformat())
    run_mission_day(mission, TODAY.isoformat())

    assert MissionRun.objects.count() == 0


def test_wake_up_opens_the_mornings_of_its_zone(mission: Mission) -> None:
    Mission.objects.update(next_run_at=NOW - timedelta(minutes=4))

    tasks.open_mornings("Europe/Paris")

    assert [run.local_date for run in MissionRun.objects.all()] == [TODAY]


def test_sweep_hurries_along_a_run_that_was_left(
    mission: Mission, published: Any, django_capture_on_commit_callbacks: Any
) -> None:
    MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")

    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()

    assert [name for name, _ in published] == ["coach.run_mission_day"]


def test_artifacts_are_kept_by_the_number_of_their_run(mission: Mission) -> None:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="failed", file_due_at=NOW
    )

    tasks.keep_artifacts(str(run.pk))

    run.refresh_from_db()
    assert run.artifacts_at == NOW


def test_finished_event_is_settled_by_the_number_of_its_mission(tester: Any) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=YESTERDAY,
        event_end=YESTERDAY,
    )
    factories.ride(tester, YESTERDAY)

    tasks.settle_event(str(mission.pk))

    assert [(row.ride_mode, row.points) for row in EventProgress.objects.all()] == [("gc", 5)]


def test_situations_are_emptied_when_their_artifacts_are_gone(mission: Mission) -> None:
    def run(days_ago: int) -> MissionRun:
        ended = NOW - timedelta(days=days_ago)
        return MissionRun.objects.create(
            mission=mission,
            local_date=ended.date(),
            trigger="schedule",
            outcome="decided",
            decision={"call": "rest"},
            situation={"ctl": 48.1},
            finished_at=ended,
        )

    old, young = run(181), run(179)

    tasks.purge()

    situations = dict(MissionRun.objects.values_list("pk", "situation"))
    assert situations == {old.pk: None, young.pk: {"ctl": 48.1}}
    assert MissionRun.objects.get(pk=old.pk).decision == {"call": "rest"}
