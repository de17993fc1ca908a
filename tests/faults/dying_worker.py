"""What a process of the service does to itself in a test: die at a line, or have a wrong clock.

The code it runs is the product's own, and has no hook for this: a function is wrapped from outside.
"""

import functools
import importlib
import os
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from celery.signals import worker_ready

# "after coach.claims.take", "before celery.app.base.Celery.send_task of coach.keep_artifacts"
WHERE = re.compile(r"(?P<when>before|after) (?P<function>[\w.]+)(?: of (?P<whom>.+))?")
_travels = ExitStack()


def die(where: str) -> None:
    """End this process with -9 when it first gets there.

    `of X`: only at a call in whose arguments X occurs.
    """
    told = WHERE.fullmatch(where)
    assert told is not None, where
    owner, name = found(told["function"])
    inner = getattr(owner, name)
    is_before, whom = told["when"] == "before", told["whom"]

    @functools.wraps(inner)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        is_here = whom is None or whom in f"{args} {kwargs}"
        if is_here and is_before:
            end()
        result = inner(*args, **kwargs)
        if is_here:
            end()
        return result

    setattr(owner, name, deadly)


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def found(function: str) -> tuple[Any, str]:
    """A function by its dotted name: what it is an attribute of, and its name there."""
    *path, name = function.split(".")
    for length in range(len(path), 0, -1):
        try:
            owner = importlib.import_module(".".join(path[:length]))
        except ModuleNotFoundError:
            continue
        for part in path[length:]:
            owner = getattr(owner, part)
        return owner, name
    raise LookupError(function)


def set_clock(off_s: float) -> None:
    """From now on every clock of this process but the monotonic one is off by so much."""
    there = datetime.now(UTC) + timedelta(seconds=off_s)
    _travels.enter_context(time_machine.travel(there, tick=True))


def when_ready(act: Callable[[], None]) -> None:
    """Do it when the worker is about to take its first message."""

    def ready(**_: Any) -> None:
        act()

    worker_ready.connect(ready, weak=False)
