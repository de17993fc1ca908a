"""An Apple Health upload's way: received to disk, claimed by one worker, read, kept, removed."""

import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import privacy
from accounts.models import User
from connections import apple_rows
from connections.models import AppleHealthUpload
from connections.providers.apple_health import HealthExport, NotAnExport, read_export
from connections.rows import keep_nights, keep_rides, keep_samples

IMPORT = "connections.import_apple_health"
CHUNK = 1024 * 1024
# A file is here for a moment before its row is, while it is received.
RECEIVING = timedelta(hours=1)

Status = AppleHealthUpload.Status


class LostLease(Exception):
    """Another worker has taken this upload over, or its tester has deleted it."""


class NotReceived(Exception):
    """The file could not be stored; the message is for the tester."""


class NotAllowed(Exception):
    """The tester has not allowed their health data to be read; the message is for them."""


def receive(user: User, upload: File[bytes]) -> AppleHealthUpload:
    """Put an uploaded file where the worker finds it, and have it read.

    Raises NotAllowed and NotReceived.
    """
    if not privacy.may_be_read(user.pk):
        raise NotAllowed(privacy.NOT_ALLOWED)
    row = keep_file(user, upload.name or "export", upload)
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(lambda: publish(row), robust=True)
    return row


def keep_file(user: User, name: str, content: File[bytes]) -> AppleHealthUpload:
    """Copy a file into the upload folder, a piece at a time, under a name of our own."""
    stored_name = f"{uuid.uuid4().hex}.upload"
    target = path_of(stored_name)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("wb") as out:
            for chunk in content.chunks(CHUNK):
                out.write(chunk)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise NotReceived(
            "The file could not be stored on our side, most likely because the disk is full. "
            "What was imported before is still there; please send the file again in an hour."
        ) from error
    return AppleHealthUpload.objects.create(
        user=user,
        file_name=Path(name).name[:200],
        stored_name=stored_name,
        size_bytes=target.stat().st_size,
    )


def publish(row: AppleHealthUpload) -> None:
    current_app.send_task(IMPORT, args=[str(row.pk)])


def path_of(stored_name: str) -> Path:
    return Path(settings.UPLOAD_DIR) / stored_name


def run_import(upload_id: uuid.UUID) -> None:
    """Read one upload if nobody else is; what is wrong with the file is told on its row."""
    upload = AppleHealthUpload.objects.filter(pk=upload_id).first()
    if upload is None or not upload.claim(timezone.now()):
        return
    path = path_of(upload.stored_name)
    try:
        _read(upload, path)
    except LostLease:
        return
    path.unlink(missing_ok=True)


def _read(upload: AppleHealthUpload, path: Path) -> None:
    if upload.attempts > AppleHealthUpload.MOST_ATTEMPTS:
        _fail(upload, "Reading this export broke off several times. Export again and send that.")
        return
    if not privacy.may_be_read(upload.user_id):
        _fail(upload, privacy.NOT_ALLOWED)
        return
    try:
        keep(upload, read_export(path, upload.user.zone, Progress(upload)))
    except (NotAnExport, NotAllowed) as error:
        _fail(upload, str(error))
    except FileNotFoundError:
        _fail(upload, "The uploaded file is gone. Send it again.")


def keep(upload: AppleHealthUpload, export: HealthExport) -> None:
    """Write everything of an export at once, so that no half-imported day is ever seen.

    An export older than the newest one imported adds what is missing and changes nothing: its
    last day was not over yet.
    """
    user, now = upload.user, timezone.now()
    with transaction.atomic():
        if not privacy.is_allowed_for_now(user.pk):
            raise NotAllowed(privacy.NOT_ALLOWED)
        newest = user.apple_uploads.newest_import()
        is_newest = newest is None or not _is_before(export.exported_at, newest.exported_at)
        nights = keep_nights(apple_rows.nights(user, export, now), is_newest=is_newest)
        samples = keep_samples(apple_rows.samples(user, export, now), is_newest=is_newest)
        rides = keep_rides(apple_rows.rides(user, export, now), is_newest=is_newest)
        _write(
            upload,
            status=Status.DONE,
            finished_at=now,
            lease_until=None,
            bytes_read=F("bytes_total"),
            days=len(export.days),
            nights=nights,
            samples=samples,
            rides=rides,
            problems=dict(export.problems),
            exported_at=export.exported_at,
        )


def remove_files_of(user: User, now: datetime) -> None:
    """Deletion step: their uploads, the row first, so that no worker keeps what it still reads."""
    for upload in user.apple_uploads.all():
        upload.delete()
        path_of(str(upload.stored_name)).unlink(missing_ok=True)


def remove_leftovers(now: datetime) -> None:
    """Files that nobody will read: of a deleted tester, or of a server that died receiving."""
    waiting = set(AppleHealthUpload.objects.unfinished().values_list("stored_name", flat=True))
    for file in Path(settings.UPLOAD_DIR).glob("*.upload"):
        with suppress(FileNotFoundError):  # its worker has just finished
            written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            if file.name not in waiting and now - written_at > RECEIVING:
                file.unlink()


class Progress:
    """Tells the page how far the reading is, and keeps the lease while it goes on."""

    EVERY = timedelta(seconds=1)

    def __init__(self, upload: AppleHealthUpload) -> None:
        self.upload = upload
        self.last = timezone.now() - self.EVERY

    def __call__(self, done: int, total: int) -> None:
        now = timezone.now()
        if now - self.last < self.EVERY:
            return
        self.last = now
        lease_until = now + AppleHealthUpload.LEASE
        _write(self.upload, bytes_read=done, bytes_total=total, lease_until=lease_until)


def _fail(upload: AppleHealthUpload, error: str) -> None:
    _write(
        upload,
        status=Status.FAILED,
        finished_at=timezone.now(),
        lease_until=None,
        error=error[:400],
    )


def _write(upload: AppleHealthUpload, **values: Any) -> None:
    """Only for the worker whose claim was the last; raises LostLease."""
    held = AppleHealthUpload.objects.filter(
        pk=upload.pk, attempts=upload.attempts, status=Status.READING
    )
    if not held.update(**values):
        raise LostLease


def _is_before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other
