"""How fast Home and the API answer with much behind them: python -m bench.home

Fills a database of its own with testers whose history is long, starts the web server as it runs in
production (DEBUG off), and asks it as one tester and as fifty at once. Prints the queries of each
page, the median and the 95th percentile; and, as open as on a busy morning, at 80 requests a
second. Exit status 1 if Home takes more queries, or longer there, than the yardstick.

With DATABASE_URL, in a new database on that server and 10,000 runs for each tester; without, in a
SQLite file and 1,000. BENCH_RUNS_EACH and BENCH_TESTERS set others, BENCH_WEB the processes of the
server (2). Load and server share the machine.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import django

from bench.own_database import database_of_its_own
from tests.environment import free_port

ON_A_SERVER = "DATABASE_URL" in os.environ
RUNS_EACH = int(os.environ.get("BENCH_RUNS_EACH", "10000" if ON_A_SERVER else "1000"))
TESTERS = int(os.environ.get("BENCH_TESTERS", "50"))
# The newest have all they ever had; of those before only the decision is kept.
WHOLE = 180
SOURCE_DAYS = 730
AT_ONCE = 2_000
REQUESTS = 200
A_SECOND = 80
FOR_S = 10
MOST_QUERIES = 12
MOST_P95_MS = 250.0
WEB = os.environ.get("BENCH_WEB", "2")
# Where the web server finds the database: behind a pooler, say.
WEB_SERVER = os.environ.get("BENCH_WEB_DATABASE_URL", os.environ.get("DATABASE_URL", ""))
PORT = free_port()


@dataclass(frozen=True, slots=True)
class Asked:
    """One address as one tester asks for it: the header that says who."""

    name: str
    path: str
    header: str


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings_in(Path(folder))
        with database_of_its_own("home"):
            return report()


def settings_in(folder: Path) -> None:
    """As deployed, but without TLS in front."""
    os.environ.update(
        DEBUG="0",
        SANDBOX="0",
        VAR_DIR=str(folder),
        LOG_LEVEL="WARNING",
        SECRET_KEY="bench-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF",
        FIELD_ENCRYPTION_KEYS="YmVuY2gtb25seS1rZXktbm90LWEtc2VjcmV0ISEhISE=",
        SITE_URL=f"http://127.0.0.1:{PORT}",
        ALLOWED_HOSTS="127.0.0.1,testserver",
        OPERATOR_EMAILS="ops@lanterne.example",
        OPENAI_API_KEY="bench-only",
        DJANGO_SETTINGS_MODULE="lanterne.settings",
    )
    os.environ.pop("REDIS_URL", None)
    django.setup()


def report() -> int:
    # Models and settings can be had only now that the service has its folder.
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    began = perf_counter()
    fill()
    call_command("collectstatic", verbosity=0, interactive=False)
    print(
        f"{TESTERS} testers with {RUNS_EACH:,} runs each, {connection.vendor}, "
        f"filled in {perf_counter() - began:.0f} s"
    )
    asked = {name: requests_of(name, path) for name, path in PATHS.items()}
    most = max(queries(requests) for requests in asked.values())
    for name, requests in asked.items():
        print(f"{name:<22} {queries(requests):>3} queries")
    connection.close()
    is_slow = False
    with web_server():
        for name, requests in asked.items():
            one = asyncio.run(one_after_the_other(requests[:1] * REQUESTS))
            many = asyncio.run(all_at_once(requests, each=8))
            print(f"{name:<22} one tester {told(one)}")
            print(
                f"{'':<22} {len(requests)} at once {told(many.times_s)}, {many.per_s:.0f} a second"
            )
        paced = asyncio.run(at_a_pace(asked["Home"]))
        p95_ms = 1000 * percentile(paced, 95)
        is_slow = p95_ms > MOST_P95_MS
        print(f"Home at {A_SECOND} a second  {told(paced)}   at most {MOST_P95_MS:.0f} ms")
    if most > MOST_QUERIES:
        print(f"TOO MANY QUERIES: {most}, at most {MOST_QUERIES}")
    if is_slow:
        print("TOO SLOW")
    return 1 if is_slow or most > MOST_QUERIES else 0


def told(times_s: list[float]) -> str:
    median_ms, p95_ms = 1000 * statistics.median(times_s), 1000 * percentile(times_s, 95)
    return f"p50 {median_ms:.0f} ms, p95 {p95_ms:.0f} ms"


def percentile(times_s: list[float], pct: int) -> float:
    return sorted(times_s)[max(0, len(times_s) * pct // 100 - 1)]


# --- What stands in the tables -------------------------------------------------------------------


def fill(testers: int = TESTERS) -> None:
    from django.utils import timezone  # noqa: PLC0415  as above

    from accounts.models import User  # noqa: PLC0415  as above
    from coach.models import MissionRun  # noqa: PLC0415  as above
    from missions.models import Mission  # noqa: PLC0415  as above
    from missions.progress import plan_stages  # noqa: PLC0415  as above
    from tests.coach.samples import SITUATION, reply  # noqa: PLC0415  as above

    now = timezone.now()
    today = now.date()
    decided = {"outcome": "decided", "trigger": "schedule", "decision": reply()}
    for number in range(testers):
        user = User.objects.create(email=f"{number}@example.org", health_consent_at=now)
        mission = Mission.objects.create(
            owner=user,
            name="Tour of the Valleys",
            mission_type=Mission.Type.ROAD_STAGE_RACE,
            state=Mission.State.TRAINING,
            prep_start=today - timedelta(days=60),
            event_start=today + timedelta(days=30),
            event_end=today + timedelta(days=50),
            timezone="UTC",
        )
        plan_stages(mission)
        for first in range(0, RUNS_EACH, AT_ONCE):
            MissionRun.objects.bulk_create(
                MissionRun(
                    mission=mission,
                    local_date=today - timedelta(days=ago),
                    situation=SITUATION if ago < WHOLE else None,
                    summary="Maintain: 75 minutes, endurance",
                    finished_at=now - timedelta(days=ago),
                    artifacts_at=now - timedelta(days=ago),
                    **decided,
                )
                for ago in range(first, min(first + AT_ONCE, RUNS_EACH))
            )
        fill_sources(user, today)
    vacuum()


def fill_sources(user: Any, today: date) -> None:
    """Two years of rides from files and of nights from Oura, one each day."""
    from connections.models import Night, Ride  # noqa: PLC0415  as above

    days = [today - timedelta(days=ago) for ago in range(1, SOURCE_DAYS + 1)]
    Ride.objects.bulk_create(
        Ride(
            user=user,
            source="file",
            external_id=f"{day}",
            started_at=datetime.combine(day, time(16), tzinfo=UTC),
            local_date=day,
            sport="Ride",
            duration_s=3600,
            elapsed_s=3700,
            distance_m=29_000,
            np_w=150 + day.day,
            average_power_w=150.0,
            has_power_meter=True,
        )
        for day in days
    )
    Night.objects.bulk_create(
        Night(
            user=user,
            source="oura",
            local_date=day,
            asleep_s=7 * 3600 + day.day * 60,
            hrv_ms=45 + day.day % 9,
            hrv_kind="rmssd",
            resting_hr_bpm=48 + day.day % 5,
        )
        for day in days
    )
    user.ftps.create(effective_date=days[-1], power_w=240)


def vacuum() -> None:
    from django.db import connection  # noqa: PLC0415  as above

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            cursor.execute("SELECT pg_total_relation_size('coach_missionrun')")
            print(f"the runs take {cursor.fetchone()[0] / 1e6:,.0f} MB")


# --- Who asks ------------------------------------------------------------------------------------

PATHS = {
    "Home": "/",
    "GET /api/missions": "/api/missions",
    "GET /api/…/runs": "/api/missions/{mission}/runs",
    "GET /api/runs/ID": "/api/runs/{run}",
}


def requests_of(name: str, path: str) -> list[Asked]:
    """The same address asked for by each tester, for what is theirs."""
    from django.conf import settings  # noqa: PLC0415  as above
    from django.test import Client, RequestFactory  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415  as above

    from accounts import tokens  # noqa: PLC0415  as above
    from accounts.models import User  # noqa: PLC0415  as above
    from coach.models import MissionRun  # noqa: PLC0415  as above

    asked = []
    for user in User.objects.order_by("pk"):
        run = MissionRun.objects.filter(mission__owner=user).order_by("-local_date")[0]
        month = f"{run.local_date - timedelta(days=RUNS_EACH // 2):%Y-%m}"
        there = path.format(mission=run.mission_id, run=run.pk, month=month)
        if there.startswith("/api"):
            pair = tokens.issue(user, RequestFactory().get("/"), timezone.now())
            header = f"Authorization: Bearer {pair.access}"
        else:
            browser = Client()
            browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
            header = f"Cookie: sessionid={browser.cookies['sessionid'].value}"
        asked.append(Asked(name, there, header))
    return asked


def queries(requests: list[Asked]) -> int:
    """Of the second time that somebody asks: the first notes where they were seen."""
    from django.db import connection  # noqa: PLC0415  as above
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    name, _, value = requests[0].header.partition(": ")
    headers: Any = {name: value}
    Client().get(requests[0].path, headers=headers)
    with CaptureQueriesContext(connection) as captured:
        answer = Client().get(requests[0].path, headers=headers)
    if answer.status_code != 200:
        raise SystemExit(f"{requests[0].path} answers {answer.status_code}")
    return len(captured)


# --- Asking --------------------------------------------------------------------------------------


@contextmanager
def web_server() -> Iterator[None]:
    """gunicorn with two processes of eight threads, for two cores."""
    from django.db import connection  # noqa: PLC0415  as above

    database = connection.settings_dict
    url = (
        f"sqlite:///{database['NAME']}"
        if connection.vendor == "sqlite"
        else WEB_SERVER.rpartition("/")[0] + f"/{database['NAME']}"
    )
    command = ["gunicorn", "lanterne.wsgi", "--bind", f"127.0.0.1:{PORT}", "--no-control-socket"]
    server = subprocess.Popen(
        [sys.executable, "-m", *command, "--workers", WEB, "--threads", "8", "-k", "gthread"],
        env={**os.environ, "DATABASE_URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        asyncio.run(until_it_answers())
        yield
    finally:
        server.terminate()
        server.wait()


async def until_it_answers() -> None:
    while True:
        try:
            await ask(Asked("", "/auth/login", "X-None: 1"))
        except OSError:
            await asyncio.sleep(0.2)
        else:
            return


async def ask(one: Asked) -> float:
    """Seconds until the whole answer was there."""
    began = perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(
        f"GET {one.path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{one.header}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    if b" 200 " not in answer[:20]:
        raise SystemExit(f"{one.path}: {answer[:60]!r}")
    return perf_counter() - began


async def one_after_the_other(requests: list[Asked]) -> list[float]:
    return [await ask(one) for one in requests]


@dataclass(frozen=True, slots=True)
class Many:
    times_s: list[float]
    per_s: float


async def all_at_once(requests: list[Asked], *, each: int) -> Many:
    """Each tester asks again as soon as the answer is there."""
    began = perf_counter()
    told = await asyncio.gather(*(one_after_the_other([one] * each) for one in requests))
    times_s = [time_s for times_s in told for time_s in times_s]
    return Many(times_s, len(times_s) / (perf_counter() - began))


async def at_a_pace(requests: list[Asked]) -> list[float]:
    """A new request every 1/80 s, whether the ones before are answered or not."""
    waiting = []
    began = perf_counter()
    for number in range(A_SECOND * FOR_S):
        await asyncio.sleep(max(0, began + number / A_SECOND - perf_counter()))
        waiting.append(asyncio.create_task(ask(requests[number % len(requests)])))
    return await asyncio.gather(*waiting)


if __name__ == "__main__":
    sys.exit(main())
