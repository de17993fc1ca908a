"""The broker of the embedded default: a folder in which each message appears as a whole.

kombu writes a message, and the table of who listens, under their final names: a worker that looks
at that moment reads half of it, and ends. Here they are written beside and moved into place.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "folder"


class Channel(filesystem.Channel):
    def _put(self, queue: Any, payload: Any, **_: Any) -> None:  # type: ignore[override]
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        appear(Path(self.data_folder_out) / name, dumps(payload))

    def _queue_bind(
        self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None
    ) -> None:
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]
        bound = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self.control_folder.mkdir(exist_ok=True)
        with alone(self.control_folder):
            known = self.get_table(exchange)
            if bound not in known:
                appear(file, dumps([bound, *known]))


class Transport(filesystem.Transport):
    Channel = Channel


def appear(file: Path, text: str) -> None:
    """Under its name a file is whole, or not there; the other name no reader looks for."""
    new = file.with_name(f"{file.name}.{uuid4().hex}.new")
    new.write_text(text)
    new.replace(file)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Of processes that add to one table, one after the other does."""
    with (folder / "table.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def register() -> None:
    """Make the scheme known to kombu."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
