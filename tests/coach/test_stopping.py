import os
from mmap import mmap

import pytest

from coach import stopping


@pytest.fixture(autouse=True)
def _own_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_flag", mmap(stopping.ANONYMOUS, 1))


def test_work_goes_on_until_it_is_to_stop() -> None:
    stopping.checkpoint()
    assert not stopping.is_on()

    stopping.begin()
    stopping.begin()

    assert stopping.is_on()
    with pytest.raises(stopping.Stopping):
        stopping.checkpoint()


def test_child_that_was_forked_before_hears_of_it_too() -> None:
    asks, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(asks, 1)
        os._exit(7 if stopping.is_on() else 0)

    stopping.begin()
    os.write(told, b"x")
    _, status = os.waitpid(child, 0)
    os.close(asks)
    os.close(told)

    assert os.waitstatus_to_exitcode(status) == 7
