"""F28: the disk is full while a tester sends a file. What was cut off, and a worker killed in the
middle of a file, are in test_killed_worker.py."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from accounts.models import User
from connections.models import AppleHealthUpload
from tests import factories
from tests.conftest import signed_in
from tests.faults import needs
from tests.faults.machine import Machine

pytestmark = [pytest.mark.processes, pytest.mark.fault("F28"), needs.services]

DISK_BYTES = 2 * 1024**2
EXPORT = (
    b'<HealthData locale="en_GB"><ExportDate value="2026-06-01 09:00:00 +0000"/>\n%s</HealthData>'
)
RECORD = (
    b'<Record type="HKQuantityTypeIdentifierStepCount" sourceName="Phone" unit="count" '
    b'startDate="2026-05-01 12:00:00 +0000" endDate="2026-05-01 12:00:05 +0000" value="1"/>\n'
)


@pytest.fixture
def small_disk(machine: Machine) -> Iterator[Path]:
    """Where uploads are received there are two megabytes."""
    folder = machine.folder / "uploads"
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("a disk of two megabytes takes root's rights to make")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Browser:
    def __init__(self, machine: Machine, tester: User) -> None:
        session = signed_in(tester).cookies["sessionid"].value
        self.client = httpx2.Client(base_url=machine.url(""), timeout=60, follow_redirects=True)
        self.client.cookies.set("sessionid", session)

    def send(self, content: bytes) -> httpx2.Response:
        self.client.get("/connections")
        return self.client.post(
            "/connections/apple-health",
            data={"csrfmiddlewaretoken": self.client.cookies["csrftoken"]},
            files={"file": ("export.xml", content)},
        )


@pytest.fixture
def sender(machine: Machine) -> Iterator[Browser]:
    made = Browser(machine, factories.tester())
    yield made
    made.client.close()


def test_full_disk_is_told_and_leaves_no_part_and_the_next_file_is_read(
    machine: Machine, small_disk: Path, sender: Browser
) -> None:
    large = EXPORT % (RECORD * (2 * DISK_BYTES // len(RECORD)))

    answer = sender.send(large)

    assert answer.status_code == 507
    assert "most likely because the disk is full" in answer.text
    assert "please send the file again in an hour" in answer.text
    assert not AppleHealthUpload.objects.exists()
    assert list(small_disk.iterdir()) == []

    machine.worker()
    answer = sender.send(EXPORT % RECORD)
    assert answer.status_code == 200
    machine.until(lambda: AppleHealthUpload.objects.filter(status="done").exists())
    assert AppleHealthUpload.objects.get().days == 1
    machine.until(lambda: list(small_disk.iterdir()) == [])
