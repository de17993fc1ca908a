"""Every hostile file in a process that may hold little, compute little, and touch nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings, settings

from accounts.models import User
from connections.models import AppleHealthUpload
from connections.providers.apple_health import NotAnExport, daily, read_export
from tests.connections.providers.health_xml import LOS_ANGELES, export_xml, record
from tests.connections.providers.hostile_files import HOSTILE, READ, UNLIKE_APPLE
from tests.connections.test_apple_uploads import everything_kept, imported, steps, xml

# 256 MB of addresses, of which Python and its libraries take a part, and 10 s of computing. The
# kernel ends whoever wants more; whoever opens another file or a socket is refused.
ALONE = """
import encodings.cp437, resource, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from connections.providers.apple_health import NotAnExport, read_export
upload, zone = Path(sys.argv[1]), ZoneInfo("America/Los_Angeles")
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.")) and event != "os.listdir":
        raise SystemExit(f"touched {event}")
    if event == "open" and str(arguments[0]) != str(upload):
        raise SystemExit(f"opened {arguments[0]}")
sys.addaudithook(watch)
resource.setrlimit(resource.RLIMIT_AS, (256 * 2**20, 256 * 2**20))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    days = read_export(upload, zone).days
except NotAnExport as refusal:
    sys.stdout.write(str(refusal))
else:
    sys.stdout.write(f"read: {len(days)} day")
"""


def told_of(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_told_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(HOSTILE[name].make())

    told = told_of(path)

    assert HOSTILE[name].says in told or (name == "overlapped entries" and "damaged" in told)
    assert [file.name for file in tmp_path.iterdir()] == ["upload"]


def test_limits_of_the_other_process_are_real(tmp_path: Path) -> None:
    """What the test above would say of a reader without limits."""
    greedy = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28)); b'a' * 2**28"

    done = subprocess.run([sys.executable, "-c", greedy], capture_output=True, check=False)

    assert b"MemoryError" in done.stderr


@pytest.mark.parametrize(
    ("cap", "kind", "unit"),
    [
        ("MOST_COUNTED", "StepCount", "count"),
        ("MOST_OF_NIGHTS", "HeartRateVariabilitySDNN", "ms"),
    ],
)
@pytest.mark.parametrize("takes_runs", [True, False])
def test_more_samples_than_any_real_export_has_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cap: str,
    kind: str,
    unit: str,
    takes_runs: bool,
) -> None:
    path = tmp_path / "e.xml"
    one = record(kind, "2024-01-10 12:00:00", "50", unit)
    monkeypatch.setattr(daily, cap, 3)

    path.write_bytes(export_xml(*[one] * 3))
    assert len(read_export(path, LOS_ANGELES, takes_runs=takes_runs).days) == 1

    path.write_bytes(export_xml(*[one] * 4))
    with pytest.raises(NotAnExport, match=UNLIKE_APPLE):
        read_export(path, LOS_ANGELES, takes_runs=takes_runs)


def test_tester_s_earlier_data_survives_every_hostile_file(
    tester: User, tmp_path: Path, settings: LazySettings
) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    imported(tester, xml(steps(500)))
    before = everything_kept(tester)
    refused = {name: one for name, one in HOSTILE.items() if one.says != READ}

    told = {name: imported(tester, one.make()) for name, one in refused.items()}

    assert {upload.status for upload in told.values()} == {AppleHealthUpload.Status.FAILED}
    assert {name for name, upload in told.items() if len(upload.error) < 40} == set()
    assert everything_kept(tester) == before
    assert list((tmp_path / "uploads").iterdir()) == []
