"""Patience with a database that is away for a moment: what was paid for is not lost over that."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

Result = TypeVar("Result")
# A server that is restarted is back in less than a minute.
PAUSES_S = (0.1, 0.4, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 16.5)
# Where each try takes long by itself; whoever holds a lease still holds it then.
LONGEST_S = 60.0


def while_the_database_is_away(work: Callable[[], Result]) -> Result:
    """What `work` returns, tried again for a minute where the database does not answer.

    Only for work that may be done twice: it may have been committed and the answer got lost.
    Within a transaction it is tried once, for the transaction is gone.
    """
    began = time.monotonic()
    for pause_s in PAUSES_S:
        try:
            return work()
        except (InterfaceError, OperationalError):
            if connection.in_atomic_block or time.monotonic() - began > LONGEST_S:
                raise
            # Broken as it is, it would fail every query that is still to come.
            connection.close()
        time.sleep(pause_s)
    return work()
