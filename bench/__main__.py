"""Every benchmark, one after the other, each beside its yardstick: make bench

What is measured on PostgreSQL and Redis uses those at DATABASE_URL and REDIS_URL, or where nothing
is set, those that answer on this machine.
"""

import os
import subprocess
import sys

import psycopg
import redis

from tests.services import ping

BENCHMARKS = {
    "Apple Health: from the zip to days and to rows": "bench.apple_health",
    "Apple Health: imported by a worker": "bench.apple_import_worker",
    "Upload: a gigabyte through the page": "bench.upload",
    "Register: free and taken address": "bench.register",
    "Prompts: what a day costs to ask about": "bench.prompts",
    "Sources: handing out those that are due": "bench.refresh",
    "Dispatch: a million missions and their mornings": "bench.dispatch",
    "Workers: runs an hour with a slow model": "bench.workers",
    "Web: Home and the API with long histories": "bench.home",
    "Web: each page with a long history": "bench.pages",
    "Game: the best line over 21 stages": "bench.best_line",
    "Coach: the scenarios put to the stand-in model": "bench.evaluate",
}
ON_SERVICES = ("bench.refresh", "bench.dispatch", "bench.workers", "bench.home", "bench.pages")
HERE = {
    "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/postgres",
    "REDIS_URL": "redis://127.0.0.1:6379/9",
}


def main() -> int:
    failed, services = 0, {name: url for name, url in HERE.items() if answers(name, url)}
    for title, module in BENCHMARKS.items():
        print(f"\n== {title} ==", flush=True)
        more = services if module in ON_SERVICES else {}
        done = subprocess.run(
            [sys.executable, "-m", module], env={**os.environ, **more}, check=False
        )
        failed |= done.returncode
    return failed


def answers(name: str, url: str) -> bool:
    """Whether nothing else is set and the usual one is there."""
    if name in os.environ:
        return False
    try:
        ping(url)
    except (psycopg.Error, redis.RedisError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
