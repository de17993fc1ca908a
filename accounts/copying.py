"""The stored files copied to a folder and back: whatever the storage is, and checked by the rows.

A copy that broke off goes on where it stopped: what is there already, byte for byte, is left.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage

from accounts import tombstones
from accounts.models import Artifact, User

PART = ".part"
CHUNK_BYTES = 1024 * 1024


@dataclass(slots=True)
class Copied:
    """How it went, in files; `lost` are those that are nowhere as their row says."""

    copied: int = 0
    there: int = 0
    removed: int = 0
    lost: int = 0


def to_folder(folder: Path, *, is_trial: bool = False, prune: bool = False) -> Copied:
    """Every file that has a row, and the tombstones.

    `prune`: remove from the folder what has no row any more, as its time is over.
    """
    done, kept = Copied(), set()
    for row in Artifact.objects.order_by("pk").only("key", "sha256", "size_bytes").iterator():
        path = folder / row.key
        kept.add(path)
        if _is(path, row.sha256, row.size_bytes):
            done.there += 1
        elif is_trial:
            done.copied += 1
        else:
            done.copied += (is_whole := _fetch(row.key, path, row.sha256))
            done.lost += not is_whole
    for stone in tombstones.every():
        path = folder / tombstones.key_of(stone.user_id)
        kept.add(path)
        if not is_trial:
            _fetch(tombstones.key_of(stone.user_id), path, None)
    for path in [*_files_in(folder)] if prune else ():
        if path not in kept:
            done.removed += 1
            if not is_trial:
                path.unlink()
    return done


def from_folder(folder: Path, *, is_trial: bool = False) -> Copied:
    """Back into the storage: also files without a row, of which `after_restore` puts runs back.

    Nothing of an account that the database does not have: it may have been deleted long ago.
    """
    done, rows = Copied(), {}
    for row in Artifact.objects.only("key", "sha256", "size_bytes").iterator():
        rows[row.key] = row.sha256
    accounts = {str(pk) for pk in User.objects.values_list("pk", flat=True)}
    for path in _files_in(folder):
        key = path.relative_to(folder).as_posix()
        if not tombstones.is_key(key) and key.partition("/")[0] not in accounts:
            continue
        expected = rows.pop(key, None)
        content = _sha256_of(path)
        if expected is not None and content != expected:
            done.lost += not _is_stored(key, expected)
        elif _is_stored(key, content):
            done.there += 1
        else:
            done.copied += 1
            if not is_trial:
                _store(path, key)
    done.lost += sum(not _is_stored(key, sha256) for key, sha256 in rows.items())
    return done


def _files_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_ours = path.relative_to(folder).parts[0] == tombstones.FOLDER or (
            path.relative_to(folder).parts[0].isdigit()
        )
        if is_ours and path.is_file() and not path.name.endswith(PART):
            yield path


def _is(path: Path, sha256: str, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes and _sha256_of(path) == sha256


def _sha256_of(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _is_stored(key: str, sha256: str) -> bool:
    if not default_storage.exists(key):
        return False
    digest = hashlib.sha256()
    with default_storage.open(key) as content:
        for chunk in content.chunks(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == sha256


def _fetch(key: str, path: Path, sha256: str | None) -> bool:
    """Bring one file into the folder, whole or not at all; False when it is not what it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    digest = hashlib.sha256()
    try:
        with default_storage.open(key) as content, part.open("wb") as out:
            for chunk in content.chunks(CHUNK_BYTES):
                digest.update(chunk)
                out.write(chunk)
    except FileNotFoundError:
        part.unlink(missing_ok=True)
        return False
    if sha256 is not None and digest.hexdigest() != sha256:
        part.unlink()
        return False
    part.chmod(0o600)
    part.replace(path)
    return True


def _store(path: Path, key: str) -> None:
    with path.open("rb") as content:
        default_storage.save(key, File(content))
