"""How fast, how small and how right the Apple Health import is: python -m bench.apple_health

Makes exports of 1 and 4 GB with their answers, reads them to daily values, and imports them to
committed rows, beside what no Python reader of the same zip can beat (inflating it, expat with
nobody listening) and beside healthkit-to-sqlite from the package index, which stores all rows where
we keep days. Each in a process of its own, start included, except that rows are counted from the
moment the file is there. The best of three, and one of what is larger than 2 GB. Exit status 1 if
any value differs from the answers; the goals are those of a 790-day export. BENCH_SMALL=1 is quick
and judges nothing.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.parsers import expat
from zoneinfo import ZoneInfo

from connections.providers.apple_health import read_export
from tests.connections.providers.health_answers import differences, value_count

GENERATOR = Path(__file__).parent.parent / "tests" / "make_export.py"
VAR = Path(__file__).parent.parent / "var" / "bench"
IS_SMALL = bool(os.environ.get("BENCH_SMALL"))
PEER = "healthkit-to-sqlite"
PEER_VERSION = "1.0.1"
MEMORY_DISK = Path("/dev/shm")
CHUNK_BYTES = 256 * 1024
SHOWN_DIFFERENCES = 20
LONGEST_INSTALL_S = 120

FASTEST_MB_PER_S, EXPAT_MB_PER_S, TIMES_OURS = 250, 75, 7
SMALLEST_JUDGED_BYTES = 1e9
LARGE_BYTES = 2e9


@dataclass(frozen=True)
class Measured:
    xml_bytes: int
    cpu_s: float
    peak_mb: float
    values: int = 0
    differences: list[str] = field(default_factory=list)
    rows: int = 0
    again_s: float = 0.0

    @property
    def xml_mb(self) -> float:
        return self.xml_bytes / 1e6

    @property
    def mb_per_s(self) -> float:
        return self.xml_mb / self.cpu_s


def main() -> int:
    arguments = parsed_arguments()
    if arguments.measure:
        print(json.dumps(vars(MEASUREMENTS[arguments.measure](arguments.file))))
        return 0
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        peer = None if arguments.no_peer else installed_peer(VAR / f"{PEER}-{PEER_VERSION}")
        for days in arguments.days:
            export = Path(folder) / "export.zip"
            different += compared(export, days, peer, arguments.best_of)
    return 1 if different else 0


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    days_help = "790 days are 1.1 GB of XML, 2980 are 4.1 GB; several are measured in turn"
    days = [60] if IS_SMALL else [790, 2980]
    times = 1 if IS_SMALL else 3
    parser.add_argument("--days", type=int, nargs="+", default=days, help=days_help)
    parser.add_argument("--best-of", type=int, default=times, help="other work disturbs CPU times")
    parser.add_argument("--no-peer", action="store_true", help=f"leave {PEER} out")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compared(export: Path, days: int, peer: Path | None, times: int) -> int:
    """Prints a row for each, and tells how many values differ from the answers."""
    # In a process of its own too: what a parent holds counts as the peak of its children.
    generate = [str(GENERATOR), "--days", str(days), "--out", str(export)]
    subprocess.run([sys.executable, *generate], check=True)
    heading = f"{'':30}{'XML MB':>7}{'CPU s':>8}{'MB/s':>7}{'peak MB':>9}  {'differences':17}goal"
    print(f"\n{heading}", flush=True)
    rows: dict[str, Measured] = {}
    for name, measure in measurements(export, peer).items():
        is_large = any(row.xml_bytes > LARGE_BYTES for row in rows.values())
        rows[name] = best(1 if is_large else times, measure)
        print_row(name, rows[name], goal(name, rows))
    return sum(len(measured.differences) for measured in rows.values())


def measurements(export: Path, peer: Path | None) -> dict[str, Callable[[], Measured]]:
    measures: dict[str, Callable[[], Measured]] = {
        name: partial(in_own_process, name, export)
        for name in MEASUREMENTS
        if name != TO_SERVER or os.environ.get("DATABASE_URL")
    }
    if peer is not None:
        measures[PEER] = partial(measure_peer, peer, export)
    return measures


def best(times: int, measure: Callable[[], Measured]) -> Measured:
    return min((measure() for _ in range(times)), key=lambda measured: measured.cpu_s)


def in_own_process(name: str, export: Path) -> Measured:
    command = [sys.executable, "-m", "bench.apple_health", "--measure", name]
    kept = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    done = subprocess.run(
        [*command, "--file", str(export)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=None if name == TO_SERVER else kept,
    )
    return Measured(**json.loads(done.stdout))


def print_row(name: str, measured: Measured, reached: str) -> None:
    checked = f"{len(measured.differences)} of {measured.values:,}" if measured.values else ""
    print(
        f"{name:30}{measured.xml_mb:7.0f}{measured.cpu_s:8.2f}{measured.mb_per_s:7.0f}"
        f"{measured.peak_mb:9.0f}  {checked:17}{reached}",
        flush=True,
    )
    for difference in measured.differences[:SHOWN_DIFFERENCES]:
        print(f"  {difference}")


def goal(name: str, rows: dict[str, Measured]) -> str:
    measured = rows[name]
    if name == OURS:
        most_mb = 64 if measured.xml_bytes < 2e9 else 128
        reached = {
            f"{FASTEST_MB_PER_S} MB/s": measured.mb_per_s >= FASTEST_MB_PER_S,
            f"under {most_mb} MB": measured.peak_mb < most_mb,
        }
    elif name in {TO_SQLITE, TO_SERVER}:
        return f"{measured.rows:,} rows; the same again {measured.again_s:.2f} s"
    elif name == OURS_BY_EXPAT:
        reached = {f"{EXPAT_MB_PER_S} MB/s": measured.mb_per_s >= EXPAT_MB_PER_S}
    elif name == PEER:
        times = measured.cpu_s / rows[OURS].cpu_s
        reached = {f"{TIMES_OURS} times ours ({times:.1f})": times >= TIMES_OURS}
    else:
        return ""
    return "; ".join(verdict(what, is_reached, measured) for what, is_reached in reached.items())


def verdict(what: str, is_reached: bool, measured: Measured) -> str:
    """Where starting a program counts for much, a goal is shown and not judged."""
    if measured.xml_bytes < SMALLEST_JUDGED_BYTES:
        return what
    return f"{what}: {'ok' if is_reached else 'MISSED'}"


def measure_ours(export: Path, *, takes_runs: bool = True) -> Measured:
    zone = ZoneInfo("America/Los_Angeles")
    seen_bytes = 0

    def on_progress(_read_bytes: int, total_bytes: int) -> None:
        nonlocal seen_bytes
        seen_bytes = total_bytes

    read = read_export(export, zone, on_progress, takes_runs=takes_runs)
    measured = usage(seen_bytes)
    answers: dict[str, Any] = json.loads(
        Path(f"{export}.expected.json").read_text(encoding="utf-8")
    )
    return Measured(**measured, values=value_count(answers), differences=differences(read, answers))


def measure_ours_by_expat(export: Path) -> Measured:
    return measure_ours(export, takes_runs=False)


def measure_rows(export: Path) -> Measured:
    from bench import apple_rows  # noqa: PLC0415  the others do without Django

    return Measured(**vars(apple_rows.imported(export)))


def measure_inflating(export: Path) -> Measured:
    with zipfile.ZipFile(export) as archive, archive.open(largest(archive)) as member:
        xml_bytes = 0
        while chunk := member.read(CHUNK_BYTES):
            xml_bytes += len(chunk)
    return Measured(**usage(xml_bytes))


def measure_expat(export: Path) -> Measured:
    parser = expat.ParserCreate()
    with zipfile.ZipFile(export) as archive, archive.open(largest(archive)) as member:
        xml_bytes = 0
        while chunk := member.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
            xml_bytes += len(chunk)
        parser.Parse(b"", True)
    return Measured(**usage(xml_bytes))


INFLATING, OURS, OURS_BY_EXPAT = "inflating the zip", "ours", "ours, all by expat"
TO_SQLITE, TO_SERVER = "ours, to rows in SQLite", "ours, to rows at DATABASE_URL"
MEASUREMENTS = {
    INFLATING: measure_inflating,
    "expat, no handlers": measure_expat,
    OURS: measure_ours,
    OURS_BY_EXPAT: measure_ours_by_expat,
    TO_SQLITE: measure_rows,
    TO_SERVER: measure_rows,
}


def largest(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    return max(archive.infolist(), key=lambda member: member.file_size)


def usage(xml_bytes: int) -> dict[str, Any]:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    return {"xml_bytes": xml_bytes, "cpu_s": time.process_time(), "peak_mb": peak_mb}


def installed_peer(folder: Path) -> Path | None:
    """The program in an environment of its own, or None after telling why not."""
    if (folder / "bin" / PEER).exists():
        return folder / "bin" / PEER
    try:
        venv.create(folder, with_pip=True)
        install = [str(folder / "bin" / "pip"), "install", "--quiet", f"{PEER}=={PEER_VERSION}"]
        subprocess.run(
            install, check=True, capture_output=True, text=True, timeout=LONGEST_INSTALL_S
        )
    except subprocess.SubprocessError as error:
        told = str(getattr(error, "stderr", None) or error).strip().splitlines()
        print(f"{PEER} is left out, since it could not be installed: {told[-1]}")
        return None
    return folder / "bin" / PEER


def measure_peer(peer: Path, export: Path) -> Measured:
    """Its database lies in memory where there is a disk in memory, so that no disk is measured."""
    where = MEMORY_DISK if MEMORY_DISK.is_dir() else export.parent
    with tempfile.TemporaryDirectory(dir=where) as folder:
        started = subprocess.Popen(
            [peer, export, Path(folder) / "health.db"], stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        sys.exit(f"{PEER} ended with status {started.returncode}.")
    with zipfile.ZipFile(export) as archive:
        xml_bytes = largest(archive).file_size
    return Measured(xml_bytes, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
