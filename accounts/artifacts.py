"""Files we keep: one key layout, one retention tag each, on whatever storage is configured."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import urlencode
from uuid import UUID

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from storages.backends.s3 import S3Storage

from accounts.models import Artifact, User

KEPT_FOR = {
    Artifact.Retention.REASONING: timedelta(days=180),
    Artifact.Retention.EXPORT: timedelta(hours=24),
}
EXPORTS = "exports"
# A storage that is away: a bucket, or a disk.
STORAGE_ERRORS = (OSError, BotoCoreError, Boto3Error, ClientError)
BATCH = 500


class RetentionS3Storage(S3Storage):  # type: ignore[misc]
    """S3 with a retention tag on every object, so that the bucket's lifecycle can expire it."""

    def get_object_parameters(self, name: str) -> dict[str, str]:
        tag = urlencode({"retention": retention_of(name).value})
        return {**super().get_object_parameters(name), "Tagging": tag}


def key_for(user: User, mission_id: UUID, local_date: date, name: str) -> str:
    return f"{user.pk}/{mission_id}/{local_date.isoformat()}/{name}"


def export_key(user: User, export_id: UUID) -> str:
    return f"{user.pk}/{EXPORTS}/{export_id}.zip"


def retention_of(key: str) -> Artifact.Retention:
    """How long a file is kept, by its key alone: storage knows nothing else of it."""
    if PurePosixPath(key).parent.name == EXPORTS:
        return Artifact.Retention.EXPORT
    return Artifact.Retention.REASONING


def hold(user_id: int) -> bool:
    """Keep an account from being deleted until the transaction ends; False when it is gone.

    Whoever locks other rows of the account too takes this lock first, as the deletion does.
    """
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).exists()


def put(user: User, key: str, content: bytes, retention: Artifact.Retention) -> Artifact:
    """Store `content` under `key`; the same key again replaces the file and keeps one row."""
    return put_file(user, key, ContentFile(content), retention)


@transaction.atomic
def put_file(user: User, key: str, content: File[bytes], retention: Artifact.Retention) -> Artifact:
    """Store a file of any size; raises User.DoesNotExist, and stores nothing, without its owner.

    Foreign keys are checked at the commit only, when the file would be there already.
    """
    if not hold(user.pk):
        raise User.DoesNotExist
    artifact, _ = Artifact.objects.update_or_create(
        key=key,
        defaults={
            "user": user,
            "retention": retention,
            "size_bytes": content.size,
            "sha256": _sha256(content),
            "expires_at": timezone.now() + KEPT_FOR[retention],
        },
    )
    default_storage.save(key, content)
    return artifact


def read(artifact: Artifact) -> bytes:
    with default_storage.open(artifact.key) as stored:
        return bytes(stored.read())


def purge(now: datetime) -> int:
    """Delete what is kept no longer, the file before its row; how many there were."""
    purged = 0
    while batch := list(expired(now)[:BATCH]):
        for artifact in batch:
            default_storage.delete(artifact.key)
            artifact.delete()
        purged += len(batch)
    return purged


def expire(user: User, subject: UUID, now: datetime) -> int:
    """Have the next purge delete what was kept about one mission or draft; how many files."""
    about = Artifact.objects.filter(user=user, key__startswith=f"{user.pk}/{subject}/")
    return about.filter(expires_at__gt=now).update(expires_at=now)


def expired(now: datetime) -> QuerySet[Artifact]:
    return Artifact.objects.filter(expires_at__lte=now).order_by("expires_at", "pk")


def delete_all_of(user: User) -> None:
    """Every file of an account, also those that lost their row; the rows go with the account."""
    for key in user.artifacts.values_list("key", flat=True):
        default_storage.delete(key)
    folders = []
    for path, is_folder in _below(str(user.pk)):
        if is_folder:
            folders.append(path)
        else:
            default_storage.delete(path)
    for folder in [*reversed(folders), str(user.pk)]:
        default_storage.delete(folder)  # empty by now; a bucket has none, and does not mind


def _below(folder: str) -> Iterator[tuple[str, bool]]:
    """Each path below a folder, and whether it is a folder itself; a folder before its content."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        if name:
            yield f"{folder}/{name}", False
    for name in folders:
        yield f"{folder}/{name}", True
        yield from _below(f"{folder}/{name}")


def _sha256(content: File[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()
