"""How fast due connections are handed out: python -m bench.refresh

Fills a database of its own with connections that are all due, takes them in the batches of the
sweep, and prints how many it takes a second. With DATABASE_URL, in a new database on that server,
whose plan for the question is printed too. Exit status 1 if it is below the yardstick: a hundred
times what an hourly reading of as many connections needs.

BENCH_CONNECTIONS sets how many there are; 20,000 unless said otherwise.
"""

import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.own_database import database_of_its_own, settings_in

HOW_MANY = int(os.environ.get("BENCH_CONNECTIONS", "20000"))
LEAST_PER_S = 100 * HOW_MANY / 3600
AT_ONCE = 5_000


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings_in(Path(folder))
        with database_of_its_own("refresh"):
            return report()


def report() -> int:
    # Models and settings can be had only now that the service has its folder.
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from connections import refresh  # noqa: PLC0415
    from connections.models import Connection  # noqa: PLC0415

    now = timezone.now()
    fill(now)
    due = Connection.objects.due(now).order_by("next_read_at")
    if connection.vendor == "postgresql":
        print(due[: refresh.BATCH].explain(analyze=True))
    began, claimed, longest_s = time.perf_counter(), 0, 0.0
    while True:
        batch_began = time.perf_counter()
        keys = refresh.claim_due(now, refresh.BATCH)
        longest_s = max(longest_s, time.perf_counter() - batch_began)
        if not keys:
            break
        claimed += len(keys)
    per_s = claimed / (time.perf_counter() - began)
    print(f"{claimed:,} of {HOW_MANY:,} due connections claimed, {connection.vendor}")
    print(f"{per_s:,.0f} a second, at least {LEAST_PER_S:,.0f}")
    print(f"longest batch of {refresh.BATCH}: {1000 * longest_s:.0f} ms")
    return 1 if claimed < HOW_MANY or per_s < LEAST_PER_S else 0


def fill(now: Any) -> None:
    from django.db import connection  # noqa: PLC0415  as above

    from accounts.models import User  # noqa: PLC0415  as above
    from connections.models import Connection  # noqa: PLC0415  as above

    for first in range(0, HOW_MANY, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, HOW_MANY))
        users = User.objects.bulk_create(
            [User(email=f"{number}@example.org", health_consent_at=now) for number in numbers]
        )
        Connection.objects.bulk_create(
            [
                Connection(
                    user=user,
                    provider="strava",
                    external_id=str(user.pk),
                    next_read_at=now - timedelta(seconds=user.pk % 3600),
                )
                for user in users
            ]
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE connections_connection")


if __name__ == "__main__":
    sys.exit(main())
