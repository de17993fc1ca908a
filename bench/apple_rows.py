"""From the zip to committed rows, in a database of its own that is dropped afterwards.

The database is SQLite in a folder, or another one that DATABASE_URL names; what its server computes
in a process of its own is not counted.
"""

import json
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.utils import timezone


@dataclass(frozen=True)
class Imported:
    """`again_s` is what the same export costs a second time, when nothing of it is new."""

    cpu_s: float
    again_s: float
    peak_mb: float
    xml_bytes: int
    rows: int
    values: int
    differences: list[str]


def imported(export: Path) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DEBUG": "1", "SANDBOX": "1", "VAR_DIR": folder, "LOG_LEVEL": "WARNING"}
        os.environ.update(settings, DJANGO_SETTINGS_MODULE="lanterne.settings")
        django.setup()
        return in_own_database(export)


def in_own_database(export: Path) -> Imported:
    from django.db import connection  # noqa: PLC0415  only now are there settings

    name = connection.settings_dict["NAME"]
    # SQLite's would be in memory, and a server's could be that of somebody's tests.
    connection.settings_dict["TEST"]["NAME"] = f"{name}_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        return measured(export)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def measured(export: Path) -> Imported:
    from accounts.models import User  # noqa: PLC0415
    from tests.connections.kept_answers import differences, value_count  # noqa: PLC0415

    tester = User.objects.create_user(
        "bench@example.org", timezone="America/Los_Angeles", health_consent_at=timezone.now()
    )
    begun_s = time.process_time()
    upload = through_the_service(tester, export)
    first_s = time.process_time()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    through_the_service(tester, export)
    answers: dict[str, Any] = json.loads(
        Path(f"{export}.expected.json").read_text(encoding="utf-8")
    )
    return Imported(
        cpu_s=first_s - begun_s,
        again_s=time.process_time() - first_s,
        peak_mb=peak_mb,
        xml_bytes=upload.bytes_total,
        rows=tester.nights.count() + tester.samples.count() + tester.rides.count(),
        values=value_count(answers),
        differences=differences(tester, answers),
    )


def through_the_service(tester: Any, export: Path) -> Any:
    from django.core.files.base import File  # noqa: PLC0415

    from connections import apple_uploads  # noqa: PLC0415

    with export.open("rb") as stream:
        upload = apple_uploads.keep_file(tester, export.name, File(stream))
    apple_uploads.run_import(upload.pk)
    upload.refresh_from_db()
    if upload.error:
        raise SystemExit(upload.error)
    return upload
