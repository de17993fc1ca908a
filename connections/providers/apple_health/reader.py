from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from connections.providers.apple_health.archive import ExportXml, open_export
from connections.providers.apple_health.collector import Collector
from connections.providers.apple_health.export import HealthExport
from connections.providers.apple_health.walk import UnknownLine, walk
from connections.providers.apple_health.xml_bytes import root_onwards, whole_tags

PROGRESS_STEP_BYTES = 16_000_000

Progress = Callable[[int, int], None]


def read_export(
    path: Path,
    zone: ZoneInfo,
    on_progress: Progress | None = None,
    *,
    takes_runs: bool = True,
) -> HealthExport:
    """Everything a coach can use of an export, by local day in `zone`.

    Raises NotAnExport if the file as a whole cannot be trusted; single bad records are left
    out and counted. `on_progress` is told now and then the bytes of XML read, and of all.
    Without `takes_runs` expat sees every byte, for the same result in three times the time.
    """
    try:
        return _read(path, zone, on_progress, takes_runs=takes_runs)
    except UnknownLine:  # the file is damaged, and the message tells where
        return _read(path, zone, on_progress, takes_runs=False)


def _read(
    path: Path, zone: ZoneInfo, on_progress: Progress | None, *, takes_runs: bool
) -> HealthExport:
    collector = Collector(zone)
    with open_export(path) as xml:
        chunks = xml.chunks if on_progress is None else reported(xml, on_progress)
        walk(whole_tags(root_onwards(chunks)), collector, takes_runs=takes_runs)
    return collector.result()


def reported(xml: ExportXml, on_progress: Progress) -> Iterator[bytes]:
    read_bytes = told_bytes = 0
    for chunk in xml.chunks:
        yield chunk
        read_bytes += len(chunk)
        if read_bytes - told_bytes >= PROGRESS_STEP_BYTES or read_bytes == xml.total_bytes:
            on_progress(read_bytes, xml.total_bytes)
            told_bytes = read_bytes
