"""A pool of connections: threads share few, and a process that is forked has one of its own."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="a file has no connections to share"),
]

BEGIN = """
import os, threading
import django; django.setup()
from django.db import connection, connections
from lanterne.starting import let_go, require_sound_setup
def ask(sql="SELECT pg_backend_pid()"):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
"""
THREADS = """
asked = []
def work():
    asked.append(ask())
    connection.close()
threads = [threading.Thread(target=work) for _ in range(30)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(asked), len(set(asked)) <= 3)
"""
FORKED = """
before = ask()
connection.close()
child = os.fork()
if child == 0:
    connections.close_all()
    os._exit(0 if ask() != before else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ask() == before)
"""
LET_GO = """
require_sound_setup()
print(connection._connection_pools)
ask()
let_go()
print(connection._connection_pools)
"""
CUT = """
own = ask()
connection.close()
from psycopg import connect
with connect(os.environ["DATABASE_URL"], autocommit=True) as other:
    other.execute("SELECT pg_terminate_backend(%s)", [own])
print(ask() != own)
"""


def told(script: str, **environment: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "lanterne.settings", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_thirty_threads_share_three_connections() -> None:
    assert told(THREADS, DB_POOL_SIZE="3") == "30 True\n"


def test_forked_process_asks_over_a_connection_of_its_own() -> None:
    assert told(FORKED, DB_POOL_SIZE="1") == "0 True\n"


def test_nothing_is_left_open_at_the_start_for_a_process_to_inherit() -> None:
    assert told(LET_GO, DB_POOL_SIZE="2") == "{}\n{}\n"


@pytest.mark.parametrize("size", ["0", "2"])
def test_connection_cut_while_idle_costs_nothing(size: str) -> None:
    """As a proxy does, or a server that was restarted."""
    cut = CUT.replace("connection.close()", "connection.close_if_unusable_or_obsolete()")
    assert told(CUT if size == "2" else cut, DB_POOL_SIZE=size) == "True\n"
