"""How fast, how small and how right the Apple Health reader is: python -m bench.apple_health

Makes an export of a gigabyte with its answers, reads it, and prints the reader beside what no
Python reader of the same zip can beat: inflating it, and expat with nobody listening. Each is
measured once, in a process of its own. Exit status 1 if any value differs from the answers.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any
from xml.parsers import expat
from zoneinfo import ZoneInfo

from connections.providers.apple_health import read_export
from tests.connections.providers.health_answers import differences, value_count

GENERATOR = Path(__file__).parent.parent / "tests" / "make_export.py"
CHUNK_BYTES = 256 * 1024
SHOWN_DIFFERENCES = 20

Measured = dict[str, Any]


def main() -> int:
    arguments = parsed_arguments()
    if arguments.measure:
        print(json.dumps(MEASUREMENTS[arguments.measure](arguments.file)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return compare(Path(folder) / "export.zip", arguments.days)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=790, help="790 days are about 1.1 GB of XML")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(export: Path, days: int) -> int:
    # In a process of its own too: what a parent holds counts as the peak of its children.
    generate = [str(GENERATOR), "--days", str(days), "--out", str(export)]
    subprocess.run([sys.executable, *generate], check=True)
    print(f"{'':24}{'XML MB':>8}{'CPU s':>8}{'MB/s':>8}{'RSS MB':>8}{'differences':>20}")
    different = 0
    for name in MEASUREMENTS:
        measured = in_own_process(name, export)
        print_row(name, measured)
        for difference in measured.get("differences", [])[:SHOWN_DIFFERENCES]:
            print(f"  {difference}")
        different += len(measured.get("differences", []))
    return 1 if different else 0


def in_own_process(name: str, export: Path) -> Measured:
    command = [sys.executable, "-m", "bench.apple_health", "--measure", name]
    done = subprocess.run(
        [*command, "--file", str(export)], check=True, capture_output=True, text=True
    )
    measured: Measured = json.loads(done.stdout)
    return measured


def print_row(name: str, measured: Measured) -> None:
    xml_mb = measured["xml_bytes"] / 1e6
    checked = ""
    if "values" in measured:
        checked = f"{len(measured['differences'])} of {measured['values']:,}"
    print(
        f"{name:24}{xml_mb:8.0f}{measured['cpu_s']:8.2f}{xml_mb / measured['cpu_s']:8.0f}"
        f"{measured['rss_mb']:8.0f}{checked:>20}"
    )


def measure_reader(export: Path) -> Measured:
    zone = ZoneInfo("America/Los_Angeles")
    seen_bytes = 0

    def on_progress(_read_bytes: int, total_bytes: int) -> None:
        nonlocal seen_bytes
        seen_bytes = total_bytes

    read = read_export(export, zone, on_progress)
    measured = usage(seen_bytes)
    answers = json.loads(Path(f"{export}.expected.json").read_text(encoding="utf-8"))
    return measured | {"differences": differences(read, answers), "values": value_count(answers)}


def measure_inflating(export: Path) -> Measured:
    with zipfile.ZipFile(export) as archive, archive.open(largest(archive)) as member:
        xml_bytes = 0
        while chunk := member.read(CHUNK_BYTES):
            xml_bytes += len(chunk)
    return usage(xml_bytes)


def measure_expat(export: Path) -> Measured:
    parser = expat.ParserCreate()
    with zipfile.ZipFile(export) as archive, archive.open(largest(archive)) as member:
        xml_bytes = 0
        while chunk := member.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
            xml_bytes += len(chunk)
        parser.Parse(b"", True)
    return usage(xml_bytes)


MEASUREMENTS = {
    "zlib, inflating only": measure_inflating,
    "expat, no handlers": measure_expat,
    "read_export": measure_reader,
}


def largest(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    return max(archive.infolist(), key=lambda member: member.file_size)


def usage(xml_bytes: int) -> Measured:
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    return {"xml_bytes": xml_bytes, "cpu_s": time.process_time(), "rss_mb": rss_mb}


if __name__ == "__main__":
    sys.exit(main())
