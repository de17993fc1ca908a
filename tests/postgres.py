"""A PostgreSQL of a test's own, which it may kill: the machine's is everybody's."""

import atexit
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from tests import migrated
from tests.environment import free_port

PATIENCE_S = 60
NONE_HERE = "no PostgreSQL server is installed here (initdb, postgres): nothing to kill"
# Nothing here outlives the machine: what a killed process wrote the system still has.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
}
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@functools.cache
def binaries() -> Path | None:
    """The folder of a server's programs, the newest one's; None where none is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    if found:
        return found[-1].parent
    if shutil.which("pg_config"):
        told = subprocess.run(
            ["pg_config", "--bindir"], check=True, capture_output=True, text=True
        ).stdout.strip()
        if (Path(told) / "initdb").exists():
            return Path(told)
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def program(name: str) -> str:
    folder = binaries()
    assert folder is not None, NONE_HERE
    return str(folder / name)


@functools.cache
def server_user() -> str | None:
    """Whom the server runs as: it refuses to be root; None is whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


def own_folder(prefix: str) -> Path:
    """A folder with a short name, for a socket, that the server's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o711)
    return folder


def hand_to_server(folder: Path) -> None:
    """Make the folder the server's own, and let it pass through those above that are ours."""
    folder.mkdir(parents=True, exist_ok=True)
    user = server_user()
    if user is None:
        return
    shutil.chown(folder, user)
    for above in folder.parents:
        stat = above.stat()
        if stat.st_uid == os.geteuid() and not stat.st_mode & 0o001:
            above.chmod(stat.st_mode | 0o011)


@functools.cache
def _template() -> Path:
    """A fresh data directory, made once a session: each cluster starts as a copy of it."""
    home = own_folder("lanterne-pg-template-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    hand_to_server(home)
    data = home / "data"
    subprocess.run(
        [
            *(program("initdb"), "--pgdata", str(data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        user=server_user(),
        cwd="/",
    )
    return data


def _migrated() -> Path:
    """A data directory with a database that is migrated already, made once a run."""
    folder = Path(os.environ["LANTERNE_TEST_DIR"]) / "migrated-cluster"
    with migrated.once("migrated-cluster"):
        if not (folder / "data").exists():
            made = Cluster(folder.with_name("cluster-being-migrated"))
            made.start()
            migrated.migrate(DATABASE_URL=made.create())
            made.stop()
            made.folder.rename(folder)
    return folder / "data"


class Cluster:
    """One server with its data directory and its socket in `folder`, not started yet."""

    def __init__(self, folder: Path, *, is_fresh: bool = True, is_migrated: bool = False) -> None:
        """`is_fresh` False: the data directory is there already, or is put there by a restore.

        `is_migrated`: the database is in it, with our tables and no row.
        """
        self.folder, self.port = folder, free_port()
        self.data, self.log = folder / "data", folder / "log"
        self.options: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        hand_to_server(folder)
        if is_fresh:
            source = _migrated() if is_migrated else _template()
            subprocess.run(["cp", "-a", str(source), str(self.data)], check=True)

    def start(self, options: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """`options` go on top of the quick ones and are kept for the next start."""
        assert not self.is_running, "it runs already"
        hand_to_server(self.folder)
        self.options |= options or {}
        chosen = {
            **QUICK,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder) if len(str(self.folder)) < 80 else "",
            **self.options,
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(program("postgres"), "-D", str(self.data)),
                    *(f"--{name}={value}" for name, value in chosen.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                user=server_user(),
                cwd="/",
                start_new_session=True,
            )
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self.is_running, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            else:
                return

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        if self.process is not None and self.is_running:
            self.process.send_signal(STOPS[mode])
            self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """All of its processes at once, with no last word: as when the machine is gone."""
        if self.process is None or not self.is_running:
            return
        # Stopped first, so that it starts no further process meanwhile.
        self.process.send_signal(signal.SIGSTOP)
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in [str(self.process.pid), *children]:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stopped and started with the same options and port; after a kill only started."""
        self.stop(mode)
        self.start()

    def url(self, database: str = "lanterne") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str = "lanterne") -> str:
        """An empty database; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A fresh server that runs, with no database of ours in it yet."""
    if binaries() is None:
        pytest.skip(NONE_HERE)
    cluster = Cluster(own_folder("lanterne-pg-"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
