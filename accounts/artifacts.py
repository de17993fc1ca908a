"""Files we keep: one key layout, one retention tag each, on whatever storage is configured."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from storages.backends.s3 import S3Storage

from accounts import tombstones
from accounts.models import Artifact, User

KEPT_FOR = {
    Artifact.Retention.REASONING: timedelta(days=180),
    Artifact.Retention.EXPORT: timedelta(hours=24),
}
EXPORTS = "exports"
# A storage that is away: a bucket, or a disk.
STORAGE_ERRORS = (OSError, BotoCoreError, Boto3Error, ClientError)
BATCH = 500


# Of itself boto3 tries for minutes, and whoever stores a file holds its tester's row meanwhile: a
# bucket that is away is asked once more and left alone; who comes again is ours to say.
SOON_GIVEN_UP = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})


class ImpatientS3Storage(S3Storage):  # type: ignore[misc]
    """S3 that is given up soon; see SOON_GIVEN_UP."""

    client_config: Config

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client_config = self.client_config.merge(SOON_GIVEN_UP)


class RetentionS3Storage(ImpatientS3Storage):
    """S3 with a retention tag on every object, so that the bucket's lifecycle can expire it."""

    def get_object_parameters(self, name: str) -> dict[str, str]:
        retention = tombstones.TAG if tombstones.is_key(name) else retention_of(name).value
        tag = urlencode({"retention": retention})
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


def stored() -> Iterator[tuple[str, datetime]]:
    """Each file of an account that the storage holds, with or without a row: key, last written."""
    storage = storages["default"]
    if isinstance(storage, S3Storage):
        # A thousand a request; folder by folder would be one request for each morning.
        for found in storage.bucket.objects.all():
            if found.key.partition("/")[0].isdigit():
                yield found.key, found.last_modified
        return
    for top in sorted(_folders_at_the_top()):
        for path, is_folder in _below(top):
            if not is_folder:
                yield path, storage.get_modified_time(path)


def _folders_at_the_top() -> list[str]:
    try:
        return [name for name in default_storage.listdir("")[0] if name.isdigit()]
    except FileNotFoundError:
        return []


def without_row() -> Iterator[tuple[str, datetime]]:
    """Files the database does not know: after a restore, what was stored since the backup."""
    everything = stored()
    while batch := dict(islice(everything, BATCH)):
        known = set(Artifact.objects.filter(key__in=batch).values_list("key", flat=True))
        yield from ((key, at) for key, at in batch.items() if key not in known)


def adopt(key: str, owner: User, written_at: datetime) -> None:
    """Give a file its row back: it goes on the day it would have gone."""
    retention = retention_of(key)
    with default_storage.open(key) as content:
        facts = {"size_bytes": content.size, "sha256": _sha256(content)}
    Artifact.objects.get_or_create(
        key=key,
        defaults={
            "user": owner,
            "retention": retention,
            "expires_at": written_at + KEPT_FOR[retention],
            **facts,
        },
    )


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
