import json
import os
import resource
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.base import ContentFile, File
from django.db import connections
from django.db.models import Model
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import apple_uploads, incoming
from connections.apple_uploads import AnotherUnfinished, LostLease, NotReceived, Progress
from connections.models import AppleHealthUpload, DailySample, Night, Ride
from connections.providers.apple_health import read_export, reader
from connections.rows import keep_rides
from connections.tasks import import_apple_health
from tests import factories
from tests.connections.kept_answers import differences, value_count
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("_upload_folder")

GENERATOR = Path(__file__).parent.parent / "make_export.py"
DAYS = 40
Status = AppleHealthUpload.Status


def generated(folder: Path, *options: str) -> Path:
    out = folder / "export.zip"
    command = [sys.executable, str(GENERATOR), "--tz", "Europe/Paris", "--scale", "0.05"]
    command += ["--days", str(DAYS), "--out", str(out), *options]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty days, with the answers beside it."""
    return generated(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def answers(export: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(f"{export}.expected.json").read_text())
    return told


def received(user: User, content: bytes | Path, name: str = "export.zip") -> AppleHealthUpload:
    data = content.read_bytes() if isinstance(content, Path) else content
    return apple_uploads.keep_file(user, name, ContentFile(data))


def imported(user: User, content: bytes | Path) -> AppleHealthUpload:
    upload = received(user, content)
    apple_uploads.run_import(upload.pk)
    return AppleHealthUpload.objects.get(pk=upload.pk)


def path_of(upload: AppleHealthUpload) -> Path:
    return incoming.path_of(upload.stored_name)


def xml(*elements: str, exported: str = "2026-07-01 09:00:00 +0200") -> bytes:
    body = "\n".join(elements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_FR">\n'
        f' <ExportDate value="{exported}"/>\n{body}\n</HealthData>\n'
    ).encode()


def steps(count: int, day: str = "2026-06-30") -> str:
    return (
        ' <Record type="HKQuantityTypeIdentifierStepCount" sourceName="iPhone" unit="count"'
        f' startDate="{day} 10:00:00 +0200" endDate="{day} 10:10:00 +0200" value="{count}"/>'
    )


def everything_kept(user: User) -> list[list[dict[str, Any]]]:
    """All rows but for when they were read."""
    tables: list[type[Model]] = [Night, DailySample, Ride]
    rows = [model._default_manager.filter(user=user).order_by("pk").values() for model in tables]
    return [[dict(row) | {"read_at": None} for row in table] for table in rows]


# --- Receiving ---


def test_file_is_kept_under_a_name_of_our_own(tester: User) -> None:
    upload = apple_uploads.keep_file(
        tester, "../../etc/my export.zip", ContentFile(b"a" * 3_000_000)
    )

    assert upload.file_name == "my export.zip"
    assert upload.size_bytes == 3_000_000
    assert (upload.status, upload.attempts, upload.percent) == (Status.WAITING, 0, None)
    assert path_of(upload).read_bytes() == b"a" * 3_000_000
    assert path_of(upload).parent.stat().st_mode & 0o777 == 0o700


def test_long_name_is_cut(tester: User) -> None:
    upload = received(tester, b"x", "n" * 300 + ".zip")

    assert upload.file_name == "n" * 200


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """As on a full disk: writing past this size fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_told_and_leaves_no_half_of_a_file(
    tester: User, settings: LazySettings
) -> None:
    content: File[bytes] = ContentFile(b"a" * 3_000_000)

    with files_up_to(2_000_000), pytest.raises(NotReceived, match="most likely because the disk"):
        apple_uploads.keep_file(tester, "export.zip", content)

    assert list(Path(settings.UPLOAD_DIR).iterdir()) == []
    assert not AppleHealthUpload.objects.exists()


def test_received_upload_is_published_after_the_commit(
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        upload = apple_uploads.receive(tester, ContentFile(b"x", name="export.xml"))
    assert published == []

    for callback in callbacks:
        callback()
    assert published == [("connections.import_apple_health", [str(upload.pk)])]


# --- Reading ---


def test_import_keeps_every_value_of_the_export(
    tester: User, export: Path, answers: dict[str, Any]
) -> None:
    upload = imported(tester, export)

    assert value_count(answers) > 600
    assert differences(tester, answers) == []
    assert (upload.status, upload.error, upload.attempts) == (Status.DONE, "", 1)
    assert upload.nights == tester.nights.count() > 30
    assert upload.samples == tester.samples.count() > 200
    assert upload.rides == tester.rides.count() > 20
    assert upload.days == len(answers["days"])
    assert upload.exported_at is not None
    assert f"{upload.exported_at:%Y-%m-%dT%H:%M:%SZ}" == answers["meta"]["exported_at"]
    assert upload.problems == {}
    assert (upload.bytes_read, upload.bytes_total) == (answers["meta"]["bytes"],) * 2
    assert upload.percent == 100
    assert upload.lease_until is None
    assert upload.finished_at is not None
    assert not path_of(upload).exists()


def test_import_of_the_bare_xml_keeps_the_same(
    tester: User, export: Path, answers: dict[str, Any]
) -> None:
    with zipfile.ZipFile(export) as archive:
        bare = archive.read("apple_health_export/export.xml")

    assert imported(tester, bare).status == Status.DONE
    assert differences(tester, answers) == []


def test_import_again_changes_nothing(tester: User, export: Path) -> None:
    imported(tester, export)
    before = everything_kept(tester)

    again = imported(tester, export)

    assert again.status == Status.DONE
    assert everything_kept(tester) == before


def test_longer_export_adds_what_is_new_and_no_row_twice(
    tester: User, export: Path, tmp_path: Path
) -> None:
    imported(tester, export)
    before = [[row["id"] for row in table] for table in everything_kept(tester)]
    longer = generated(tmp_path, "--days", str(DAYS + 5))

    assert imported(tester, longer).status == Status.DONE

    told = json.loads(Path(f"{longer}.expected.json").read_text())
    assert differences(tester, told) == []
    after = [[row["id"] for row in table] for table in everything_kept(tester)]
    assert [ids[: len(known)] for ids, known in zip(after, before, strict=True)] == before


def test_newer_export_corrects_a_day_that_was_not_over(tester: User) -> None:
    imported(tester, xml(steps(500), exported="2026-06-30 11:00:00 +0200"))
    imported(tester, xml(steps(9000), exported="2026-07-01 11:00:00 +0200"))

    assert [sample.value for sample in tester.samples.all()] == [9000]


def test_export_of_the_same_moment_corrects_itself(tester: User) -> None:
    imported(tester, xml(steps(500)))
    imported(tester, xml(steps(700)))

    assert [sample.value for sample in tester.samples.all()] == [700]


def test_import_ends_at_all_bytes_though_the_last_word_of_progress_was_held_back(
    tester: User, export: Path, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PROGRESS_STEP_BYTES", 1)

    with time_machine.travel(NOW, tick=False):
        upload = imported(tester, export)

    assert (upload.bytes_read, upload.bytes_total) == (answers["meta"]["bytes"],) * 2


def test_older_export_fills_gaps_and_corrects_nothing(tester: User) -> None:
    imported(tester, xml(steps(9000), exported="2026-07-01 11:00:00 +0200"))
    upload = imported(
        tester,
        xml(steps(500), steps(4000, "2026-06-29"), exported="2026-06-30 11:00:00 +0200"),
    )

    assert upload.status == Status.DONE
    assert list(tester.samples.values_list("local_date__day", "value")) == [(30, 9000), (29, 4000)]


def test_export_older_than_a_stranger_s_corrects_the_tester_s(tester: User, stranger: User) -> None:
    imported(stranger, xml(steps(1), exported="2026-07-03 11:00:00 +0200"))
    imported(tester, xml(steps(500), exported="2026-06-30 11:00:00 +0200"))
    imported(tester, xml(steps(700), exported="2026-06-30 12:00:00 +0200"))

    assert [sample.value for sample in tester.samples.all()] == [700]


def test_days_are_those_of_the_tester_s_own_zone(tester: User) -> None:
    tester.timezone = "Pacific/Auckland"
    tester.save()

    imported(tester, xml(steps(100, "2026-06-30").replace("10:", "15:")))

    assert [str(sample.local_date) for sample in tester.samples.all()] == ["2026-07-01"]


def test_problems_are_counted_and_the_rest_is_kept(tester: User) -> None:
    bad = steps(100, "2026-06-29").replace("count", "furlongs")

    upload = imported(tester, xml(steps(100), bad, bad))

    assert upload.status == Status.DONE
    assert upload.problems == {"records with an unknown unit": 2}
    assert tester.samples.count() == 1


# --- Files that are none ---


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7 not an export", "This file is not an Apple Health export."),
        (b"PK\x03\x04" + b"\x00" * 100, "The zip stops before its end"),
        (xml(steps(1)).replace(b"</HealthData>", b""), "The export stops before its end"),
        (xml("<Record <"), "The export is damaged near line"),
        (
            xml(steps(1)).replace(b"<H", b'<!DOCTYPE HealthData [<!ENTITY a "aa">]>\n<H', 1),
            "The file defines XML entities",
        ),
    ],
    ids=["empty", "pdf", "cut zip", "cut xml", "damaged", "entities"],
)
def test_wrong_file_is_told_and_earlier_data_stays(
    tester: User, content: bytes, words: str
) -> None:
    imported(tester, xml(steps(500)))
    before = everything_kept(tester)

    upload = imported(tester, content)

    assert upload.status == Status.FAILED
    assert upload.error.startswith(words)
    assert upload.finished_at is not None
    assert upload.lease_until is None
    assert everything_kept(tester) == before
    assert not path_of(upload).exists()


def test_failed_upload_is_followed_by_one_that_works(tester: User) -> None:
    assert imported(tester, b"nonsense").status == Status.FAILED
    assert imported(tester, xml(steps(500))).status == Status.DONE
    assert [sample.value for sample in tester.samples.all()] == [500]


def test_long_message_is_cut(tester: User, tmp_path: Path) -> None:
    upload = imported(tester, b"nonsense")

    assert 40 < len(upload.error) <= 400


def test_file_that_is_gone_is_told(tester: User) -> None:
    upload = received(tester, b"x")
    path_of(upload).unlink()

    apple_uploads.run_import(upload.pk)

    upload.refresh_from_db()
    assert (upload.status, upload.error) == (
        Status.FAILED,
        "The uploaded file is gone. Send it again.",
    )


# --- One worker at a time ---


def test_import_of_an_upload_that_was_deleted_does_nothing(db: None) -> None:
    import_apple_health(str(uuid.uuid4()))

    assert not DailySample.objects.exists()


def test_import_twice_reads_once(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    apple_uploads.run_import(upload.pk)
    first = AppleHealthUpload.objects.get()

    import_apple_health(str(upload.pk))

    again = AppleHealthUpload.objects.get()
    assert (again.attempts, again.finished_at) == (1, first.finished_at)


def test_import_held_by_another_worker_is_left_to_it(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    assert upload.claim(timezone.now())

    apple_uploads.run_import(upload.pk)

    held = AppleHealthUpload.objects.get()
    assert (held.status, held.attempts) == (Status.READING, 1)
    assert not tester.samples.exists()
    assert path_of(upload).exists()


def test_killed_worker_s_upload_is_finished_by_the_next_attempt(
    tester: User, export: Path, answers: dict[str, Any]
) -> None:
    upload = received(tester, export)
    with time_machine.travel(NOW, tick=False):
        assert upload.claim(NOW)
        Progress(upload)(500, 1000)
        assert not tester.samples.exists()

    with time_machine.travel(NOW + AppleHealthUpload.LEASE + timedelta(seconds=1), tick=False):
        apple_uploads.run_import(upload.pk)

    again = AppleHealthUpload.objects.get()
    assert (again.status, again.attempts) == (Status.DONE, 2)
    assert differences(tester, answers) == []


@pytest.mark.django_db(transaction=True)
def test_worker_killed_while_it_writes_leaves_no_half_of_an_export(
    export: Path, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tester = factories.tester()
    upload = received(tester, export)
    connections.close_all()
    worker = os.fork()
    if worker == 0:
        try:
            monkeypatch.setattr(
                apple_uploads, "keep_rides", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            )
            apple_uploads.run_import(upload.pk)
        finally:
            os._exit(1)  # never on as a second test runner

    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGKILL
    assert not tester.nights.exists()
    assert not tester.samples.exists()
    AppleHealthUpload.objects.update(lease_until=NOW)

    apple_uploads.run_import(upload.pk)

    again = AppleHealthUpload.objects.get()
    assert (again.status, again.attempts) == (Status.DONE, 2)
    assert differences(tester, answers) == []


def test_claim_starts_the_count_of_bytes_anew(tester: User) -> None:
    upload = received(tester, b"x")
    AppleHealthUpload.objects.update(bytes_read=50, bytes_total=100)

    assert upload.claim(NOW)

    assert (upload.bytes_read, upload.percent) == (0, 0)
    assert (upload.status, upload.attempts) == (Status.READING, 1)
    assert upload.lease_until == NOW + timedelta(minutes=5)
    assert not upload.claim(NOW + timedelta(minutes=5))
    assert upload.claim(NOW + timedelta(minutes=5, seconds=1))


def test_upload_that_breaks_off_every_time_is_given_up(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    AppleHealthUpload.objects.update(attempts=5)

    apple_uploads.run_import(upload.pk)

    upload.refresh_from_db()
    assert upload.status == Status.FAILED
    assert upload.error == (
        "Reading this export broke off several times. Export again and send that."
    )
    assert not tester.samples.exists()
    assert not path_of(upload).exists()


def test_progress_is_told_once_a_second_and_keeps_the_lease(tester: User) -> None:
    upload = received(tester, b"x")
    with time_machine.travel(NOW, tick=False) as clock:
        upload.claim(NOW)
        tell = Progress(upload)
        seen = []
        for done in (10, 20, 30):
            tell(done, 100)
            seen.append(AppleHealthUpload.objects.values_list("bytes_read", "bytes_total").get())
            clock.shift(0.6)

    assert seen == [(10, 100), (10, 100), (30, 100)]
    lease_until = AppleHealthUpload.objects.get().lease_until
    assert lease_until == NOW + timedelta(seconds=1.2) + AppleHealthUpload.LEASE


def test_lease_that_another_worker_took_stops_the_reading(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    slow = AppleHealthUpload.objects.get()
    slow.claim(NOW)
    upload.claim(NOW + timedelta(minutes=6))

    with pytest.raises(LostLease):
        Progress(slow)(10, 100)

    held = AppleHealthUpload.objects.get()
    assert (held.attempts, held.bytes_read) == (2, 0)
    assert path_of(upload).exists()


def test_worker_that_wakes_after_its_lease_writes_nothing(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    slow = AppleHealthUpload.objects.get()
    slow.claim(NOW)
    export = read_export(path_of(upload), tester.zone)
    upload.claim(NOW + timedelta(minutes=6))

    with pytest.raises(LostLease):
        apple_uploads.keep(slow, export)

    assert not tester.samples.exists()
    held = AppleHealthUpload.objects.get()
    assert (held.status, held.attempts, held.days) == (Status.READING, 2, 0)


def test_worker_that_lost_its_lease_leaves_the_file_to_the_other(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker takes over while the file is read: here at the first word of progress."""
    upload = received(tester, xml(steps(500)))

    class TakenOver(Progress):
        def __call__(self, done: int, total: int) -> None:
            AppleHealthUpload.objects.update(attempts=2)
            super().__call__(done, total)

    monkeypatch.setattr(apple_uploads, "Progress", TakenOver)
    apple_uploads.run_import(upload.pk)

    assert AppleHealthUpload.objects.get().status == Status.READING
    assert not tester.samples.exists()
    assert path_of(upload).exists()


def test_upload_deleted_with_its_tester_while_it_is_read_leaves_nothing(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = received(tester, xml(steps(500)))

    class Deleted(Progress):
        def __call__(self, done: int, total: int) -> None:
            User.objects.all().delete()
            super().__call__(done, total)

    monkeypatch.setattr(apple_uploads, "Progress", Deleted)
    apple_uploads.run_import(upload.pk)

    assert not AppleHealthUpload.objects.exists()
    assert not DailySample.objects.exists()
    later = datetime.now(UTC) + timedelta(hours=1, seconds=5)
    apple_uploads.remove_leftovers(later)
    assert not path_of(upload).exists()


def test_nothing_is_kept_when_a_part_of_it_fails(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(apple_uploads, "keep_rides", fails)
    upload = received(tester, xml(steps(500)))

    with pytest.raises(ZeroDivisionError):
        apple_uploads.run_import(upload.pk)

    assert not tester.samples.exists()
    held = AppleHealthUpload.objects.get()
    assert (held.status, held.attempts) == (Status.READING, 1)
    assert path_of(upload).exists()


# --- Cancelled while a worker is at it ---


class Cancelled(Progress):
    """Its tester cancels at the first word of progress."""

    def __call__(self, done: int, total: int) -> None:
        apple_uploads.cancel(AppleHealthUpload.objects.get(pk=self.upload.pk), NOW)
        super().__call__(done, total)


def test_import_that_is_cancelled_while_it_is_read_keeps_nothing_of_it(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(tester, xml(steps(500)))
    before = everything_kept(tester)
    monkeypatch.setattr(apple_uploads, "Progress", Cancelled)

    upload = imported(tester, xml(steps(900), steps(700, "2026-06-29")))

    assert (upload.status, upload.finished_at, upload.days) == (Status.CANCELLED, NOW, 0)
    assert everything_kept(tester) == before
    assert not path_of(upload).exists()


def test_import_that_is_cancelled_while_its_days_are_kept_keeps_none(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled_first(*rows: Any, **options: Any) -> int:
        AppleHealthUpload.objects.get().cancel(NOW)
        return keep_rides(*rows, **options)

    monkeypatch.setattr(apple_uploads, "keep_rides", cancelled_first)
    upload = received(tester, xml(steps(500)))

    apple_uploads.run_import(upload.pk)

    assert not tester.samples.exists()


def test_import_that_was_cancelled_before_a_worker_came_is_not_begun(tester: User) -> None:
    upload = received(tester, xml(steps(500)))
    apple_uploads.cancel(upload, NOW)

    import_apple_health(str(upload.pk))

    upload.refresh_from_db()
    assert (upload.status, upload.attempts, upload.error) == (Status.CANCELLED, 0, "")
    assert not tester.samples.exists()


def test_next_upload_is_imported_after_one_was_cancelled(tester: User) -> None:
    apple_uploads.cancel(received(tester, xml(steps(500))), NOW)

    assert imported(tester, xml(steps(900))).status == Status.DONE
    assert [sample.value for sample in tester.samples.all()] == [900]


# --- One of a tester at a time ---


def test_second_file_is_refused_and_not_kept_while_one_is_unfinished(
    tester: User, settings: LazySettings
) -> None:
    first = received(tester, b"first")

    with pytest.raises(AnotherUnfinished, match="is being imported already"):
        received(tester, b"second")

    assert AppleHealthUpload.objects.get() == first
    assert list(Path(settings.UPLOAD_DIR).iterdir()) == [path_of(first)]


def test_of_two_files_at_the_same_moment_one_is_taken(tester: User, settings: LazySettings) -> None:
    """The other one's row is there just before ours."""

    class Slow(ContentFile[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            received(tester, b"the other")
            return super().chunks(chunk_size)

    with pytest.raises(AnotherUnfinished):
        apple_uploads.keep_file(tester, "export.zip", Slow(b"ours"))

    other = AppleHealthUpload.objects.get()
    assert path_of(other).read_bytes() == b"the other"
    assert list(Path(settings.UPLOAD_DIR).iterdir()) == [path_of(other)]


def test_import_of_one_tester_keeps_nobody_else_from_theirs(tester: User, stranger: User) -> None:
    received(tester, b"mine")

    assert imported(stranger, xml(steps(1))).status == Status.DONE


# --- Leftovers ---


def test_leftovers_are_removed_and_what_is_needed_stays(
    tester: User, settings: LazySettings
) -> None:
    received(tester, b"d")
    AppleHealthUpload.objects.update(status=Status.DONE)
    waiting = received(tester, b"w")
    orphan, other = Path(settings.UPLOAD_DIR) / "o.upload", Path(settings.UPLOAD_DIR) / "notes.txt"
    orphan.write_bytes(b"o")
    other.write_bytes(b"not ours")

    now = datetime.now(UTC)
    apple_uploads.remove_leftovers(now + timedelta(minutes=59))
    assert orphan.exists()

    apple_uploads.remove_leftovers(now + timedelta(minutes=61))
    assert sorted(Path(settings.UPLOAD_DIR).iterdir()) == sorted([path_of(waiting), other])


def test_leftovers_of_a_folder_that_was_never_made_are_none(
    db: None, settings: LazySettings
) -> None:
    apple_uploads.remove_leftovers(NOW)

    assert not Path(settings.UPLOAD_DIR).exists()


def test_files_of_somebody_who_leaves_are_removed_and_no_other(
    tester: User, stranger: User
) -> None:
    mine = apple_uploads.keep_file(tester, "export.zip", ContentFile(b"mine"))
    theirs = apple_uploads.keep_file(stranger, "export.zip", ContentFile(b"theirs"))

    apple_uploads.remove_files_of(tester, NOW)
    apple_uploads.remove_files_of(tester, NOW)

    assert not incoming.path_of(mine.stored_name).exists()
    assert incoming.path_of(theirs.stored_name).exists()
    assert list(AppleHealthUpload.objects.all()) == [theirs]
