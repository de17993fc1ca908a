"""Calls that happen at once, each on a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """What each call returned, in the order given; for tests with `transaction=True`."""
    gate = Barrier(len(calls), timeout=30)

    def through_the_gate(call: Callable[[], Result]) -> Result:
        try:
            gate.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(through_the_gate, calls))
