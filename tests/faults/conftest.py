"""One machine for all tests of a process of the run, as new for each of them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from tests import migrated
from tests.faults.machine import Machine
from tests.redis_server import NONE_HERE, Redis

HAS_SERVICES = "DATABASE_URL" in os.environ


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis | None]:
    """A Redis that may be killed; None where there is none, or nobody asked for services."""
    if not HAS_SERVICES or shutil.which("redis-server") is None:
        yield None
        return
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _started(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
    _redis: Redis | None,
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    with django_db_blocker.unblock():
        database_url = copy_of_the_tests_database(folder)
    redis_url = _redis.url(0) if _redis else os.environ.get("REDIS_URL", "")
    machine = Machine(folder, database_url=database_url, redis_url=redis_url)
    try:
        with django_db_blocker.unblock(), machine.here():
            call_command("migrate", verbosity=0)
            machine.start()
        yield machine
    finally:
        machine.end()
        if database_url:
            drop(database_url)


@pytest.fixture
def machine(_started: Machine, django_db_blocker: Any) -> Iterator[Machine]:
    with django_db_blocker.unblock(), _started.here():
        _started.clear()
        try:
            yield _started
        finally:
            _started.end_workers()


@pytest.fixture
def own_redis(_redis: Redis | None) -> Iterator[Redis]:
    """The machine's Redis, to be killed, emptied and frozen."""
    if not HAS_SERVICES:
        pytest.skip("the embedded default has no Redis")
    if _redis is None:
        pytest.skip(NONE_HERE)
    try:
        yield _redis
    finally:
        _redis.thaw()
        if not _redis.is_running:
            _redis.restart()


def copy_of_the_tests_database(folder: Path) -> str:
    """Migrated already, which takes longer than all else; its URL, empty for SQLite in `folder`.

    A run that has none, because no test in it asks for one, gets an empty one.
    """
    name = Path(str(connection.settings_dict["NAME"]))
    connection.close()
    if connection.vendor == "sqlite":
        if name.name.startswith("tests."):
            migrated.copy_file(name, folder / "lanterne.sqlite3")
        return ""
    server, _, usual = os.environ["DATABASE_URL"].rpartition("/")
    copy = f"machine_{os.getpid()}"
    template = f'TEMPLATE "{name}"' if str(name) != usual else ""
    drop(f"{server}/{copy}")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server_itself:
        server_itself.execute(f'CREATE DATABASE "{copy}" {template}')
    return f"{server}/{copy}"


def drop(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as link:
        link.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
