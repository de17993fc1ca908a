"""A mission that is deleted while others write it: nobody meets an error, nothing stays behind."""

from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts import artifacts
from accounts.models import Artifact, User
from coach import record
from coach.builder import drafting, mission_builder
from coach.models import MissionDraft, MissionRun
from missions import appeals, editing, progress
from missions.models import Mission, MissionEdit, RideMode, Stage
from missions.progress import StageRidden
from tests import factories
from tests.coach import drafts
from tests.conftest import signed_in
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {"attempt": 1, "model": "m", "prompt": "The knee hurts.", "reply": "{}"}


def event(owner: User) -> Mission:
    mission = factories.mission(
        owner, state="EVENT_ACTIVE", event_start=TODAY - timedelta(days=3), event_end=TODAY
    )
    ridden = StageRidden(RideMode.GC, "strava:1", NOW)
    progress.settle(mission, mission.stages.get(number=1), ridden, now=NOW)
    return mission


def appeal(mission: Mission) -> None:
    mode, by = RideMode.BREAKAWAY, mission.owner
    appeals.appeal(mission, 1, to=mode, reason="Ahead.", by=by, now=NOW)


def test_deleting_waits_for_who_settles_or_appeals(tester: User) -> None:
    for _ in range(4):
        mission = event(tester)
        stage = mission.stages.get(number=2)

        at_once(
            partial(editing.remove, Mission.objects.get(), NOW),
            partial(editing.remove, Mission.objects.get(), NOW),
            unless_gone(partial(progress.settle, mission, stage, None, now=NOW)),
            unless_gone(partial(appeal, mission)),
        )

        assert (Mission.objects.count(), Stage.objects.count()) == (0, 0)


def unless_gone(call: Callable[[], Any]) -> Callable[[], None]:
    def tried() -> None:
        try:
            call()
        except (Mission.DoesNotExist, Stage.DoesNotExist):
            return

    return tried


CALLS = (
    ("delete", "/api/missions/{}"),
    ("patch", "/api/missions/{}"),
    ("post", "/api/missions/{}/undo"),
    ("post", "/missions/{}/delete"),
    ("post", "/missions/{}/undo"),
    ("get", "/missions/{}"),
)


def status(browser: Client, method: str, path: str) -> int:
    browser.raise_request_exception = False
    body = {} if method == "get" else {"send_time": "07:30"}
    answer = getattr(browser, method)(path, body, content_type="application/json")
    code: int = answer.status_code
    return code


def test_no_window_meets_an_error_while_another_deletes(tester: User) -> None:
    for _ in range(3):
        with time_machine.travel(NOW, tick=False):
            mission = factories.mission(tester)
            mission.send_time = time(5, 0)
            editing.keep(mission, NOW, by=tester)
            told = at_once(
                *(
                    partial(status, signed_in(tester), method, path.format(mission.pk))
                    for method, path in CALLS
                )
            )

        assert [code for code in told if code >= 500] == []
        assert (Mission.objects.count(), MissionEdit.objects.count()) == (0, 0)


@pytest.mark.parametrize("what", ["draft", "run"])
def test_deleting_while_a_worker_stores_texts_leaves_no_file_behind(
    tester: User, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The worker is in the middle of it when the deletion begins."""
    begun, keys, save = Event(), list[str](), default_storage.save
    store, delete = {"draft": a_draft, "run": a_run}[what](tester)

    def slowly(key: str, *rest: Any) -> str:
        begun.set()
        keys.append(key)
        return save(key, *rest)

    def then_delete() -> None:
        begun.wait(10)
        delete()

    monkeypatch.setattr(default_storage, "save", slowly)

    at_once(store, then_delete)

    assert (MissionDraft.objects.count(), MissionRun.objects.count(), len(keys)) == (0, 0, 1)
    artifacts.purge(timezone.now() + timedelta(days=1))
    assert (Artifact.objects.count(), default_storage.exists(keys[0])) == (0, False)


Pair = tuple[Callable[[], None], Callable[[], None]]


def a_draft(tester: User) -> Pair:
    draft = drafts.drafted(tester)
    draft.calls.create(**ASKED)
    return (
        partial(drafting.keep_texts, draft.pk, NOW),
        lambda: mission_builder.discard(MissionDraft.objects.get(), timezone.now()),
    )


def a_run(tester: User) -> Pair:
    mission = factories.mission(tester)
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="failed", finished_at=NOW
    )
    run.calls.create(**ASKED)
    return (
        partial(record.keep_artifacts, run.pk),
        lambda: editing.remove(Mission.objects.get(), timezone.now()),
    )
