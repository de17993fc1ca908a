"""Every third-party export in the folder of samples beside the repository, where there is one."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from accounts.models import User
from connections.models import AppleHealthUpload
from tests.connections.test_apple_uploads import imported

SAMPLES = django_settings.BASE_DIR.parent / "shared" / "samples" / "apple-health"

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"there is no folder {SAMPLES}"),
    pytest.mark.usefixtures("_upload_folder"),
]

# What an import of each file keeps: days, nights, samples and rides.
KEPT = {
    "alxdrcirilo/export.xml": (2, 1, 2, 0),
    "alxdrcirilo/export.zip": (2, 1, 2, 0),
    "dogsheep/export.xml": (4, 0, 0, 1),
    "dogsheep/zip_contents/apple_health_export/export.xml": (4, 0, 0, 1),
    "paulstaab/export.xml": (1, 0, 0, 1),
    "paulstaab/export.zip": (1, 0, 0, 1),
    "tagbug/example.xml": (2, 1, 1, 0),
    "tagbug/export.xml": (2, 1, 3, 0),
}


def counts(upload: AppleHealthUpload) -> tuple[int, int, int, int]:
    return upload.days, upload.nights, upload.samples, upload.rides


def test_every_sample_is_one_of_those_below() -> None:
    found = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("export.*")}

    assert found | {"tagbug/example.xml"} == KEPT.keys()


@pytest.mark.parametrize("name", KEPT)
def test_sample_is_imported(tester: User, name: str) -> None:
    upload = imported(tester, SAMPLES / name)

    assert (upload.status, upload.error) == (AppleHealthUpload.Status.DONE, "")
    assert counts(upload) == KEPT[name]
    assert (tester.nights.count(), tester.samples.count(), tester.rides.count()) == KEPT[name][1:]


def test_folder_of_a_sample_is_imported_as_a_zip_with_a_name_in_spanish(
    tester: User, tmp_path: Path
) -> None:
    folder = SAMPLES / "dogsheep" / "zip_contents" / "apple_health_export"
    with zipfile.ZipFile(tmp_path / "exportar.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*.*"):
            name = path.relative_to(folder).as_posix().replace("export.xml", "exportar.xml")
            archive.write(path, f"apple_health_export/{name}")

    assert counts(imported(tester, tmp_path / "exportar.zip")) == (4, 0, 0, 1)


def test_run_in_a_california_morning_is_filed_under_its_own_date(tester: User) -> None:
    """Written in July with July's offset; the run was in November, at 06:25 by the clock then."""
    tester.timezone = "America/Los_Angeles"
    tester.save()

    imported(tester, SAMPLES / "dogsheep" / "export.xml")

    [ride] = tester.rides.all()
    assert (ride.sport, str(ride.local_date), round(ride.distance_m or 0)) == (
        "Run",
        "2016-11-14",
        800,
    )
    assert ride.started_at.astimezone(tester.zone).hour == 6


def test_records_without_a_source_are_counted(tester: User) -> None:
    upload = imported(tester, SAMPLES / "paulstaab" / "export.zip")

    assert upload.problems == {
        "workouts with no source name": 7,
        "records with no source name": 5,
    }
    assert [ride.distance_m for ride in tester.rides.all()] == [2500.0]


def test_new_year_s_night_in_amsterdam_belongs_to_new_year_s_day(tester: User) -> None:
    tester.timezone = "Europe/Amsterdam"
    tester.save()

    imported(tester, SAMPLES / "alxdrcirilo" / "export.zip")

    [night] = tester.nights.all()
    assert (str(night.local_date), night.asleep_s) == ("2024-01-01", 750)
    assert night.started_at == datetime(2024, 1, 1, 1, 27, 53, tzinfo=UTC)
