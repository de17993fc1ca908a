"""How long to wait before something is tried again: twice as long each time, by a lot of its own.

Pure. The lot is drawn by a name and not by chance: those that failed together do not come back
together, and whoever looks twice finds the same moment.
"""

from datetime import timedelta
from zlib import crc32

FIRST = timedelta(minutes=1)
LONGEST = timedelta(hours=1)
# Up to so much of a wait is added.
JITTER = 0.25


def wait(attempts: int, seed: str) -> timedelta:
    """After so many attempts, the first being 1: a minute, doubling to an hour, and the lot."""
    return longer(doubled(attempts, FIRST, LONGEST), f"{seed} {attempts}")


def doubled(attempts: int, first: timedelta, longest: timedelta) -> timedelta:
    """The same without the lot: the first wait after one attempt, and never more than the longest.

    After ten doublings it stays: a timedelta would overflow where they go on without end.
    """
    wait: timedelta = first * 2 ** min(max(attempts - 1, 0), 10)
    return min(wait, longest)


def longer(wait: timedelta, seed: str) -> timedelta:
    """That wait, or up to a quarter more, by the lot that `seed` draws."""
    lot = crc32(seed.encode()) / 2**32
    by_lot: timedelta = wait * (1 + JITTER * lot)
    return by_lot
