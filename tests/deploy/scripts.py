"""Running deploy/backup and deploy/restore as an operator does, and the changes as they stream."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings

from tests.postgres import Cluster, binaries, hand_to_server, own_folder, server_user

PATIENCE_S = 60


def environment(url: str | None, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL"} and not name.startswith("PG")
    }
    told = {"DATABASE_URL": url} if url else {}
    return {**kept, **told, "PGBIN": str(binaries()), "RESTORE_PATIENCE_S": "60", **more}


def run(script: str, *arguments: object, url: str | None = None, **more: str) -> str:
    """What it printed; an assertion with what it complained of when it failed."""
    done = attempt(script, *arguments, url=url, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def attempt(
    script: str, *arguments: object, url: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(settings.BASE_DIR) / "deploy" / script), *map(str, arguments)],
        env=environment(url, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@contextmanager
def streaming(cluster: Cluster, folder: Path) -> Iterator[None]:
    """`deploy/backup wal` while the block runs; from the first on it has the changes."""
    (folder / "wal").mkdir(parents=True, exist_ok=True)
    with (folder / "wal.log").open("w") as out:
        receiver = subprocess.Popen(
            [str(Path(settings.BASE_DIR) / "deploy" / "backup"), "wal", str(folder)],
            env=environment(cluster.url("postgres")),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not any((folder / "wal").iterdir()):
            said = (folder / "wal.log").read_text()
            assert receiver.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        yield
    finally:
        receiver.terminate()
        receiver.wait(PATIENCE_S)


def restored(folder: Path, *arguments: object) -> Cluster:
    """A server on the newest copy and the changes since, somewhere else; it is up."""
    cluster = Cluster(own_folder("lanterne-pg-"), is_fresh=False)
    owner = server_user()
    run(
        "restore",
        *("base", folder, "--data", cluster.data, *arguments),
        *(("--owner", owner) if owner else ()),
    )
    hand_to_server(cluster.folder)
    cluster.start()
    wait_until_it_may_be_written(cluster)
    return cluster


def wait_until_it_may_be_written(cluster: Cluster) -> None:
    """It answers before it has read all changes."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            assert time.monotonic() < deadline, cluster.log.read_text()
            time.sleep(0.05)
