"""A database with every migration run and nothing in it: made once, and copied many times.

Running them takes longer than most tests together; what they do is tested by tests of their own.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings

# Kept from run to run until a migration or a library changes; `make clean` takes it away.
KEPT_IN = Path(settings.BASE_DIR) / ".pytest_cache"


def copy_sqlite(to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sqlite(), to)


def sqlite() -> Path:
    """The file of one at rest, to be copied and never opened."""
    made = KEPT_IN / f"migrated-{digest()}.sqlite3"
    with once("migrated"):
        if not made.exists():
            for old in KEPT_IN.glob("migrated-*.sqlite3"):
                old.unlink()
            with tempfile.TemporaryDirectory(dir=KEPT_IN) as folder:
                migrate(VAR_DIR=folder)
                copy_file(Path(folder) / "lanterne.sqlite3", made)
    return made


def digest() -> str:
    """Of everything that says what the tables are."""
    ours = sorted(Path(settings.BASE_DIR).glob("*/migrations/*.py"))
    told = hashlib.sha256()
    for file in [*ours, Path(settings.BASE_DIR) / "requirements.txt"]:
        told.update(file.read_bytes())
    return told.hexdigest()[:16]


def copy_file(name: Path, to: Path) -> None:
    link = sqlite3.connect(name)
    link.execute("VACUUM INTO ?", [str(to)])
    link.close()


def postgres_template() -> str:
    """The name of a database at DATABASE_URL that the run's own are copies of."""
    name = _name_in_this_run()
    url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    with once("migrated"):
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            is_there = found.fetchone() is not None
            if not is_there:
                server.execute(f'CREATE DATABASE "{name}"')
        if not is_there:
            migrate(DATABASE_URL=url)
    return name


def drop_postgres_template() -> None:
    name = _name_in_this_run()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _name_in_this_run() -> str:
    return f"migrated_{Path(os.environ['LANTERNE_TEST_DIR']).name}".replace("-", "_").lower()


def migrate(**environment: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"],
        cwd=settings.BASE_DIR,
        env={**kept, **environment},
        check=True,
    )


@contextmanager
def once(name: str) -> Iterator[None]:
    """One process of the machine at a time; the others wait."""
    KEPT_IN.mkdir(exist_ok=True)
    with (KEPT_IN / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
