"""What a process of the service holds against its set-up before it takes any work."""

import logging
import os
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.core.management.base import SystemCheckError
from django.db import connections

logger = logging.getLogger(__name__)

# The tag of the checks in lanterne/checks.py.
OURS = "lanterne"


def require_sound_setup() -> None:
    """Raises SystemCheckError, which names what to mend; leaves no connection behind to be forked.

    A database that does not answer yet is not its business: /healthz tells of that.
    """
    try:
        found = run_checks(tags=[OURS], databases=list(connections))
    finally:
        let_go()
    for message in found:
        if message.level == WARNING:
            logger.warning("%s %s", message.msg, message.hint)
    errors = [str(message) for message in found if message.level >= ERROR]
    if errors:
        raise SystemCheckError("\n".join(["The service does not start:", *errors]))


def let_go() -> None:
    """Close what is open to the databases, and the pools it came from."""
    each: Any  # only that of PostgreSQL has pools
    for each in connections.all(initialized_only=True):
        each.close()
        if each.settings_dict["OPTIONS"].get("pool"):
            each.close_pool()


def forget_pools() -> None:
    """In a process just forked: the pool it was handed has no threads here that would serve it.

    It is kept aside, not closed: its connections are the parent's.
    """
    for connection in connections.all() if settings.configured else ():
        pools: dict[str, object] = getattr(connection, "_connection_pools", {})
        _handed_down.extend(pools.values())
        pools.clear()


_handed_down: list[object] = []
os.register_at_fork(after_in_child=forget_pools)
