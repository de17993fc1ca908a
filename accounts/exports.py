"""A tester's copy of all we keep of them: asked for on a page, made by a worker, kept a day."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from allauth.account.adapter import get_adapter
from celery import current_app
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import artifacts, audit, belongings
from accounts.export_words import WORDS
from accounts.models import Artifact, AuditEvent, DataExport, User

MAKE = "accounts.export"
# Longer than the task may run; a worker that was killed holds an export no longer.
LEASE = timedelta(minutes=12)
TIME_LIMIT_S = 600
MOST_ATTEMPTS = 3
CHUNK = 500
COPIED_AT_ONCE = 1024 * 1024

State = DataExport.State


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the copy, as the README tells it."""

    name: str
    what: str
    rows: int
    left_out: list[str]


def ask(user: User, request: HttpRequest | None, now: datetime) -> DataExport:
    """Have a copy made; the one that is under way already is found again."""
    with transaction.atomic():
        export, is_new = DataExport.objects.get_or_create(
            user=user, state=State.WAITING, defaults={"asked_at": now}
        )
        if is_new:
            audit.record(AuditEvent.Kind.EXPORTED, user=user, request=request)
            transaction.on_commit(lambda: publish(export), robust=True)
    return export


def publish(export: DataExport) -> None:
    current_app.send_task(MAKE, args=[str(export.pk)])


def claimable(now: datetime) -> QuerySet[DataExport]:
    """Copies that wait, or whose worker was killed."""
    return DataExport.objects.filter(state=State.WAITING).filter(
        Q(lease_until=None) | Q(lease_until__lt=now)
    )


def make(export_id: Any, now: datetime) -> None:
    """Make one copy if nobody else is at it, and write to its owner."""
    export = _claim(export_id, now)
    if export is None:
        return
    if export.attempts > MOST_ATTEMPTS:
        _held(export).update(state=State.FAILED, lease_until=None)
        return
    with tempfile.TemporaryFile(suffix=".zip") as out:
        write(export.user, out, now)
        _keep(export, File(out), now)


def write(user: User, out: IO[bytes], now: datetime) -> None:
    """Everything of an account as a zip; a few rows, or a piece of a file, in memory at a time."""
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        parts = [_write_rows(archive, rows) for rows in belongings.rows_of(user)]
        copied, missing = _copy_files(archive, user)
        told = {
            "user": user,
            "now": now,
            "parts": [part for part in parts if part.rows],
            "empty": [part.name for part in parts if not part.rows],
            "has_files": copied > 0,
            "missing": missing,
        }
        archive.writestr("README.txt", render_to_string("accounts/export_readme.txt", told))


def latest_of(user: User, now: datetime) -> DataExport | None:
    """The newest copy, as long as there is something to say about it."""
    export = DataExport.objects.filter(user=user).first()
    if export is None or (export.expires_at is not None and export.expires_at <= now):
        return None
    return export


def purge(now: datetime) -> int:
    """Forget copies that are gone, and those that failed a week ago."""
    week_ago = now - timedelta(days=7)
    gone = Q(expires_at__lte=now) | Q(state=State.FAILED, asked_at__lt=week_ago)
    purged, _ = DataExport.objects.filter(gone).delete()
    return purged


def _claim(export_id: Any, now: datetime) -> DataExport | None:
    # Of this table alone: with a join PostgreSQL would let a second worker that waited take it too.
    taken = (
        claimable(now)
        .filter(pk=export_id)
        .update(lease_until=now + LEASE, attempts=F("attempts") + 1)
    )
    if not taken:
        return None
    mine = DataExport.objects.select_related("user").filter(pk=export_id, user__is_active=True)
    return mine.first()


def _held(export: DataExport) -> QuerySet[DataExport]:
    """The row, on condition that no later attempt has taken it over."""
    return DataExport.objects.filter(pk=export.pk, attempts=export.attempts, state=State.WAITING)


@transaction.atomic
def _keep(export: DataExport, content: File[bytes], now: datetime) -> None:
    """File, row and mail at once; nothing for an account that is gone meanwhile."""
    if not artifacts.hold(export.user_id):
        return
    expires_at = now + artifacts.KEPT_FOR[Artifact.Retention.EXPORT]
    if not _held(export).update(
        state=State.READY,
        ready_at=now,
        expires_at=expires_at,
        lease_until=None,
        size_bytes=content.size,
    ):
        return
    key = artifacts.export_key(export.user, export.pk)
    artifacts.put_file(export.user, key, content, Artifact.Retention.EXPORT)
    url = f"{settings.SITE_URL}{reverse('accounts:export', args=[export.pk])}"
    get_adapter().send_mail(
        "account/email/export_ready",
        export.user.email,
        {"user": export.user, "url": url, "expires_at": expires_at},
    )


def _write_rows(archive: zipfile.ZipFile, rows: QuerySet[Model]) -> Part:
    """One JSON file: a list with an object for each row."""
    model, count = rows.model, 0
    name = f"{model._meta.label_lower}.json"
    with archive.open(name, "w") as out:
        out.write(b"[")
        for row in rows.iterator(chunk_size=CHUNK):
            text = json.dumps(belongings.as_told(row), cls=DjangoJSONEncoder, ensure_ascii=False)
            out.write(b",\n" if count else b"\n")
            out.write(text.encode())
            count += 1
        out.write(b"\n]\n")
    return Part(name, WORDS[model._meta.label_lower], count, belongings.secrets_of(model))


def _copy_files(archive: zipfile.ZipFile, user: User) -> tuple[int, list[str]]:
    """Put every kept file into the copy: how many, and the keys of those the storage has lost."""
    copied, missing = 0, []
    for key in _kept_keys(user):
        try:
            stored = default_storage.open(key)
        except FileNotFoundError:
            missing.append(key)
            continue
        with stored, archive.open(f"files/{key.partition('/')[2]}", "w", force_zip64=True) as out:
            while chunk := stored.read(COPIED_AT_ONCE):
                out.write(chunk)
        copied += 1
    return copied, missing


def _kept_keys(user: User) -> Iterator[str]:
    kept = user.artifacts.exclude(retention=Artifact.Retention.EXPORT).order_by("key")
    yield from kept.values_list("key", flat=True).iterator(chunk_size=CHUNK)
