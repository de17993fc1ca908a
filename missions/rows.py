"""Values handed to the database as rows: one parameter, however many they are.

Spelled out one by one, a batch of five hundred costs more in being put together than in being read.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection


def parameter(rows: Iterable[Sequence[Any]]) -> str:
    """What `table` reads; times and dates as the database adapter has made them."""
    return json.dumps(list(rows), default=str)


def table(name: str) -> str:
    """For a FROM clause, with one parameter."""
    if connection.vendor == "postgresql":
        return f"jsonb_array_elements(%s::jsonb) AS {name}(value)"
    return f"json_each(%s) AS {name}"


def column(name: str, place: int, kind: str) -> str:
    """The value at a place of each row, of a PostgreSQL type."""
    text = f"{name}.value ->> {place}"
    return f"({text})::{kind}" if connection.vendor == "postgresql" else f"({text})"
