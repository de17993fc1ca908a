"""Whether this worker is to stop: what has not been paid for is handed back then, not begun.

One byte that a process shares with the children it has forked, set once and never taken back. No
lock, so that a signal can set it wherever it comes in between.
"""

from mmap import mmap

ANONYMOUS = -1
_flag = mmap(ANONYMOUS, 1)


class Stopping(Exception):
    """This worker takes up nothing more; another one goes on with it."""


def begin() -> None:
    _flag[0] = 1


def is_on() -> bool:
    return _flag[0] == 1


def checkpoint() -> None:
    """Between two slow steps; raises Stopping."""
    if is_on():
        raise Stopping
