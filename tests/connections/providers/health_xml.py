"""Small exports written by hand, for the cases a generator does not think of."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from connections.providers.apple_health import HealthExport, read_export

LOS_ANGELES = ZoneInfo("America/Los_Angeles")

WATCH = "Sam’s Apple\u00a0Watch"
PHONE = "Sam’s iPhone"

PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n]>\n'
EXPORT_DATE = '<ExportDate value="2024-06-01 09:00:00 -0700"/>'


def element(name: str, children: Sequence[str] = (), **attributes: str | None) -> str:
    given = "".join(
        f" {key}={quoteattr(value)}" for key, value in attributes.items() if value is not None
    )
    return f"<{name}{given}>{''.join(children)}</{name}>\n"


def record(
    kind: str,
    start: str,
    value: str | None,
    unit: str | None = None,
    *,
    end: str | None = None,
    source: str | None = WATCH,
    children: Sequence[str] = (),
    **more: str,
) -> str:
    """Times without an offset are those of California in winter."""
    return element(
        "Record",
        children,
        type=f"HKQuantityTypeIdentifier{kind}",
        sourceName=source,
        startDate=moment(start),
        endDate=moment(start if end is None else end),
        value=value,
        unit=unit,
        **more,
    )


def sleep(stage: str, start: str, end: str, source: str = WATCH) -> str:
    return element(
        "Record",
        type="HKCategoryTypeIdentifierSleepAnalysis",
        sourceName=source,
        startDate=moment(start),
        endDate=moment(end),
        value=f"HKCategoryValueSleepAnalysis{stage}",
    )


def workout(
    start: str,
    end: str,
    *children: str,
    kind: str = "Cycling",
    source: str | None = WATCH,
    **more: str,
) -> str:
    return element(
        "Workout",
        children,
        workoutActivityType=f"HKWorkoutActivityType{kind}",
        sourceName=source,
        startDate=moment(start),
        endDate=moment(end),
        **more,
    )


def statistic(kind: str, **attributes: str) -> str:
    return element("WorkoutStatistics", type=f"HKQuantityTypeIdentifier{kind}", **attributes)


def metadata(key: str, value: str) -> str:
    return element("MetadataEntry", key=key, value=value)


def moment(text: str) -> str:
    return f"{text} -0800" if len(text) == len("2024-01-10 12:00:00") else text


def export_xml(*elements: str, prolog: str = PROLOG, export_date: str = EXPORT_DATE) -> bytes:
    body = f'<HealthData locale="en_US">{export_date}\n{"".join(elements)}</HealthData>\n'
    return (prolog + body).encode()


def read_bytes(tmp_path: Path, content: bytes, zone: ZoneInfo = LOS_ANGELES) -> HealthExport:
    path = tmp_path / "upload"
    path.write_bytes(content)
    return read_export(path, zone)


def read(tmp_path: Path, *elements: str, zone: ZoneInfo = LOS_ANGELES) -> HealthExport:
    return read_bytes(tmp_path, export_xml(*elements), zone)


def zipped(
    path: Path, members: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path
