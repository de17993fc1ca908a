"""A database for one test, beside the tests' own: empty, or a copy of another one of these."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from django.db import connection

# A file of SQLite, or the name of a database on the tests' server.
OwnDatabase = str


@contextmanager
def own_database(folder: Path, *, like: OwnDatabase | None = None) -> Iterator[OwnDatabase]:
    """Django's connection leads there within; `like` must not be in use meanwhile."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    name = _file(folder, like) if connection.vendor == "sqlite" else _on_the_server(like)
    connection.settings_dict["NAME"] = name
    try:
        yield name
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
        if connection.vendor != "sqlite":
            _tell_server(f'DROP DATABASE "{name}" WITH (FORCE)')


def _file(folder: Path, like: OwnDatabase | None) -> OwnDatabase:
    file = folder / "own.sqlite3"
    if like is not None:
        shutil.copyfile(like, file)
    return str(file)


def _on_the_server(like: OwnDatabase | None) -> OwnDatabase:
    name = f"own_{uuid4().hex}"
    _tell_server(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{like}"' if like else ""))
    return name


def _tell_server(statement: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(statement)
