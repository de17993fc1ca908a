"""Waits for the services that the tests were pointed at: `python -m tests.services`."""

import os
import sys
import time

import psycopg
import redis

PATIENCE_S = 20


def wait_for(name: str, url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            ping(url)
        except (psycopg.Error, redis.RedisError) as error:
            if time.monotonic() > deadline:
                sys.exit(
                    f"{name} does not answer: {error}\nStart it, or set {name} to where it is."
                )
            time.sleep(0.5)
        else:
            return


def ping(url: str) -> None:
    if url.startswith("redis"):
        redis.Redis.from_url(url).ping()
    else:
        psycopg.connect(url, connect_timeout=3).close()


if __name__ == "__main__":
    for variable in ("DATABASE_URL", "REDIS_URL"):
        wait_for(variable, os.environ[variable])
