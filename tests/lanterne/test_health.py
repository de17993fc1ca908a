from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import Error, InterfaceError, OperationalError, connection
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django.fixtures import DjangoAssertNumQueries

from tests.factories import NOW
from tests.notifications.providers import HttpServer, closed_port, serving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_working")]

WELL = {
    "status": "ok",
    "database": "ok",
    "broker": "ok",
    "storage": "ok",
    "scheduler": "ok",
}


@pytest.fixture
def _working() -> Iterator[None]:
    """Every part works: the scheduler fired at NOW."""
    fired("mail that is due", timedelta())
    with time_machine.travel(NOW, tick=False):
        yield


def fired(name: str, ago: timedelta | None) -> None:
    """A row as the scheduler leaves it; none where it has not started yet."""
    PeriodicTask.objects.filter(name=name).delete()
    if ago is None:
        return
    every, _ = IntervalSchedule.objects.get_or_create(every=60, period="seconds")
    PeriodicTask.objects.create(name=name, interval=every, task="notifications.sweep")
    PeriodicTask.objects.filter(name=name).update(date_changed=NOW - ago)


def stored_at(settings: LazySettings, backend: str, **options: object) -> None:
    staticfiles: Any = settings.STORAGES
    settings.STORAGES = {
        "staticfiles": staticfiles["staticfiles"],
        "default": {"BACKEND": backend, "OPTIONS": options},
    }


def failing_with(error: type[Error]) -> Callable[..., Any]:
    def refuse(*_: object) -> None:
        raise error("password=sesame")

    return refuse


def test_health_names_every_part(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, WELL)
    assert "no-store" in response["Cache-Control"]


def test_health_takes_no_post(client: Client) -> None:
    assert client.post("/healthz").status_code == 405


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_health_names_a_database_that_does_not_answer(client: Client, error: type[Error]) -> None:
    with connection.execute_wrapper(failing_with(error)):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {
            **WELL,
            "status": "unhealthy",
            "database": f"no answer ({error.__name__})",
            "scheduler": "unknown while the database does not answer",
        },
    )


def test_health_names_a_broker_that_does_not_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://:sesame@127.0.0.1:{closed_port()}/0")

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {**WELL, "status": "unhealthy", "broker": "no answer (OperationalError)"},
    )


@pytest.fixture
def _without_broker_folder(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("CELERY_BROKER_URL", "folder://localhost")
    queue = Path(settings.BROKER_DIR) / "queue"
    aside = queue.rename(queue.with_name("aside"))
    yield
    aside.rename(queue)


@pytest.mark.usefixtures("_without_broker_folder")
def test_health_names_a_broker_folder_that_is_gone(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {**WELL, "status": "unhealthy", "broker": "no answer (FileNotFoundError)"},
    )


def test_health_writes_its_probe_into_the_storage(
    client: Client, settings: LazySettings, tmp_path: Path
) -> None:
    stored_at(settings, "django.core.files.storage.FileSystemStorage", location=tmp_path)

    answers = [client.get("/healthz").json()["storage"] for _ in range(2)]

    assert answers == ["ok", "ok"]
    assert [path.name for path in tmp_path.iterdir()] == ["healthz"]


def test_health_names_a_storage_that_cannot_be_written(
    client: Client, settings: LazySettings, tmp_path: Path
) -> None:
    (tmp_path / "media").write_text("a file where a folder should be")
    stored_at(settings, "django.core.files.storage.FileSystemStorage", location=tmp_path / "media")

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {**WELL, "status": "unhealthy", "storage": "no answer (FileExistsError)"},
    )


@pytest.fixture
def bucket_at(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points the storage at an S3 server, which is asked once."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    def point(url: str) -> None:
        stored_at(
            settings,
            "accounts.artifacts.RetentionS3Storage",
            bucket_name="lanterne",
            endpoint_url=url,
            access_key="key",
            secret_key="sesame",
            region_name="eu-west-1",
        )

    return point


def test_health_names_a_bucket_that_does_not_answer(
    client: Client, bucket_at: Callable[[str], None]
) -> None:
    bucket_at(f"http://127.0.0.1:{closed_port()}")

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {**WELL, "status": "unhealthy", "storage": "no answer (EndpointConnectionError)"},
    )


def test_health_names_a_bucket_that_refuses_us(
    client: Client, bucket_at: Callable[[str], None]
) -> None:
    server = HttpServer()
    bucket_at(server.url)

    with serving(server):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (
        503,
        {**WELL, "status": "unhealthy", "storage": "no answer (ClientError)"},
    )


@pytest.mark.parametrize(
    ("ago", "status", "words"),
    [
        (timedelta(minutes=3), 200, "ok"),
        (timedelta(minutes=3, seconds=1), 503, "last heard of at 2026-07-04 05:26 UTC"),
        (timedelta(hours=26), 503, "last heard of at 2026-07-03 03:30 UTC"),
        (None, 503, "has not started yet"),
    ],
)
def test_health_names_a_scheduler_that_has_fallen_silent(
    client: Client, ago: timedelta | None, status: int, words: str
) -> None:
    fired("mail that is due", ago)
    fired("runs that nobody holds", None if ago is None else ago + timedelta(minutes=1))
    # Only the rows that are due every minute are the heartbeat.
    fired("mornings in Europe/Paris", timedelta())

    response = client.get("/healthz")

    assert (response.status_code, response.json()["scheduler"]) == (status, words)
