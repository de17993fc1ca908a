"""How fast due missions are dispatched, beside looking at every one: python -m bench.dispatch

Fills a database of its own with missions, 900 of 1,000 live, in forty zones and at all send times
of the day whose morning has come and is not too late: as after half a day's outage. Prints

- how many a second are claimed, given their run and their next morning by one process, the slowest
  in a hundred of its batches, and its memory;
- what a wake-up of a zone costs that finds nothing, all missions being there;
- how many runs a second are published to the broker of REDIS_URL;
- beside it, what looking at every live mission costs, as often as the scheduler ticks.

With DATABASE_URL, in a new database on that server. Exit status 1 below the goals, which are for
PostgreSQL; on SQLite only the numbers are told.

BENCH_MISSIONS sets how many missions there are; 1,000,000 unless said otherwise, 100,000 on SQLite.
BENCH_MESSAGES sets how many runs are published; 20,000 unless said otherwise.
"""

import os
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.own_database import database_of_its_own, settings_in

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "20000"))
GOALS = {"claimed": 15_000, "published": 1_500, "idle_ms": 5.0, "rss_mb": 150.0}
ZONES = (
    *("Pacific/Auckland", "Australia/Sydney", "Australia/Adelaide", "Asia/Tokyo", "Asia/Seoul"),
    *("Asia/Shanghai", "Asia/Singapore", "Asia/Bangkok", "Asia/Dhaka", "Asia/Kathmandu"),
    *("Asia/Kolkata", "Asia/Karachi", "Asia/Dubai", "Asia/Tehran", "Africa/Nairobi"),
    *("Europe/Istanbul", "Europe/Athens", "Europe/Helsinki", "Africa/Cairo", "Europe/Berlin"),
    *("Europe/Paris", "Europe/Madrid", "Europe/Rome", "Europe/Zurich", "Europe/Oslo"),
    *("Europe/London", "Europe/Dublin", "Europe/Lisbon", "Africa/Lagos", "Atlantic/Azores"),
    *("America/Sao_Paulo", "America/St_Johns", "America/Halifax", "America/New_York"),
    *("America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles"),
    *("America/Anchorage", "Pacific/Honolulu"),
)
# Long ago nobody's event: what is due stays the same whenever this runs.
NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
TODAY = date(2026, 7, 4)
WIDE = 50_000


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings_in(Path(folder))
        with database_of_its_own("dispatch"):
            return report()


def report() -> int:
    # Models and settings can be had only now that the service has its folder.
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    how_many = int(
        os.environ.get(
            "BENCH_MISSIONS", "1000000" if connection.vendor == "postgresql" else "100000"
        )
    )
    began = time.perf_counter()
    live = fill(how_many)
    print(
        f"{how_many:,} missions, {live:,} live, {connection.vendor}, "
        f"seeded in {time.perf_counter() - began:.0f} s"
    )
    found = {**claim(live), **idle(), **publish(settings.REDIS_URL), **naive(live)}
    if connection.vendor != "postgresql" or how_many < 1_000_000:
        return 0
    is_good = (
        found["claimed"] >= GOALS["claimed"]
        and found["published"] >= GOALS["published"]
        and found["idle_ms"] <= GOALS["idle_ms"]
        and found["rss_mb"] <= GOALS["rss_mb"]
    )
    return 0 if is_good else 1


def claim(live: int) -> dict[str, float]:
    """All that are due, in batches of one process, as after an outage."""
    from coach import mornings  # noqa: PLC0415  as above

    began, claimed, batches = time.perf_counter(), 0, list[float]()
    for zone in ZONES:
        batch = 1
        while batch:
            batch_began = time.perf_counter()
            batch = mornings.open_batch(zone, NOW, due_by=NOW)
            batches.append(time.perf_counter() - batch_began)
            claimed += batch
    per_s = claimed / (time.perf_counter() - began)
    rss_mb = _rss_mb()
    slowest_in_100 = sorted(batches)[int(len(batches) * 0.99)]
    assert claimed == live, f"{claimed:,} claimed"
    print(
        f"claimed, opened and planned anew: {per_s:,.0f} a second (at least {GOALS['claimed']:,}), "
        f"a batch at the 99th percentile {1000 * slowest_in_100:.0f} ms, "
        f"{rss_mb:.0f} MB (at most {GOALS['rss_mb']:.0f})"
    )
    return {"claimed": per_s, "rss_mb": rss_mb}


def _rss_mb() -> float:
    """What the process holds now; at most it held more while it filled the tables."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1024**2


def idle() -> dict[str, float]:
    from coach import mornings  # noqa: PLC0415  as above

    took = []
    for zone in ZONES * 5:
        began = time.perf_counter()
        opened = mornings.open_due(zone, NOW)
        took.append(time.perf_counter() - began)
        assert opened == 0
    idle_ms = 1000 * sorted(took)[int(len(took) * 0.95)]
    print(
        f"wake-up of a zone where nothing is due: {1000 * sorted(took)[len(took) // 2]:.1f} ms, "
        f"at the 95th percentile {idle_ms:.1f} ms (at most {GOALS['idle_ms']:.0f})"
    )
    return {"idle_ms": idle_ms}


def publish(redis_url: str) -> dict[str, float]:
    """Runs of the table, all of them waiting, to the broker: what a dispatcher does at most."""
    from celery import current_app  # noqa: PLC0415  as above
    from django.conf import settings  # noqa: PLC0415  as above

    import lanterne.celery  # noqa: F401, PLC0415  as above
    from coach import queue  # noqa: PLC0415  as above

    if not redis_url:
        print("published: not measured, for there is no REDIS_URL")
        return {"published": 0.0}
    settings.RUNS_IN_FLIGHT = MESSAGES
    began = time.perf_counter()
    told = queue.feed(NOW + timedelta(minutes=1))
    per_s = told / (time.perf_counter() - began)
    current_app.control.purge()
    full = time.perf_counter()
    assert queue.feed(NOW + timedelta(minutes=1)) == 0
    full_ms = 1000 * (time.perf_counter() - full)
    print(
        f"published: {told:,} runs, {per_s:,.0f} a second (at least {GOALS['published']:,}); "
        f"{full_ms:.1f} ms where the window is full"
    )
    return {"published": per_s}


def naive(live: int) -> dict[str, float]:
    """Look at every live mission, and reckon whether its morning has come: once a tick."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from missions.models import Mission  # noqa: PLC0415  as above

    began, seen, due = time.perf_counter(), 0, 0
    clocks = Mission.objects.live().values_list("pk", "timezone", "send_time")
    for _, zone, send_time in clocks.iterator(chunk_size=10_000):
        there = NOW.astimezone(ZoneInfo(zone))
        slot = datetime.combine(there.date(), send_time, tzinfo=there.tzinfo)
        seen, due = seen + 1, due + (slot <= NOW < slot + timedelta(minutes=5))
    took = time.perf_counter() - began
    assert seen == live
    print(f"beside it, looking at all {live:,} live missions: {took:.1f} s each tick, {due:,} due")
    return {"naive_s": took}


def fill(how_many: int) -> int:
    """Copies of one tester and one mission, made in the database; how many are live."""
    from django.db import connection, transaction  # noqa: PLC0415  as above

    from accounts.models import User  # noqa: PLC0415  as above
    from missions.models import Mission  # noqa: PLC0415  as above

    owner = User.objects.create(email="first@example.org", health_consent_at=NOW)
    Mission.objects.create(
        owner=owner,
        name="Tour of the Valleys",
        mission_type=Mission.Type.ROAD_STAGE_RACE,
        state=Mission.State.PREP,
        event_start=TODAY + timedelta(days=60),
        event_end=TODAY + timedelta(days=80),
        timezone="Europe/Paris",
    )
    number = "i" if connection.vendor == "sqlite" else "i::text"
    key = "lower(hex(randomblob(16)))" if connection.vendor == "sqlite" else "gen_random_uuid()"
    is_live = "i % 1000 < 900"
    with transaction.atomic(), connection.cursor() as cursor:
        clocks = _clocks(cursor)
        for first in range(0, how_many, WIDE):
            numbers = (
                f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n "
                f"WHERE i < {min(first + WIDE, how_many) - 1})"
            )
            _copy(
                cursor,
                User,
                {"id": "1000 + i", "email": f"{number} || '@example.org'"},
                f"{numbers} SELECT {{}} FROM {User._meta.db_table} t, n WHERE t.id = {owner.pk}",
            )
            _copy(
                cursor,
                Mission,
                {
                    "id": key,
                    "owner_id": "1000 + i",
                    "state": f"CASE WHEN {is_live} THEN 'TRAINING' ELSE 'MISSION_COMPLETE' END",
                    "timezone": "c.zone",
                    "send_time": "c.send_time",
                    "next_run_at": f"CASE WHEN {is_live} THEN c.slot END",
                },
                f"{numbers} SELECT {{}} FROM {Mission._meta.db_table} t, n "
                f"JOIN clocks c ON c.number = n.i % {clocks} WHERE t.owner_id = {owner.pk}",
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return Mission.objects.live().count()


def _clocks(cursor: Any) -> int:
    """Each zone at each minute of the day that is due, with its slot; in a table for the copies."""
    from coach import lateness  # noqa: PLC0415  as above
    from missions import schedule  # noqa: PLC0415  as above

    cursor.execute(
        "CREATE TEMPORARY TABLE clocks (number integer PRIMARY KEY, zone varchar(64), "
        "send_time time, slot timestamp with time zone)"
        if cursor.db.vendor == "postgresql"
        else "CREATE TEMPORARY TABLE clocks "
        "(number integer PRIMARY KEY, zone text, send_time time, slot datetime)"
    )
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    times = [(midnight + timedelta(minutes=minute)).time() for minute in range(24 * 60)]
    rows: list[tuple[Any, ...]] = []
    for zone in ZONES:
        for send_time in times:
            clock = schedule.Clock(zone, send_time)
            slot = schedule.latest_slot(clock, NOW)
            if lateness.give_up_at(clock, schedule.local_date_of(clock, slot)) > NOW:
                rows.append((len(rows), zone, send_time.isoformat(), _stored(cursor, slot)))
    # So that neighbours are not alike.
    cursor.executemany(
        "INSERT INTO clocks VALUES (%s, %s, %s, %s)",
        [((number * 7_919) % len(rows), *rest) for number, *rest in rows],
    )
    return len(rows)


def _stored(cursor: Any, slot: datetime) -> Any:
    return cursor.db.ops.adapt_datetimefield_value(slot)


def _copy(cursor: Any, model: Any, values: dict[str, str], query: str) -> None:
    columns = [field.column for field in model._meta.concrete_fields]
    chosen = ", ".join(values.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    head, _, tail = query.partition(" SELECT {} ")
    cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) {head} SELECT {chosen} {tail}")


if __name__ == "__main__":
    sys.exit(main())
