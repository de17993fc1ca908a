"""A database of a benchmark's own: on the server of DATABASE_URL, or a SQLite file in VAR_DIR."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django


def settings_in(folder: Path) -> None:
    """The service in sandbox mode, with all its files in `folder`."""
    os.environ.update(DEBUG="1", SANDBOX="1", VAR_DIR=str(folder), LOG_LEVEL="WARNING")
    os.environ["DJANGO_SETTINGS_MODULE"] = "lanterne.settings"
    django.setup()
    # Settings can be had only now; with DEBUG on, every query would be kept.
    from django.conf import settings  # noqa: PLC0415

    settings.DEBUG = False


@contextmanager
def database_of_its_own(purpose: str) -> Iterator[str]:
    """Made new, dropped with the block; its name."""
    # As above.
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

    is_file = connection.vendor == "sqlite"
    name = f"lanterne_bench_{purpose}"
    # A pool would stand in the way of dropping it.
    connection.settings_dict["OPTIONS"].pop("pool", None)
    connection.settings_dict["TEST"]["NAME"] = (
        str(Path(os.environ["VAR_DIR"]) / "bench.sqlite3") if is_file else name
    )
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        yield name
    finally:
        teardown_databases(made, verbosity=0)
