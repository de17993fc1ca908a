"""Runs an hour, memory and CPU of one worker machine: python -m bench.workers

Real workers with threads coach missions that are all due at once, against a model that thinks for
ten seconds, and also send the briefs and store the files. Needs DATABASE_URL (a new database is
made on that server) and REDIS_URL (a database of Redis that is empty). Every mission has the same
fortnight of rides and nights, not a year: seeding would take longer than measuring. No source is
connected, so no reading is part of it. Exit status 1 if a run failed or a goal is missed.

BENCH_RUNS, BENCH_PROCESSES, BENCH_THREADS and BENCH_MODEL_S set how many runs, worker processes,
threads in each, and seconds the model takes.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import redis

from bench.own_database import database_of_its_own

RUNS = int(os.environ.get("BENCH_RUNS", "2000"))
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "2"))
THREADS = int(os.environ.get("BENCH_THREADS", "100"))
MODEL_S = float(os.environ.get("BENCH_MODEL_S", "10"))
PORT = int(os.environ.get("BENCH_MODEL_PORT", "8971"))
LEAST_PER_HOUR, MOST_CPU_MS, MOST_MB = 30_000, 80, 300
DAYS = 14
PATIENCE_S = 1800
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> int:
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        print("not measured: needs DATABASE_URL and REDIS_URL")
        return 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        settings_in(Path(folder))
        held.enter_context(empty_redis())
        show_to_workers(held.enter_context(database_of_its_own("workers")))
        seed()
        held.enter_context(process("-m", "bench.model_server", str(PORT), str(MODEL_S)))
        return report([held.enter_context(worker(number)) for number in range(PROCESSES)])


def settings_in(folder: Path) -> None:
    os.environ.update(
        # As deployed: with DEBUG on, Django keeps a copy of every statement.
        DEBUG="0",
        SANDBOX="0",
        SECRET_KEY="bench-only",
        FIELD_ENCRYPTION_KEYS="YmVuY2gtb25seS1rZXktbm90LWEtc2VjcmV0ISEhISE=",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        VAR_DIR=str(folder),
        LOG_LEVEL="WARNING",
        OPENAI_BASE_URL=f"http://127.0.0.1:{PORT}/v1",
        OPENAI_API_KEY="bench",
        COACH_MOST_AT_ONCE="0",
        COACH_MONTHLY_TOKENS="0",
        RUNS_IN_FLIGHT=str(2 * PROCESSES * THREADS),
        DB_POOL_SIZE=os.environ.get("DB_POOL_SIZE", "20"),
        DJANGO_SETTINGS_MODULE="lanterne.settings",
    )
    django.setup()


@contextmanager
def empty_redis() -> Iterator[None]:
    """Only one that held nothing is emptied afterwards."""
    link = redis.Redis.from_url(os.environ["REDIS_URL"])
    if link.dbsize():
        raise SystemExit("REDIS_URL names a database that is not empty: choose another number.")
    try:
        yield
    finally:
        link.flushdb()


def show_to_workers(database: str) -> None:
    """What is started from here on works on it."""
    address = urlsplit(os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = urlunsplit(address._replace(path=f"/{database}"))


def seed() -> None:
    """Testers alike but for their number, and a run for each that is due now."""
    # Models can be had only now that the service has its folder.
    from django.utils import timezone  # noqa: PLC0415

    from accounts.models import Ftp  # noqa: PLC0415
    from coach.models import MissionRun  # noqa: PLC0415
    from connections.models import Night, Ride  # noqa: PLC0415

    now = timezone.now()
    missions = [mission_of(number, now) for number in range(RUNS)]
    today = missions[0].local_date(now)
    days = [today - timedelta(days=ago) for ago in range(1, DAYS + 1)]
    owners = [mission.owner for mission in missions]
    Ftp.objects.bulk_create(
        Ftp(user=owner, effective_date=days[-1], power_w=220) for owner in owners
    )
    Ride.objects.bulk_create(
        (Ride(user=owner, **ride_on(day, now)) for owner in owners for day in days), batch_size=1000
    )
    Night.objects.bulk_create(
        (Night(user=owner, **night_on(day, now)) for owner in owners for day in days),
        batch_size=1000,
    )
    MissionRun.objects.bulk_create(
        MissionRun(mission=one, local_date=today, trigger=MissionRun.Trigger.SCHEDULE)
        for one in missions
    )


def mission_of(number: int, now: Any) -> Any:
    from accounts.models import User  # noqa: PLC0415
    from missions.models import Mission  # noqa: PLC0415
    from missions.progress import plan_stages  # noqa: PLC0415

    today = now.date()
    owner = User.objects.create(
        email=f"bench-{number}@example.org", timezone="UTC", health_consent_at=now
    )
    mission = Mission.objects.create(
        owner=owner,
        name="Tour of the Valleys",
        mission_type=Mission.Type.ROAD_STAGE_RACE,
        state=Mission.State.TRAINING,
        prep_start=today - timedelta(days=60),
        event_start=today + timedelta(days=30),
        event_end=today + timedelta(days=34),
        timezone="UTC",
    )
    plan_stages(mission)
    return mission


def ride_on(day: Any, now: Any) -> dict[str, Any]:
    return {
        "source": "strava",
        "external_id": str(day),
        "local_date": day,
        "started_at": now - timedelta(days=(now.date() - day).days),
        "sport": "Ride",
        "duration_s": 3600,
        "elapsed_s": 3700,
        "average_power_w": 150.0,
        "np_w": 160.0,
        "has_power_meter": True,
        "average_hr_bpm": 138.0,
    }


def night_on(day: Any, now: Any) -> dict[str, Any]:
    ended_at = now.replace(hour=4) - timedelta(days=(now.date() - day).days)
    return {
        "source": "oura",
        "local_date": day,
        "started_at": ended_at - timedelta(hours=8),
        "ended_at": ended_at,
        "asleep_s": 27_000,
        "hrv_ms": 52.0,
        "hrv_kind": "rmssd",
        "resting_hr_bpm": 50.0,
    }


@contextmanager
def process(*command: str) -> Iterator[int]:
    """One of our own programs, ended with the block; its process id."""
    started = subprocess.Popen([sys.executable, *command])
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait()


@contextmanager
def worker(number: int) -> Iterator[int]:
    command = ["-m", "celery", "-q", "-A", "lanterne", "worker", "-P", "threads"]
    options = ["-c", str(THREADS), "-Q", "runs,celery", "-n", f"bench{number}@%h"]
    with process(*command, *options, "--without-mingle", "--without-gossip", "-l", "ERROR") as pid:
        yield pid


def report(pids: list[int]) -> int:
    from django.utils import timezone  # noqa: PLC0415

    from coach import queue  # noqa: PLC0415
    from coach.models import MissionRun  # noqa: PLC0415
    from notifications.models import Notification  # noqa: PLC0415

    time.sleep(5)  # until they are ready: starting is no part of a run
    idle_s, began, most_mb = sum(map(cpu_s, pids)), time.monotonic(), dict.fromkeys(pids, 0.0)
    queue.feed(timezone.now())
    unfinished = MissionRun.objects.unfinished()
    while left := unfinished.count():
        took_s = time.monotonic() - began
        if took_s > PATIENCE_S:
            break
        most_mb = {pid: max(held, megabytes(pid)) for pid, held in most_mb.items()}
        time.sleep(1)
    took_s = time.monotonic() - began
    # The last briefs and files are part of the work, not of the rate.
    waiting = Notification.objects.filter(state="pending")
    files = MissionRun.objects.filter(file_due_at__isnull=False)
    while (waiting.exists() or files.exists()) and time.monotonic() - began < took_s + 60:
        time.sleep(1)
    cpu_ms = 1000 * (sum(map(cpu_s, pids)) - idle_s) / RUNS
    decided = MissionRun.objects.filter(outcome="decided").count()
    per_hour, ideal = 3600 * decided / took_s, PROCESSES * THREADS * 3600 / MODEL_S
    largest = max(most_mb.values())
    print(
        f"{decided} of {RUNS} runs decided, {left} left, in {took_s:.0f} s by {PROCESSES} x "
        f"{THREADS} threads; the model takes {MODEL_S:.0f} s; {os.cpu_count()} cores\n"
        f"{per_hour:,.0f} runs/h, of {ideal:,.0f} that the model alone would allow"
        f" (goal: {LEAST_PER_HOUR:,})\n"
        f"{cpu_ms:.0f} ms of our CPU a run, mail and file included (goal: {MOST_CPU_MS})\n"
        f"{largest:.0f} MB (PSS) for the largest process (goal: {MOST_MB})"
    )
    is_good = per_hour >= LEAST_PER_HOUR and cpu_ms <= MOST_CPU_MS and largest <= MOST_MB
    return 0 if is_good and decided == RUNS else 1


def cpu_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / CLOCK_TICKS_PER_S


def megabytes(pid: int) -> float:
    """Its own memory and its part of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.exit(main())
