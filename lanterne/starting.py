"""What a process of the service holds against its set-up before it takes any work."""

from django.core.checks import ERROR, run_checks
from django.core.management.base import SystemCheckError
from django.db import connections

# The tag of the checks in lanterne/checks.py.
OURS = "lanterne"


def require_sound_setup() -> None:
    """Raises SystemCheckError, which names what to mend; leaves no connection behind to be forked.

    A database that does not answer yet is not its business: /healthz tells of that.
    """
    try:
        found = run_checks(tags=[OURS], databases=list(connections))
    finally:
        connections.close_all()
    errors = [str(message) for message in found if message.level >= ERROR]
    if errors:
        raise SystemCheckError("\n".join(["The service does not start:", *errors]))
