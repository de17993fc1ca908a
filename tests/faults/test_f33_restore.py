"""F33: the database is lost and comes back from a backup, and nobody is mailed a second time."""

import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts import deletion
from accounts.models import User
from coach.models import MissionRun
from missions.models import Mission
from tests.deploy import scripts
from tests.faults import needs
from tests.faults.machine import Machine
from tests.faults.own_server import OwnServers, end, own_servers
from tests.postgres import Cluster

__all__ = ["own_servers"]
pytestmark = [pytest.mark.processes, pytest.mark.fault("F33"), needs.services]

DONE = "done: web, worker and scheduler may start"


class Lost:
    """A service with two mornings that are due, and one that is not; then the day it has."""

    def __init__(self, own: OwnServers, folder: Path) -> None:
        self.own, self.folder, self.backups = own, folder, folder / "backups"
        self.cluster = own.cluster(is_migrated=True)
        self.backups.mkdir()
        self.machine = own.machine(folder / "machine", self.cluster.url())
        self.stays = self.machine.tester()
        self.leaves = self.machine.tester()
        self.later = self.machine.tester(due_ago=None)

    def backup(self, what: str) -> str:
        return scripts.run(
            "backup", what, self.backups, **self.of(self.machine), url=self.cluster.url()
        )

    def have_its_morning(self) -> None:
        """Both are briefed; one of them leaves and gets the receipt."""
        machine = self.machine
        machine.worker()
        machine.must_be_right([self.stays, self.leaves])
        leaver = self.leaves.owner
        deletion.ask(leaver, None, datetime.now(UTC))
        machine.deliver(deletion.DELETE, leaver.pk)
        machine.until(lambda: not User.objects.filter(pk=leaver.pk).exists())
        machine.until(lambda: machine.mails("account"), sweeping=True)
        machine.must_be_settled()
        self.decision = MissionRun.objects.get(mission=self.stays).decision
        self.mails = all_mails(machine)

    def lose(self) -> datetime:
        lost_at = datetime.now(UTC)
        self.cluster.kill()
        end(self.machine)
        shutil.rmtree(self.cluster.data)
        return lost_at

    def come_back(self, cluster: Cluster, lost_at: datetime) -> tuple[Machine, str]:
        """The way docs/backup.md tells it; the machine on the new server, and what was said."""
        settings = self.of(self.machine)
        url = cluster.url()
        moment = lost_at.isoformat()
        said = scripts.run("restore", "finish", "--lost-at", moment, **settings, url=url)
        assert DONE in said
        machine = self.own.machine(self.machine.folder, url)
        machine.worker()
        machine.scheduler()
        return machine, said

    def of(self, machine: Machine) -> dict[str, str]:
        told = machine.environment()
        names = ("ENV_FILE", "VAR_DIR", "PORT", "REDIS_URL", "OPERATOR_EMAILS", "DEBUG", "SANDBOX")
        return {name: told[name] for name in names}

    def must_be_as_promised(self, machine: Machine) -> None:
        """Nobody was mailed again, who left is gone, and the next morning comes as any other."""
        runs = MissionRun.objects.filter(mission=self.stays).values_list("outcome", "decision")
        assert list(runs) == [("decided", self.decision)]
        assert list(User.objects.values_list("email", flat=True)) == [
            self.stays.owner.email,
            self.later.owner.email,
        ]
        machine.deliver_run(self.stays, times=2)
        machine.due(Mission.objects.get(pk=self.later.pk), datetime.now(UTC))
        machine.wake(self.later)
        briefed = sorted([*self.mails["brief"], self.later.owner.email])
        machine.until(lambda: machine.mails() == briefed, sweeping=True)
        for _ in range(3):
            machine.sweep()
        machine.until(lambda: machine.waiting() == 0)
        machine.must_be_settled()
        assert machine.mails() == briefed
        assert machine.mails("account") == self.mails["account"]
        assert set(machine.told([self.stays, self.later])) == {
            (one.local_date().isoformat(), "decided") for one in (self.stays, self.later)
        }


def all_mails(machine: Machine) -> dict[str, list[str]]:
    return {kind: machine.mails(kind) for kind in ("brief", "account")}


@pytest.fixture
def lost(own_servers: OwnServers, tmp_path: Path) -> Lost:
    return Lost(own_servers, tmp_path)


def test_dump_of_last_night_is_put_back_and_nobody_is_mailed_twice(lost: Lost) -> None:
    lost.backup("dump")
    lost.have_its_morning()
    lost_at = lost.lose()

    cluster = lost.own.cluster()
    scripts.run("restore", "dump", lost.backups, url=cluster.create())
    machine, said = lost.come_back(cluster, lost_at)

    assert re.findall(r"^(\d+) (\w+ \w+)", said, re.MULTILINE) == [
        ("1", "runs and"),
        ("1", "accounts that"),
        ("1", "files were"),
    ]
    lost.must_be_as_promised(machine)
    machine.until(lambda: machine.mails("alert") == ["ops@example.org"], sweeping=True)


def test_copy_and_changes_bring_back_all_but_seconds(lost: Lost) -> None:
    lost.backup("base")
    with scripts.streaming(lost.cluster, lost.backups):
        lost.have_its_morning()
        lost.backup("files")
        lost_at = lost.lose()
    shutil.rmtree(lost.machine.folder / "media")
    began = time.monotonic()

    cluster = scripts.restored(lost.backups)
    lost.own.left.callback(cluster.remove)
    settings = lost.of(lost.machine)
    scripts.run("restore", "files", lost.backups, **settings, url=cluster.url())
    machine, said = lost.come_back(cluster, lost_at)
    print(f"\nback after {time.monotonic() - began:.1f} s")

    assert "Nothing to put right." in said
    lost.must_be_as_promised(machine)


def test_backup_older_than_the_code_is_not_started_on(lost: Lost) -> None:
    lost.backup("dump")
    lost_at = lost.lose()
    cluster = lost.own.cluster()
    url = cluster.create()

    told = scripts.attempt(
        "restore",
        *("finish", "--lost-at", (lost_at - timedelta(hours=1)).isoformat()),
        **lost.of(lost.machine),
        url=url,
    )

    assert told.returncode == 1
    assert "Run manage.py migrate, then this again." in told.stderr
