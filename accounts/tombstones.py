"""Which accounts were deleted, kept beside the database: a backup still has them.

One small file each in the storage, `deleted/NUMBER`, with the moments of its deletion and nothing
of the person. It stays as long as backups are kept; after a restore they are deleted again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from accounts.models import User

FOLDER = "deleted"
# For a bucket's own rule; see RetentionS3Storage.
TAG = "deleted-35d"
KEPT_FOR = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Tombstone:
    user_id: int
    moments: tuple[datetime, ...]

    def is_second_of(self, user: User) -> bool:
        """This account was deleted before, and came back with a backup.

        A number that somebody else had before says nothing.
        """
        return any(moment >= user.date_joined for moment in self.moments[:-1])

    def is_of(self, user: User) -> bool:
        """Not of somebody who registered afterwards and was given the same number."""
        return user.date_joined <= self.moments[-1]


def is_key(key: str) -> bool:
    return key.startswith(f"{FOLDER}/")


def leave(user_id: int, asked_at: datetime) -> Tombstone:
    """Write that this account is deleted; the same deletion again changes nothing."""
    before = _read(user_id)
    moments = before.moments if before else ()
    if asked_at not in moments:
        moments = (*moments, asked_at)
        lines = "\n".join(moment.isoformat() for moment in moments)
        default_storage.save(key_of(user_id), ContentFile(lines.encode()))
    return Tombstone(user_id, moments)


def every() -> Iterator[Tombstone]:
    try:
        names = default_storage.listdir(FOLDER)[1]
    except FileNotFoundError:
        return
    for name in sorted(names):
        stone = _read(int(name)) if name.isdigit() else None
        if stone is not None:
            yield stone


def purge(now: datetime) -> int:
    """Remove those that no backup can hold any more; how many."""
    old = [stone for stone in every() if stone.moments[-1] < now - KEPT_FOR]
    for stone in old:
        default_storage.delete(key_of(stone.user_id))
    return len(old)


def never_give_again(number: int) -> None:
    """Have new accounts numbered above `number`: files may lie under the numbers up to it."""
    table = User._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT setval(sequence, greatest(%s, coalesce(pg_sequence_last_value(sequence), 1)"
                ")) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence) AS found",
                [number, table],
            )
        else:
            cursor.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = %s", [number, table]
            )


def key_of(user_id: int) -> str:
    return f"{FOLDER}/{user_id}"


def _read(user_id: int) -> Tombstone | None:
    try:
        with default_storage.open(key_of(user_id)) as stored:
            lines = stored.read().decode().split()
    except FileNotFoundError:
        return None
    return Tombstone(user_id, tuple(datetime.fromisoformat(line) for line in lines))
