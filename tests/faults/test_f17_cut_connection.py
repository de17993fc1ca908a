"""F17: what lies between us and PostgreSQL cuts connections that were silent for a while."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from coach.models import Incident, MissionRun
from tests.faults import needs
from tests.faults.own_server import OwnServers, own_servers
from tests.faults.proxy import Proxy
from tests.faults.test_f16_restarted_database import Browser
from tests.postgres import Cluster

__all__ = ["own_servers"]
pytestmark = [pytest.mark.processes, pytest.mark.fault("F17"), needs.services]

THREADS = 16


@pytest.fixture
def cluster(own_servers: OwnServers) -> Cluster:
    return own_servers.cluster(is_migrated=True)


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    proxy = Proxy(cluster.port)
    yield proxy
    proxy.close()


def test_next_query_of_web_and_worker_works(
    own_servers: OwnServers, cluster: Cluster, proxy: Proxy, tmp_path: Path
) -> None:
    through = cluster.url().replace(f":{cluster.port}/", f":{proxy.port}/")
    machine = own_servers.machine(tmp_path / "machine", through)
    first, second = machine.testers(2, due_ago=None)
    home = Browser(machine, first.owner)
    worker = machine.worker()
    machine.deliver_run(first)
    machine.until(lambda: MissionRun.objects.filter(mission=first, outcome="decided").exists())
    machine.until(lambda: machine.waiting() == 0)
    assert [home.get("/").status_code for _ in range(THREADS)] == [200] * THREADS

    connection.close()
    assert proxy.cut() >= 2  # the web's and the worker's

    assert [home.get("/").status_code for _ in range(THREADS)] == [200] * THREADS
    machine.deliver_run(second)
    machine.must_be_right([first, second], questions=2)
    assert worker.is_alive
    assert not Incident.objects.exists()
