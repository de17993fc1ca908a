import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.conf import LazySettings
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import tasks
from connections.models import AppleHealthUpload, SyncAttempt
from tests import factories
from tests.connections.conftest import Provider, reload
from tests.connections.test_apple_uploads import received, steps, xml
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("_upload_folder")

Status = AppleHealthUpload.Status
Published = list[tuple[str, list[Any]]]


@pytest.fixture
def sweep(
    published: Published, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Any:
    """What is handed to workers by a sweep at NOW."""

    def run() -> Published:
        published.clear()
        with (
            time_machine.travel(NOW, tick=False),
            django_capture_on_commit_callbacks(execute=True),
        ):
            tasks.sweep()
        return published

    return run


@pytest.mark.parametrize(
    "name", ["connections.sync", "connections.import_apple_health", "connections.sweep"]
)
def test_task_is_registered_under_the_name_it_is_sent_by(name: str) -> None:
    assert current_app.tasks[name].name == name


def test_import_that_hangs_is_ended() -> None:
    assert current_app.tasks["connections.import_apple_health"].time_limit == 3600


def test_sync_reads_the_connection(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(b"[]")
    connection = factories.connection(tester)

    tasks.sync(connection.pk)

    assert reload(connection).last_success_at is not None
    assert connection.attempts.get().is_success


def test_sync_of_a_connection_that_is_gone_does_nothing(db: None, provider: Provider) -> None:
    tasks.sync(4711)

    assert not SyncAttempt.objects.exists()


def test_import_reads_the_upload(tester: User) -> None:
    upload = received(tester, xml(steps(500)))

    tasks.import_apple_health(str(upload.pk))

    assert [sample.value for sample in tester.samples.all()] == [500]


@pytest.mark.parametrize(
    ("fields", "is_swept"),
    [
        ({}, True),
        ({"status": Status.READING, "lease_until": NOW - timedelta(seconds=1)}, True),
        ({"status": Status.READING, "lease_until": NOW + timedelta(seconds=1)}, False),
        ({"status": Status.DONE}, False),
        ({"status": Status.FAILED}, False),
    ],
    ids=["waiting", "lease ended", "being read", "done", "failed"],
)
def test_sweep_hands_uploads_that_nobody_holds_to_a_worker(
    tester: User, sweep: Any, fields: dict[str, Any], is_swept: bool
) -> None:
    upload = received(tester, b"x")
    AppleHealthUpload.objects.update(**fields)

    assert sweep() == ([("connections.import_apple_health", [str(upload.pk)])] if is_swept else [])


def test_sweep_removes_files_that_nobody_will_read(
    tester: User, sweep: Any, settings: LazySettings
) -> None:
    orphan = Path(settings.UPLOAD_DIR) / "orphan.upload"
    orphan.parent.mkdir()
    orphan.touch()
    os.utime(orphan, (0, 0))

    sweep()

    assert not orphan.exists()
