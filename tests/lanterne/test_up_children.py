from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings

from lanterne.management.commands import up


def child(pid: int) -> Any:
    return SimpleNamespace(process=SimpleNamespace(pid=pid))


def test_list_of_children_is_whole_whenever_it_is_read(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    up.remember([child(1), child(2)])
    broken: list[str] = []
    is_over = Event()

    def read() -> None:
        while not is_over.is_set():
            text = (tmp_path / "children.json").read_text()
            if not text.endswith("]"):
                broken.append(text)

    reader = Thread(target=read)
    reader.start()
    for pid in range(2_000):
        up.remember([child(pid), child(pid + 1)])
    is_over.set()
    reader.join()

    assert broken == []
    assert up.remembered() == [1_999, 2_000]


@pytest.mark.parametrize("left", [None, "", "[1, "])
def test_list_of_children_that_was_never_finished_names_nobody(
    settings: LazySettings, tmp_path: Path, left: str | None
) -> None:
    settings.VAR_DIR = tmp_path
    if left is not None:
        (tmp_path / "children.json").write_text(left)

    assert up.remembered() == []
