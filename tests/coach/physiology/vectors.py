"""The reference vectors, and a book of which of them a test has taken."""

import json
from pathlib import Path
from typing import Any

import pytest

Vector = dict[str, Any]

_FILE = Path(__file__).parents[2] / "data" / "test_vectors.json"
VECTORS: dict[str, list[Vector]] = {
    group: rows for group, rows in json.loads(_FILE.read_text()).items() if group != "_doc"
}
# pytest.approx as a field of a whole value, which its type would not allow.
about: Any = pytest.approx

taken: set[tuple[str, str]] = set()


def vectors(group: str, *names: str) -> pytest.MarkDecorator:
    """Run a test once per vector of a group, or per named one."""
    names = names or tuple(row["name"] for row in VECTORS[group])
    rows = {row["name"]: row for row in VECTORS[group]}
    taken.update((group, name) for name in names)
    return pytest.mark.parametrize("vector", [rows[name] for name in names], ids=names)


def samples(vector: Vector) -> list[float | None]:
    """A run-length series as 1 Hz samples."""
    return [watts for watts, seconds in vector["series"] for _ in range(seconds)]
