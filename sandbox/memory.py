"""What the stand-ins remember between requests, in a cache folder that all processes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.core.files import locks


def recall(key: str) -> Any:
    return caches["sandbox"].get(key)


def remember(key: str, value: object, *, seconds: int | None = None) -> None:
    caches["sandbox"].set(key, value, timeout=seconds)


def forget(key: str) -> None:
    caches["sandbox"].delete(key)


@contextmanager
def alone() -> Iterator[None]:
    """One thread of one process at a time, for what is read and written in one step.

    Not to be entered twice by the same thread: it would wait for itself.
    """
    folder = Path(caches.settings["sandbox"]["LOCATION"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        locks.lock(held, locks.LOCK_EX)
        try:
            yield
        finally:
            locks.unlock(held)
