"""What is finished gets its file: after an hour without a storage, once, or never and out loud."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage

from accounts import artifacts
from accounts.models import Artifact, User
from coach import files, record, tasks
from coach.models import Incident, MissionDraft, MissionRun, ModelCall, Reflection
from missions.models import Mission
from notifications.models import Notification
from tests.coach.conftest import Message
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    """Decided at NOW, its texts still in the rows."""
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        file_due_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )
    ask(run=run)
    return run


def ask(**about: Any) -> ModelCall:
    return ModelCall.objects.create(
        attempt=1,
        model="m",
        prompt="asked",
        reply="said",
        outcome="accepted",
        asked_at=NOW,
        **about,
    )


class Storage:
    """The configured one, which a test can take away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.save = default_storage.save
        self.kept: list[str] = []
        self.is_away = False
        self.dies = False
        monkeypatch.setattr(default_storage, "save", self._save)

    def _save(self, name: str, content: Any, *args: Any, **options: Any) -> str:
        if self.is_away:
            raise OSError("no storage")
        self.kept.append(name)
        stored = self.save(name, content, *args, **options)
        if self.dies:
            raise SystemExit
        return stored


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, media: Any) -> Iterator[Storage]:
    with monkeypatch.context() as patched:
        yield Storage(patched)


def store(run: MissionRun, now: datetime) -> None:
    with time_machine.travel(now, tick=False):
        tasks.keep_artifacts(str(run.pk))


def row(run: MissionRun) -> tuple[datetime | None, int, datetime | None]:
    run.refresh_from_db()
    return run.file_due_at, run.file_attempts, run.artifacts_at


def texts() -> tuple[str, str]:
    call = ModelCall.objects.get()
    return call.prompt, call.reply


def alerts() -> list[str]:
    return list(Notification.objects.filter(kind="alert").values_list("dedupe_key", flat=True))


def test_file_is_stored_once_however_often_its_task_comes(
    run: MissionRun, storage: Storage
) -> None:
    for minutes in range(3):
        store(run, NOW + minutes * MINUTE)

    assert row(run) == (None, 1, NOW)
    assert len(storage.kept) == Artifact.objects.count() == 1
    assert texts() == ("", "")


@pytest.mark.django_db(transaction=True)
def test_file_is_stored_once_though_workers_take_it_at_once(
    run: MissionRun, storage: Storage
) -> None:
    def keep() -> None:
        record.keep_artifacts(run.pk)

    at_once(*[lambda: files.store(MissionRun, run.pk, NOW, keep)] * 4)

    assert row(run)[:2] == (None, 1)
    assert len(storage.kept) == Artifact.objects.count() == 1


def test_file_waits_for_a_storage_that_is_away_for_an_hour(
    run: MissionRun, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is finished all the while, and its worker is not stopped by it (F26)."""
    storage.is_away = True
    now, waits = NOW, []
    while now < NOW + HOUR:
        store(run, now)
        due_at = row(run)[0]
        assert due_at is not None
        waits.append((due_at - now) / MINUTE)
        now = due_at
    assert (run.outcome, texts()) == ("decided", ("asked", "said"))
    storage.is_away = False
    store(run, now)

    doubled = [2**n for n in range(len(waits))]
    assert [n for n, wait in zip(doubled, waits, strict=True) if not n <= wait <= 1.25 * n] == []
    assert row(run) == (None, len(waits) + 1, now)
    assert json.loads(artifacts.read(Artifact.objects.get()))["calls"][0]["reply"] == "said"
    assert (Incident.objects.count(), alerts()) == (0, [])
    assert caplog.messages[0] == (
        "file of a missionrun: attempt 1 failed with OSError, given up: False"
    )


def test_file_whose_worker_was_killed_after_storing_is_stored_again_under_its_key(
    run: MissionRun, storage: Storage
) -> None:
    storage.dies = True
    with pytest.raises(SystemExit):
        store(run, NOW)
    assert row(run) == (NOW + files.LEASE, 1, None)
    assert (texts(), Artifact.objects.count()) == (("asked", "said"), 0)
    storage.dies = False

    store(run, NOW + files.LEASE - MINUTE)
    before = len(storage.kept)
    store(run, NOW + files.LEASE)

    assert before == 1
    assert storage.kept[0] == storage.kept[1] == Artifact.objects.get().key
    assert row(run) == (None, 2, NOW + files.LEASE)


@pytest.mark.parametrize(
    ("age", "attempts", "is_given_up"),
    [
        (timedelta(hours=24), 29, False),
        (timedelta(hours=24, seconds=1), 29, True),
        (timedelta(hours=48), 3, False),
        (timedelta(hours=48), 4, True),
    ],
)
def test_file_is_given_up_after_a_day_with_an_incident_and_one_alert(
    run: MissionRun, storage: Storage, age: timedelta, attempts: int, is_given_up: bool
) -> None:
    storage.is_away = True
    MissionRun.objects.update(file_attempts=attempts)

    store(run, NOW + age)

    assert (row(run)[0] is None) is is_given_up
    assert (row(run)[1:], texts()) == ((attempts + 1, None), ("asked", "said"))
    told = [(one.kind, one.run_id) for one in Incident.objects.all()]
    assert told == [("storage", run.pk)] * is_given_up
    hour = f"{NOW + age:%Y-%m-%dT%H}"
    assert alerts() == [f"alert:storage:{hour}"] * is_given_up
    where = "/admin/coach/incident/?kind__exact=storage\n"
    assert [where in mail.text for mail in Notification.objects.all()] == [True] * is_given_up


def test_alerts_about_files_given_up_are_one_an_hour(
    run: MissionRun, mission: Mission, storage: Storage
) -> None:
    storage.is_away = True
    other = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=1),
        trigger="schedule",
        outcome="failed",
        finished_at=NOW,
        file_due_at=NOW,
    )
    MissionRun.objects.update(file_attempts=30)

    for one in (run, other):
        store(one, NOW + 25 * HOUR)

    assert (Incident.objects.count(), alerts()) == (2, ["alert:storage:2026-07-05T06"])


def test_file_of_a_draft_is_given_up_by_the_age_of_its_last_question(
    tester: User, storage: Storage
) -> None:
    """Its tester works on with it: when it was touched last tells nothing."""
    storage.is_away = True
    late = NOW + 25 * HOUR
    draft = MissionDraft.objects.create(
        user=tester,
        outcome="drafted",
        proposal={},
        asked=1,
        file_due_at=NOW,
        file_attempts=30,
        updated_at=late,
    )
    ask(draft=draft)

    with time_machine.travel(late, tick=False):
        tasks.keep_draft_texts(str(draft.pk))

    draft.refresh_from_db()
    assert (draft.file_due_at, Incident.objects.get().draft) == (None, draft)


def test_file_of_a_reflection_waits_and_is_stored(mission: Mission, storage: Storage) -> None:
    storage.is_away = True
    reflection = Reflection.objects.create(
        mission=mission, outcome="failed", finished_at=NOW, file_due_at=NOW
    )
    ask(reflection=reflection)

    with time_machine.travel(NOW, tick=False):
        tasks.keep_reflection(reflection.pk)
    storage.is_away = False
    with time_machine.travel(NOW + HOUR, tick=False):
        tasks.keep_reflection(reflection.pk)

    reflection.refresh_from_db()
    assert (reflection.file_due_at, reflection.file_attempts) == (None, 2)
    assert (Artifact.objects.count(), texts()) == (1, ("", ""))


def test_worker_that_lost_its_file_to_another_writes_nothing_of_it(
    run: MissionRun, storage: Storage
) -> None:
    """Its storage answered with an error after the lease was over and another had stored it."""

    def slowly() -> None:
        store(run, NOW + files.LEASE)
        raise OSError("too late")

    files.store(MissionRun, run.pk, NOW, slowly)

    assert row(run) == (None, 2, NOW + files.LEASE)


def test_file_of_a_run_that_is_asked_again_meanwhile_is_left_to_its_end(
    run: MissionRun, storage: Storage
) -> None:
    def reopened() -> None:
        MissionRun.objects.update(outcome="due", decision=None, file_due_at=None)
        raise OSError("no storage")

    files.store(MissionRun, run.pk, NOW, reopened)

    assert row(run)[0] is None


def test_file_of_an_account_that_leaves_is_nobodys_business(run: MissionRun) -> None:
    def leaving() -> None:
        raise User.DoesNotExist

    files.store(MissionRun, run.pk, NOW, leaving)

    assert row(run)[0] == NOW + files.LEASE


@pytest.mark.parametrize("most", [1, 5])
def test_sweep_sends_the_longest_due_first_and_no_more_than_it_may(
    run: MissionRun,
    mission: Mission,
    published: list[Message],
    most: int,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    yesterday = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=1),
        trigger="schedule",
        outcome="failed",
        file_due_at=NOW - MINUTE,
    )
    reflection = Reflection.objects.create(mission=mission, outcome="failed", file_due_at=NOW)
    MissionDraft.objects.create(user=mission.owner, file_due_at=NOW + MINUTE)

    with django_capture_on_commit_callbacks(execute=True):
        files.sweep(NOW, most=most)

    assert published == [
        *[("coach.keep_artifacts", (str(one.pk),)) for one in (yesterday, run)][:most],
        ("coach.keep_reflection", (reflection.pk,)),
    ]


# --- What was given up ---


@pytest.fixture
def given_up(run: MissionRun, storage: Storage) -> Incident:
    storage.is_away = True
    MissionRun.objects.update(file_attempts=30)
    store(run, NOW + 25 * HOUR)
    storage.is_away = False
    return Incident.objects.get()


def test_operator_has_a_file_stored_that_was_given_up(
    given_up: Incident, run: MissionRun, storage: Storage
) -> None:
    late = NOW + 26 * HOUR

    asked = [files.store_again(given_up, late), files.store_again(given_up, late)]
    store(run, late)

    assert asked == [True, False]
    assert (row(run), texts()) == ((None, 1, late), ("", ""))
    given_up.refresh_from_db()
    assert (given_up.resolved_at, given_up.note) == (late, files.STORED_AGAIN)


@pytest.mark.parametrize("kind", ["crash", "missed"])
def test_only_a_file_can_be_stored_again(given_up: Incident, run: MissionRun, kind: str) -> None:
    given_up.kind = kind

    assert not files.store_again(given_up, NOW)
    assert row(run)[0] is None


def test_texts_of_a_file_that_was_given_up_go_when_the_file_would_have_gone(
    given_up: Incident, run: MissionRun
) -> None:
    for days in (180, 181):
        before = texts()
        with time_machine.travel(NOW + timedelta(days=days), tick=False):
            tasks.purge()

    assert (before, texts()) == (("asked", "said"), ("", ""))
    run.refresh_from_db()
    assert run.situation is None
    assert not files.store_again(given_up, NOW + timedelta(days=181))
