"""Whether the clock tells of an address that has an account: python -m bench.register

Registers free addresses and a taken one in turn, in this process, with the real password hasher and
a database of its own, and prints the median time of both answers side by side. A difference that
stands out would tell who has an account here. Exit status 1 if it is above the yardstick: a tenth
of an answer, far less than the way through a network adds and takes away.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

TIMES = 40
MOST_DIFFERENT = 0.1
TAKEN = "taken@example.org"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        service_in(Path(folder))
        return report(registering())


def service_in(folder: Path) -> None:
    """Settings of a sandbox whose limits are not what is measured."""
    for service in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(service, None)
    values = {"DEBUG": "1", "SANDBOX": "1", "VAR_DIR": str(folder), "LOG_LEVEL": "WARNING"}
    os.environ.update(values, DJANGO_SETTINGS_MODULE="lanterne.settings")
    for part in ("static", "broker/queue", "broker/control"):
        (folder / part).mkdir(parents=True)
    django.setup()


def registering() -> Callable[[str], float]:
    """A function that registers an address and tells how many milliseconds the answer took."""
    # Models and settings can be had only now that the service has its folder.
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415

    settings.THROTTLES = {**settings.THROTTLES, "register": []}
    settings.ACCOUNT_RATE_LIMITS = False
    call_command("migrate", verbosity=0)
    User.objects.create_user(TAKEN, "correct horse battery").confirm_address()

    def register(email: str) -> float:
        form: Any = {"email": email, "password1": "a lantern in the rain", "timezone": "UTC"}
        began = time.perf_counter()
        response = Client().post("/auth/register", form)
        took_ms = 1000 * (time.perf_counter() - began)
        if response.headers.get("Location") != "/auth/confirm":
            raise SystemExit(f"{email} was answered with {response.status_code}")
        return took_ms

    return register


def report(register: Callable[[str], float]) -> int:
    register("first@example.org")  # imports and templates
    free, taken = [], []
    for number in range(TIMES):
        free.append(register(f"free{number}@example.org"))
        taken.append(register(TAKEN))
    print(f"{'':8}{'median ms':>12}{'spread ms':>12}")
    for name, took in (("free", free), ("taken", taken)):
        quarters = statistics.quantiles(took)
        print(f"{name:8}{statistics.median(took):>12.1f}{quarters[2] - quarters[0]:>12.1f}")
    # Of pairs, since what else the machine does changes from one minute to the next.
    difference = abs(statistics.median(a - b for a, b in zip(free, taken, strict=True)))
    most = MOST_DIFFERENT * statistics.median(taken)
    print(f"difference {difference:.1f} ms, at most {most:.1f}")
    return 1 if difference > most else 0


if __name__ == "__main__":
    sys.exit(main())
