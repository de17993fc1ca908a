"""An Apple Health import as it happens in service: python -m bench.apple_import_worker

Makes an export of a gigabyte with its answers, uploads it to a service in a folder of its own,
and has one real worker process (prefork, one child) read it. Reports the child's peak of resident
memory beside what it held when idle, the time it took, and each stored value that differs from
the answers. Exit status 1 if one does, or if the peak is above the yardstick.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

GENERATOR = Path(__file__).parent.parent / "tests" / "make_export.py"
MOST_MB = 150
PATIENCE_S = 1800
SHOWN_DIFFERENCES = 20
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A worker's child, as the kernel tells of it."""

    pid: int

    def megabytes(self, name: str) -> float:
        """VmRSS is what it holds now, VmHWM the most it ever held."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        told = dict(line.split(":", 1) for line in lines)
        return int(told[name].split()[0]) / 1024

    def cpu_s(self) -> float:
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:13])) / CLOCK_TICKS_PER_S


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=790, help="790 days are about 1.1 GB of XML")
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.zip"
        generate = [sys.executable, str(GENERATOR), "--days", str(days), "--out", str(export)]
        subprocess.run(generate, check=True)
        service_in(Path(folder) / "var")
        return report(export)


def service_in(folder: Path) -> None:
    """This process and those it starts are a sandbox with its own database and broker."""
    for service in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(service, None)
    settings = {"DEBUG": "1", "SANDBOX": "1", "VAR_DIR": str(folder), "LOG_LEVEL": "INFO"}
    os.environ.update(settings, DJANGO_SETTINGS_MODULE="lanterne.settings")
    (folder / "static").mkdir(parents=True)
    django.setup()


def report(export: Path) -> int:
    # Models can be imported only now that the service has its folder.
    from accounts.models import User  # noqa: PLC0415
    from connections.models import AppleHealthUpload  # noqa: PLC0415
    from lanterne.management.commands.up import prepare  # noqa: PLC0415
    from tests.connections.kept_answers import differences, value_count  # noqa: PLC0415

    prepare()
    tester = User.objects.create_user(
        "bench@example.org", timezone="America/Los_Angeles", health_consent_at=timezone.now()
    )
    with worker(export.parent / "worker.log") as child:
        idle_mb, cpu_before_s = child.megabytes("VmRSS"), child.cpu_s()
        started = time.monotonic()
        upload = send(tester, export)
        while not upload.is_finished:
            if time.monotonic() - started > PATIENCE_S:
                sys.exit(f"The import is not done after {PATIENCE_S} s.")
            time.sleep(0.2)
            upload = AppleHealthUpload.objects.get(pk=upload.pk)
        wall_s = time.monotonic() - started
        cpu_s, peak_mb = child.cpu_s() - cpu_before_s, child.megabytes("VmHWM")
    if upload.error:
        sys.exit(upload.error)
    answers = json.loads(Path(f"{export}.expected.json").read_text(encoding="utf-8"))
    different = differences(tester, answers)
    print(f"{'XML MB':>8}{'wall s':>8}{'CPU s':>8}{'idle MB':>9}{'peak MB':>9}{'differences':>20}")
    print(
        f"{upload.bytes_total / 1e6:8.0f}{wall_s:8.1f}{cpu_s:8.1f}{idle_mb:9.0f}{peak_mb:9.0f}"
        f"{f'{len(different)} of {value_count(answers):,}':>20}"
    )
    print(f"kept {upload.nights:,} nights, {upload.samples:,} samples and {upload.rides:,} rides")
    print(f"peak against at most {MOST_MB} MB: {'ok' if peak_mb <= MOST_MB else 'TOO MUCH'}")
    for difference in different[:SHOWN_DIFFERENCES]:
        print(f"  {difference}")
    return 1 if different or peak_mb > MOST_MB else 0


def send(tester: Any, export: Path) -> Any:
    from django.core.files.base import File  # noqa: PLC0415

    from connections import apple_uploads  # noqa: PLC0415

    with export.open("rb") as stream:
        upload = apple_uploads.keep_file(tester, export.name, File(stream))
    apple_uploads.publish(upload)
    return upload


@contextmanager
def worker(log: Path) -> Iterator[Process]:
    """A worker that is ready, and ended afterwards."""
    command = [sys.executable, "-m", "celery", "-A", "lanterne", "worker", "-c", "1"]
    with log.open("w") as output:
        started = subprocess.Popen(
            [*command, "--loglevel=INFO"], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while " ready." not in log.read_text():
            if started.poll() is not None:
                sys.exit(f"The worker ended at once:\n{log.read_text()}")
            time.sleep(0.1)
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        yield Process(int(children[0]))
    finally:
        started.terminate()
        started.wait(60)


if __name__ == "__main__":
    sys.exit(main())
