"""How work outside the request is handed out, and what a real worker makes of what it is sent."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.signals import worker_shutting_down
from django.conf import settings
from django_celery_beat.schedulers import ModelEntry

from coach import stopping
from lanterne.celery import app
from lanterne.watched import SET_ASIDE

PATIENCE_S = 120


@pytest.fixture(autouse=True)
def _tasks_are_known() -> None:
    app.loader.import_default_modules()


def test_every_task_of_the_schedule_is_registered() -> None:
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert named <= set(app.tasks)


@pytest.mark.django_db
def test_what_is_sent_often_expires_while_no_worker_takes_it() -> None:
    """Or a day's sweeps would all look at the same work, and send it again, one after the other."""
    often = {
        name: entry
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if not entry["task"].endswith(".purge")
    }

    read = [ModelEntry.from_entry(name, app=app, **entry) for name, entry in often.items()]

    assert len(read) == 7
    assert {entry.options.get("expires") for entry in read} == {3600}


def test_every_task_with_a_queue_of_its_own_is_registered_and_the_queue_is_read() -> None:
    assert set(settings.CELERY_TASK_ROUTES) <= set(app.tasks)
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert {"celery", *routed} == set(app.amqp.queues)


def test_tasks_with_a_time_limit_are_those_that_processes_take() -> None:
    """Threads cannot be ended: what waits for the model has limits of its own."""
    limited = {name for name, task in app.tasks.items() if task.time_limit}
    heavy = {
        name for name, route in settings.CELERY_TASK_ROUTES.items() if route["queue"] == "heavy"
    }
    assert limited - heavy == {"accounts.purge"}
    assert heavy <= limited


def test_message_that_kills_its_worker_does_not_come_back_at_once() -> None:
    task = app.tasks["coach.run_mission_day"]

    assert (task.acks_late, task.reject_on_worker_lost) == (True, False)


def test_worker_that_is_told_to_end_begins_nothing_long(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    monkeypatch.setattr(stopping, "begin", lambda: begun.append(1))

    worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)

    assert begun == [1]


SEND = """
from lanterne.celery import app
app.send_task("coach.of_tomorrow")
app.send_task("coach.settle_event", args=["no mission"])
"""


class Worker:
    """A service with a folder of its own, without web and scheduler."""

    def __init__(self, folder: Path) -> None:
        unset = {"DATABASE_URL", "REDIS_URL", "SITE_URL"}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        self.folder, self.environment = folder, {**kept, "VAR_DIR": str(folder)}
        for name in ("queue", "control"):
            (folder / "broker" / name).mkdir(parents=True)
        self.run("manage.py", "migrate", "-v0")

    def run(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "lanterne.settings"},
            check=True,
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-q", "-A", "lanterne", "worker", "-c", "1"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def incidents(self) -> list[tuple[str, str]]:
        link = sqlite3.connect(self.folder / "lanterne.sqlite3")
        rows = link.execute("SELECT task, detail FROM coach_incident ORDER BY task").fetchall()
        link.close()
        return rows

    def messages(self) -> list[str]:
        return [path.name for path in (self.folder / "broker" / "queue").iterdir()]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path / "var")
    yield made
    if made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGKILL)


@pytest.mark.processes
def test_worker_sets_aside_what_it_cannot_do_and_ends_when_told(worker: Worker) -> None:
    worker.run("-c", SEND)
    worker.start()
    deadline = time.monotonic() + PATIENCE_S
    while len(worker.incidents()) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)

    worker.process.terminate()
    told, _ = worker.process.communicate(timeout=PATIENCE_S)

    assert worker.process.returncode == 0, told
    (unknown, why), (task, place) = worker.incidents()
    assert (unknown, why) == ("coach.of_tomorrow", f"This worker knows no such task. {SET_ASIDE}")
    assert task == "coach.settle_event"
    assert place.startswith("ValueError at coach/tasks.py:")
    assert "badly formed" not in told  # the error's own words
    assert worker.messages() == []
