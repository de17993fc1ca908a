"""An Apple Health upload's way: received, claimed by one worker, read, kept, removed."""

import uuid
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from celery import current_app
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import privacy
from accounts.models import User
from connections import apple_rows, incoming
from connections.models import AppleHealthUpload
from connections.providers.apple_health import HealthExport, NotAnExport, read_export
from connections.rows import keep_nights, keep_rides, keep_samples

IMPORT = "connections.import_apple_health"
SUFFIX = ".upload"
# Long enough for the attempts to outlast an hour without the storage.
OUT_OF_REACH_FOR = timedelta(minutes=15)

NO_ROOM = (
    "The file could not be stored on our side, most likely because the disk is full. "
    "What was imported before is still there; please send the file again in an hour."
)
UNFINISHED = (
    "An export of yours is being imported already. Wait until it is through, or cancel it, "
    "then send this one."
)
FINISHED = "This import is finished already, so there is nothing to cancel."

Status = AppleHealthUpload.Status


class LostLease(Exception):
    """Another worker has taken this upload over, or its tester has cancelled or deleted it."""


class NotReceived(Exception):
    """The file could not be stored; the message is for the tester."""


class AnotherUnfinished(Exception):
    """One import of a tester at a time; the message is for them."""


class AlreadyFinished(Exception):
    """There is nothing to cancel any more; the message is for the tester."""


def receive(user: User, upload: File[bytes]) -> AppleHealthUpload:
    """Put an uploaded file where the worker finds it, and have it read.

    Raises privacy.NotAllowed, AnotherUnfinished and NotReceived.
    """
    privacy.require_consent(user.pk)
    row = keep_file(user, upload.name or "export", upload)
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(lambda: publish(row), robust=True)
    return row


def refuse_another(user: User) -> None:
    """Best before a file is sent; raises AnotherUnfinished."""
    if user.apple_uploads.unfinished().exists():
        raise AnotherUnfinished(UNFINISHED)


def keep_file(user: User, name: str, content: File[bytes]) -> AppleHealthUpload:
    """Store a file with its row; raises AnotherUnfinished and NotReceived."""
    refuse_another(user)
    try:
        stored_name = incoming.put(content, SUFFIX)
    except incoming.NoRoom as error:
        raise NotReceived(NO_ROOM) from error
    try:
        with transaction.atomic():
            return AppleHealthUpload.objects.create(
                user=user,
                file_name=Path(name).name[:200],
                stored_name=stored_name,
                size_bytes=content.size,
            )
    except IntegrityError as error:  # two at the same moment
        incoming.remove(stored_name)
        raise AnotherUnfinished(UNFINISHED) from error


def publish(row: AppleHealthUpload) -> None:
    current_app.send_task(IMPORT, args=[str(row.pk)])


def cancel(upload: AppleHealthUpload, now: datetime) -> None:
    """Stop an import and remove its file; what was imported before stays.

    A worker that is at it finds out when it next tells how far it is, and keeps nothing.
    Raises AlreadyFinished.
    """
    if not upload.cancel(now):
        raise AlreadyFinished(FINISHED)
    incoming.remove(upload.stored_name)


def run_import(upload_id: uuid.UUID) -> None:
    """Read one upload if nobody else is; what is wrong with the file is told on its row."""
    upload = AppleHealthUpload.objects.filter(pk=upload_id).first()
    if upload is None or not upload.claim(timezone.now()):
        return
    try:
        _read(upload)
    except LostLease:
        return
    except incoming.OutOfReach:
        _write(upload, lease_until=timezone.now() + OUT_OF_REACH_FOR)
        raise
    incoming.remove(upload.stored_name)


def _read(upload: AppleHealthUpload) -> None:
    if upload.attempts > AppleHealthUpload.MOST_ATTEMPTS:
        _fail(upload, "Reading this export broke off several times. Export again and send that.")
        return
    tell = Progress(upload)
    try:
        privacy.require_consent(upload.user_id)
        with incoming.at_hand(upload.stored_name, partial(tell, 0, 0)) as path:
            export = read_export(path, upload.user.zone, tell)
        keep(upload, export)
    except (NotAnExport, privacy.NotAllowed) as error:
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
        privacy.require_consent_for_now(user.pk)
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
        incoming.remove(upload.stored_name)


def remove_leftovers(now: datetime) -> None:
    waiting = set(AppleHealthUpload.objects.unfinished().values_list("stored_name", flat=True))
    incoming.remove_leftovers(SUFFIX, waiting, now)


class Progress:
    """Tells the page how far the reading is, and keeps the lease while it goes on.

    Raises LostLease.
    """

    EVERY = timedelta(seconds=1)

    def __init__(self, upload: AppleHealthUpload) -> None:
        self.upload = upload
        self.last = timezone.now() - self.EVERY

    def __call__(self, done: int, total: int) -> None:
        now = timezone.now()
        is_read = 0 < total == done
        if now - self.last < self.EVERY and not is_read:
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
