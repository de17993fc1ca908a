"""deploy/backup and deploy/restore against servers that are really lost."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.deploy.scripts import attempt, restored, run, streaming
from tests.faults import needs
from tests.postgres import Cluster

pytestmark = [pytest.mark.processes, needs.services]

SECRET = "canary-pass-word"
RPO_S = 60


@pytest.fixture
def written(cluster: Cluster) -> Cluster:
    """A server that loses nothing it has confirmed, with a table of moments."""
    cluster.stop()
    cluster.start({"synchronous_commit": "on"})
    with psycopg.connect(cluster.create("own"), autocommit=True) as connection:
        connection.execute("CREATE TABLE written (n serial, at float)")
    return cluster


def write(cluster: Cluster) -> float:
    at = time.time()
    with psycopg.connect(cluster.url("own"), autocommit=True) as connection:
        connection.execute("INSERT INTO written (at) VALUES (%s)", [at])
    return at


def read(cluster: Cluster) -> list[float]:
    with psycopg.connect(cluster.url("own")) as connection:
        return [at for (at,) in connection.execute("SELECT at FROM written ORDER BY n")]


@pytest.fixture
def lost(written: Cluster) -> Iterator[list[Cluster]]:
    """Where a test leaves its restored servers."""
    made: list[Cluster] = []
    yield made
    for cluster in made:
        cluster.remove()


def test_server_killed_in_the_middle_of_writes_is_back_with_all_but_seconds(
    written: Cluster, lost: list[Cluster], tmp_path: Path
) -> None:
    confirmed: list[float] = []

    def keep_writing() -> None:
        with psycopg.connect(written.url("own"), autocommit=True) as connection:
            while True:
                at = time.time()
                connection.execute("INSERT INTO written (at) VALUES (%s)", [at])
                confirmed.append(at)

    def write_until_it_is_gone() -> None:
        with pytest.raises(psycopg.OperationalError):
            keep_writing()

    run("backup", "base", tmp_path, url=written.url("own"))
    with streaming(written, tmp_path):
        writer = threading.Thread(target=write_until_it_is_gone)
        writer.start()
        time.sleep(3)
        written.kill()
        writer.join()
    written.remove()

    lost.append(restored(tmp_path))
    back = read(lost[0])

    assert len(confirmed) > 100
    loss_s = confirmed[-1] - back[-1]
    print(f"\n{len(confirmed)} written, {len(set(confirmed) - set(back))} lost: {loss_s:.3f} s")
    assert loss_s < RPO_S / 10
    assert back == sorted(back)
    # Whatever is there has no gap.
    assert set(confirmed[: len(back) - 1]) <= set(back)


def test_server_is_restored_as_it_was_at_a_moment(
    written: Cluster, lost: list[Cluster], tmp_path: Path
) -> None:
    run("backup", "base", tmp_path, url=written.url("own"))
    with streaming(written, tmp_path):
        before = write(written)
        time.sleep(1.1)
        moment = datetime.now(UTC)
        time.sleep(1.1)
        write(written)
        with psycopg.connect(written.url("own"), autocommit=True) as connection:
            connection.execute("DELETE FROM written")
            connection.execute("SELECT pg_switch_wal()")
        wait_for_a_whole_segment(tmp_path)

    lost.append(restored(tmp_path, "--at", moment.isoformat()))

    assert read(lost[0]) == [before]


def wait_for_a_whole_segment(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while all(path.suffix == ".partial" for path in (folder / "wal").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_moment_before_the_oldest_copy_is_refused(written: Cluster, tmp_path: Path) -> None:
    run("backup", "base", tmp_path, url=written.url("own"))

    moment = "2020-01-01T00:00:00+00:00"
    refused = attempt("restore", "base", tmp_path, "--data", tmp_path / "data", "--at", moment)

    assert refused.returncode == 1
    assert f"there is no copy in {tmp_path}/base from before {moment}" in refused.stderr


def test_damaged_copy_and_used_folder_are_refused(written: Cluster, tmp_path: Path) -> None:
    run("backup", "base", tmp_path, url=written.url("own"))
    data = tmp_path / "data"
    (copy,) = (tmp_path / "base").iterdir()
    with (copy / "PG_VERSION").open("ab") as out:
        out.write(b"x")

    damaged = attempt("restore", "base", tmp_path, "--data", data)
    data.mkdir()
    (data / "precious").touch()
    used = attempt("restore", "base", tmp_path, "--data", data)

    assert "is damaged" in damaged.stderr
    assert f"{data} is not empty" in used.stderr
    assert (data / "precious").exists()


def test_old_copies_go_with_the_changes_that_only_they_needed(
    written: Cluster, lost: list[Cluster], tmp_path: Path
) -> None:
    run("backup", "base", tmp_path, url=written.url("own"))
    (old,) = (tmp_path / "base").iterdir()
    with streaming(written, tmp_path):
        for _ in range(2):
            write(written)
            with psycopg.connect(written.url("own"), autocommit=True) as connection:
                connection.execute("SELECT pg_switch_wal()")
        wait_for_a_whole_segment(tmp_path)
        time.sleep(1)
    segments = {path.name for path in (tmp_path / "wal").iterdir()}
    fortnight_ago = time.time() - 14 * 86_400
    os.utime(old, (fortnight_ago, fortnight_ago))

    said = run("backup", "base", tmp_path, "--keep-days", "7", url=written.url("own"))

    assert f"removed {old}" in said
    (new,) = (tmp_path / "base").iterdir()
    assert new != old
    assert {path.name for path in (tmp_path / "wal").iterdir()} < segments


def test_old_dump_goes_when_there_is_a_newer_one(written: Cluster, tmp_path: Path) -> None:
    run("backup", "dump", tmp_path, url=written.url("own"))
    (made,) = (tmp_path / "dump").iterdir()
    old = made.rename(made.with_name("20200101T000000Z.dump"))
    os.utime(old, (0, 0))

    run("backup", "dump", tmp_path, url=written.url("own"))

    (new,) = (tmp_path / "dump").iterdir()
    assert new != old


def test_dump_is_put_back_into_an_empty_database_only(written: Cluster, tmp_path: Path) -> None:
    first = write(written)
    run("backup", "dump", tmp_path, url=written.url("own"))
    write(written)

    refused = attempt("restore", "dump", tmp_path, url=written.url("own"))
    assert (refused.returncode, len(read(written))) == (1, 2)
    assert "own is not empty (1 tables)" in refused.stderr

    run("restore", "dump", tmp_path, "--into-used", url=written.url("own"))
    assert read(written) == [first]

    other = written.create("other")
    run("restore", "dump", tmp_path, url=other)
    with psycopg.connect(other) as connection:
        assert connection.execute("SELECT at FROM written").fetchall() == [(first,)]


def test_what_is_wrong_is_said_without_the_password(tmp_path: Path) -> None:
    nowhere = f"postgres://lanterne:{SECRET}@127.0.0.1:1/lanterne"
    for arguments in (("base", tmp_path), ("wal", tmp_path), ("dump", tmp_path)):
        failed = attempt("backup", *arguments, url=nowhere)
        assert failed.returncode != 0
        assert "deploy/backup: " in failed.stderr
        assert SECRET not in failed.stdout + failed.stderr


@pytest.mark.parametrize(
    ("arguments", "url", "says"),
    [
        (("dump", "x"), None, "which database? Set DATABASE_URL"),
        (("dump", "x"), "sqlite:///x", "is no address of PostgreSQL"),
        (("files", "s3://bucket"), None, "FOLDER is a folder"),
        (("dump", "x", "--keep"), None, "there is no option --keep"),
        (("dump", "x", "--keep-days"), None, "the last option needs a value"),
        (("dump", "x", "--keep-days", "many"), None, "takes a number of days"),
        (("dump",), None, "Usage: deploy/backup"),
        (("all", "x"), None, "Usage: deploy/backup"),
    ],
)
def test_backup_says_what_to_do(arguments: tuple[str, ...], url: str | None, says: str) -> None:
    failed = attempt("backup", *arguments, url=url)

    assert failed.returncode != 0
    assert says in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Usage: deploy/restore"),
        (("base", "x"), "say where from and where to"),
        (("finish", "--lost-at", "yesterday"), "--lost-at takes a moment"),
        (("finish",), "finish needs --lost-at"),
        (("files", "/nowhere"), "there is no folder /nowhere/files"),
    ],
)
def test_restore_says_what_to_do(arguments: tuple[str, ...], says: str) -> None:
    failed = attempt("restore", *arguments, url="postgres://nobody@127.0.0.1:1/x")

    assert failed.returncode != 0
    assert says in failed.stderr


@pytest.mark.parametrize("script", ["backup", "restore"])
def test_help_is_there(script: str) -> None:
    assert run(script, "--help").startswith(f"Usage: deploy/{script}")
