import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kombu.transport import virtual

from lanterne import folder_broker
from lanterne.celery import app

PAYLOAD = "x" * 200_000


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    folder_broker.register()
    (tmp_path / "queue").mkdir()
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    return Connection("folder://localhost", transport_options=options)


def channel_of(connection: Connection) -> Any:
    return connection.default_channel


def test_message_comes_back_whole(connection: Connection, tmp_path: Path) -> None:
    with connection.SimpleQueue("letters") as queue:
        queue.put({"said": PAYLOAD})
        message = queue.get(timeout=5)
        message.ack()

    assert message.payload == {"said": PAYLOAD}
    assert list((tmp_path / "queue").iterdir()) == []


def test_reader_never_sees_half_a_message(connection: Connection) -> None:
    """Of kombu's own folder a reader that looks often enough does."""
    count, reader, writer = 60, channel_of(connection), channel_of(connection.clone())
    read: list[int] = []

    def write() -> None:
        for number in range(count):
            writer._put("letters", {"number": number, "said": PAYLOAD})

    thread = threading.Thread(target=write)
    thread.start()
    while len(read) < count:
        with suppress(Empty):
            read.append(reader._get("letters")["number"])
    thread.join()

    assert sorted(read) == list(range(count))


def test_names_under_which_something_is_written_are_read_by_nobody(tmp_path: Path) -> None:
    seen: list[str] = []
    original = Path.replace

    def look(self: Path, target: Path) -> Path:
        seen.extend(path.name.partition(".")[2] for path in tmp_path.iterdir())
        return original(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", look)
        folder_broker.appear(tmp_path / "1_a.letters.msg", "{}")

    (name,) = seen
    assert name != "letters.msg"
    assert name.endswith(".new")


def test_tables_that_two_add_to_at_once_hold_both(connection: Connection) -> None:
    def bind(name: str) -> None:
        channel_of(connection.clone())._queue_bind("letters", name, "", name)

    threads = [threading.Thread(target=bind, args=[f"queue{n}"]) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    table = channel_of(connection).get_table("letters")
    assert sorted(row.queue for row in table) == sorted(f"queue{n}" for n in range(20))


def test_service_without_a_redis_uses_it() -> None:
    if app.conf.broker_url.startswith("redis"):
        pytest.skip("this run has a Redis")
    with app.connection_for_write() as link:
        assert isinstance(link.transport, folder_broker.Transport)
        assert isinstance(link.default_channel, virtual.Channel)
