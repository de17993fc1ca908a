"""Starts the service's processes by forking: `python -m tests.faults.nursery`, told what on stdin.

A process that imports all of the service takes seconds of computing, and a fault needs several of
them: this one imports it once. What it forks is a session and a log of its own, runs the program
that `manage.py up` would, and may be killed like any other.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

# All of these as a process of the service would: the order is that of lanterne/wsgi.py.
import lanterne.wsgi  # noqa: F401  isort: skip
import celery.beat
import celery.concurrency.thread
import celery.worker.worker  # noqa: F401
import django_celery_beat.schedulers  # noqa: F401
import gunicorn.app.wsgiapp
import gunicorn.workers.gthread
import openai  # noqa: F401
from celery.signals import beat_init, worker_ready
from django.conf import settings
from django.db import connections
from django.urls import get_resolver

from lanterne.celery import app
from tests.faults import dying_worker


def main() -> None:
    app.loader.import_default_modules()
    app.finalize()
    _ = get_resolver().url_patterns
    connections.close_all()
    # Whoever ends is gone at once, and no number of theirs stays behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children: list[int] = []
    print("ready", flush=True)
    for line in sys.stdin:
        children.append(born(json.loads(line)))
        print(children[-1], flush=True)
    for pid in children:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def born(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        live(order)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001  nobody above it would print it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def live(order: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(os.devnull).open() as nothing, Path(order["log"]).open("a") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    forget_other_processes()
    for name, value in order["settings"].items():
        setattr(settings, name, value)
    if order["dies_at"]:
        dying_worker.die(order["dies_at"])
    if order["clock_off_s"]:
        dying_worker.when_ready(lambda: dying_worker.set_clock(order["clock_off_s"]))
    say_when_ready(Path(order["ready"]))
    PROGRAMS[order["program"]](order["arguments"])


def forget_other_processes() -> None:
    """The flag that a worker is to stop is one for it and its children, and not for the others."""
    if "coach.stopping" in sys.modules:
        importlib.reload(sys.modules["coach.stopping"])


def say_when_ready(file: Path) -> None:
    def ready(**_: Any) -> None:
        file.touch()

    for signal_ in (worker_ready, beat_init):
        signal_.connect(ready, weak=False)


def run_celery(arguments: list[str]) -> None:
    app.start(argv=arguments)


def run_gunicorn(arguments: list[str]) -> None:
    sys.argv = ["gunicorn", *arguments]
    gunicorn.app.wsgiapp.run()


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "celery": run_celery,
    "gunicorn": run_gunicorn,
}

if __name__ == "__main__":
    main()
