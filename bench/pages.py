"""How fast each page answers somebody with much behind them: python -m bench.pages

Testers with 10,000 runs, two years of rides and of nights, and the web server as it runs in
production (DEBUG off). Each page is asked for a hundred times, one after the other. Prints its
queries, its median, its 95th percentile and its size as sent. Exit status 1 if one takes more
queries or longer than the yardsticks, which are those of Home.

With DATABASE_URL, in a new database on that server; without, in a SQLite file and 1,000 runs.
BENCH_RUNS_EACH sets another number of runs.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench import home
from bench.own_database import database_of_its_own

ASKED = 100
TESTERS = 3
# Of each the newest run or mission; a month in the middle of what there is.
PAGES = {
    "Home": "/",
    "Run": "/runs/{run}",
    "History, this month": "/history",
    "History, years ago": "/history?month={month}",
    "Mission": "/missions/{mission}",
    "Readiness": "/missions/{mission}/readiness",
    "Form": "/missions/{mission}/form",
    "Points": "/missions/{mission}/points",
    "Check-in": "/check-in",
    "Wizard": "/missions/new",
    "Connections": "/connections",
    "Ride files": "/connections/ride-files",
    "Settings": "/settings",
    "Mails": "/settings/calendar",
    "Privacy": "/settings/privacy",
    "Activity": "/settings/activity",
    "Sessions": "/settings/sessions",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home.settings_in(Path(folder))
        with database_of_its_own("pages"):
            return report()


def report() -> int:
    # Models and settings can be had only now that the service has its folder.
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    home.fill(TESTERS)
    call_command("collectstatic", verbosity=0, interactive=False)
    print(f"{TESTERS} testers with {home.RUNS_EACH:,} runs each, {connection.vendor}")
    asked = {name: home.requests_of(name, path)[0] for name, path in PAGES.items()}
    queries = {name: home.queries([one]) for name, one in asked.items()}
    connection.close()
    with home.web_server():
        faults = [report_page(name, one, queries[name]) for name, one in asked.items()]
    return 1 if any(faults) else 0


def report_page(name: str, asked: home.Asked, queries: int) -> bool:
    """Print one line; whether a yardstick is missed."""
    times_s = asyncio.run(home.one_after_the_other([asked] * ASKED))
    p95_ms = 1000 * home.percentile(times_s, 95)
    too_many, too_slow = queries > home.MOST_QUERIES, p95_ms > home.MOST_P95_MS
    words = f"{'  TOO MANY QUERIES' * too_many}{'  TOO SLOW' * too_slow}"
    print(f"{name:<22} {queries:>3} queries, {home.told(times_s)}{words}", flush=True)
    return too_many or too_slow


if __name__ == "__main__":
    sys.exit(main())
