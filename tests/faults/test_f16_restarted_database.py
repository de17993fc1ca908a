"""F16: PostgreSQL is restarted, and then killed, in the middle of 20 runs."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2
import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from coach.models import MissionRun
from tests.conftest import signed_in
from tests.faults import needs
from tests.faults.machine import Machine
from tests.faults.own_server import OwnServers, own_servers

__all__ = ["own_servers"]
pytestmark = [pytest.mark.processes, pytest.mark.fault("F16"), needs.services]

RUNS = 20


def test_all_runs_finish_once_and_the_web_says_503_meanwhile(
    own_servers: OwnServers, tmp_path: Path
) -> None:
    cluster = own_servers.cluster(is_migrated=True)
    machine = own_servers.machine(tmp_path / "machine", cluster.url())
    missions = machine.testers(RUNS)
    home = Browser(machine, missions[0].owner)
    assert home.get("/").status_code == 200
    machine.mode("openai", "timeout", seconds=1)
    worker = machine.worker(threads=4)
    machine.scheduler()

    for break_it, done in ((cluster.stop, 2), (cluster.kill, 10)):
        machine.until(partial(is_in_the_middle, done))
        break_it()
        connection.close()
        away = [home.get("/"), home.get("/api/me"), home.get("/auth/login")]
        cluster.start()
        machine.until(lambda: home.get("/").status_code == 200)
        assert [answer.status_code for answer in away] == [503, 503, 503]
        assert "Back in a moment" in away[0].text
        assert away[1].headers["content-type"] == "application/problem+json"

    machine.until(nobody_is_at_any)
    # A claim whose answer got lost with the server is nobody's until its lease ends.
    machine.later(minutes=4)
    machine.must_be_right(missions)
    assert (worker.is_alive, machine.web.is_alive) == (True, True)


def is_in_the_middle(done: int) -> bool:
    """So many are finished, and some are in a worker's hands."""
    runs = MissionRun.objects
    return (
        runs.filter(outcome="decided").count() >= done and runs.filter(outcome="under_way").exists()
    )


def nobody_is_at_any() -> bool:
    """All are finished, but for those that have a lease and had time enough."""
    waiting = MissionRun.objects.unfinished().filter(lease_until=None)
    lately = timezone.now() - timedelta(seconds=4)
    finished = MissionRun.objects.filter(finished_at__gt=lately)
    return not waiting.exists() and not finished.exists()


class Browser:
    """In which somebody is signed in; each page is a connection of its own."""

    def __init__(self, machine: Machine, user: User) -> None:
        self.machine = machine
        self.cookies = {name: one.value for name, one in signed_in(user).cookies.items()}

    def get(self, path: str) -> httpx2.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return httpx2.get(self.machine.url(path), headers={"cookie": cookies}, timeout=60)
