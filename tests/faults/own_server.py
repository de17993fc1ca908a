"""A machine whose PostgreSQL is its own, so that a test may kill it, lose it and put it back."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.management import call_command
from django.db import connections

from tests.faults.machine import Machine
from tests.postgres import NONE_HERE, Cluster, binaries, own_folder
from tests.redis_server import Redis


class OnPostgres(Machine):
    """PostgreSQL whatever the tests themselves run on."""

    @contextmanager
    def here(self) -> Iterator[None]:
        told: dict[str, Any] = dict(environ.Env.db_url_config(self.database_url))
        with super().here():
            usual = connections.settings["default"]
            connections["default"].close()
            connections.settings["default"] = {**usual, **told, "OPTIONS": {}, "CONN_MAX_AGE": 0}
            del connections["default"]
            try:
                yield
            finally:
                connections["default"].close()


class OwnServers:
    """Machines and servers of one test; whatever happens to them, they are gone afterwards."""

    def __init__(self) -> None:
        self.left, self.redis_url = ExitStack(), ""
        if shutil.which("redis-server"):
            redis = Redis(own_folder("lanterne-redis-"))
            self.left.callback(redis.remove)
            redis.start()
            self.redis_url = redis.url()

    def cluster(self, *, is_migrated: bool = False) -> Cluster:
        cluster = Cluster(own_folder("lanterne-pg-"), is_migrated=is_migrated)
        self.left.callback(cluster.remove)
        cluster.start()
        return cluster

    def machine(self, folder: Path, database_url: str) -> OnPostgres:
        """Its web process runs; Django in the test is on its database until the test ends."""
        folder.mkdir(exist_ok=True)
        machine = OnPostgres(folder, database_url=database_url, redis_url=self.redis_url)
        self.left.enter_context(machine.here())
        call_command("migrate", verbosity=0)
        self.left.callback(end, machine)
        machine.start()
        return machine


def end(machine: Machine) -> None:
    """Once is enough: a test may have ended it itself."""
    if machine.nursery.poll() is None:
        machine.end()


@pytest.fixture
def own_servers(django_db_blocker: Any) -> Iterator[OwnServers]:
    if binaries() is None:
        pytest.skip(NONE_HERE)
    servers = OwnServers()
    with django_db_blocker.unblock(), servers.left:
        yield servers
