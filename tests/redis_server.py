"""A Redis of a test's own, which it may kill, empty and freeze: the machine's is everybody's."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.environment import free_port

PATIENCE_S = 30
NONE_HERE = "no redis-server is installed here: nothing to kill"


class Redis:
    """One server that keeps its log of changes in `folder`, not started yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.options: tuple[str, ...] = ()
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, *options: str) -> None:
        """`options` as on its command line (`--maxmemory`, `10mb`); kept for the next start."""
        assert not self.is_running, "it runs already"
        self.options = options or self.options
        with (self.folder / "log").open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--dir", str(self.folder), "--save", "", "--appendonly", "yes"),
                    *("--appendfsync", "no", *self.options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until_up()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            said = (self.folder / "log").read_text()
            assert self.is_running, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        if self.process is not None and self.is_running:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def restart(self, *, empty: bool = False) -> None:
        """Killed, and started with what it had, or with nothing."""
        self.kill()
        if empty:
            shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
            for kept in (*self.folder.glob("*.rdb"), *self.folder.glob("*.aof")):
                kept.unlink()
        self.start()

    def flush(self) -> None:
        with redis.Redis.from_url(self.url()) as client:
            client.flushall()

    def freeze(self) -> None:
        """It takes connections and answers nothing, until `thaw`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip(NONE_HERE)
    server = Redis(Path(tempfile.mkdtemp(prefix="lanterne-redis-")))
    try:
        server.start()
        yield server
    finally:
        server.remove()
