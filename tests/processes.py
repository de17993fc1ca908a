"""The whole service as real processes, in a folder of its own: what `make up` starts."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
from django.conf import settings

from tests import migrated
from tests.environment import free_port
from tests.log_scan import kinds_in

# For machines many times slower than a desk's.
PATIENCE_S = 300


class Service:
    """One `manage.py up`, with its own folder and port."""

    def __init__(self, folder: Path, *, is_empty: bool = False) -> None:
        """`is_empty`: with no database yet; else with one that is migrated and has no row."""
        self.folder, self.port = folder, free_port()
        self.output, self.is_empty = folder.parent / "output", is_empty

    def start(self) -> None:
        self.require_private_output()
        database = self.folder / "lanterne.sqlite3"
        if not self.is_empty and not database.exists():
            migrated.copy_sqlite(database)
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=settings.BASE_DIR,
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def be_up(self) -> None:
        """Up, whatever the test before has left."""
        if self.process.poll() is not None:
            self.start()
        self.wait_until_up()

    def environment(self) -> dict[str, str]:
        unset = {"DATABASE_URL", "REDIS_URL", "SITE_URL"}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return {
            **kept,
            "VAR_DIR": str(self.folder),
            "PORT": str(self.port),
            "LOG_LEVEL": "DEBUG",
            "SWEEP_EVERY_S": "1",
        }

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while "Ctrl-C stops everything" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def health(self) -> dict[str, Any]:
        """The answer of /healthz, once the scheduler has fired for the first time."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer: dict[str, Any] = httpx2.get(self.url("/healthz"), timeout=30).json()
            if answer["status"] == "ok" or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did to it; how it stops is a test of its own."""
        self.process.kill()
        self.process.wait()
        with suppress(FileNotFoundError):
            for pid in self.children():
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        self.require_private_output()

    def require_private_output(self) -> None:
        """Whatever its processes said until now, at DEBUG, holds no secret."""
        lines = self.output.read_text().splitlines() if self.output.exists() else []
        found = [f"line {n}: {kind}" for n, line in enumerate(lines) for kind in kinds_in(line)]
        assert found == [], f"in what the service printed: {found}"

    def leaves_nothing_running(self) -> bool:
        """Every process of the service holds this lock for as long as it lives."""
        with (self.folder / "children.lock").open("a+") as shared:
            try:
                fcntl.flock(shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def children(self) -> list[int]:
        pids: list[int] = json.loads((self.folder / "children.json").read_text())
        return pids


@contextmanager
def running(service: Service) -> Iterator[Service]:
    service.start()
    try:
        service.wait_until_up()
        yield service
    finally:
        service.end()
