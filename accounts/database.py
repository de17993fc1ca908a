"""What one database can and the other cannot, and its connection while something slow is asked."""

from typing import TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def held(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Locked until the transaction ends, without what it is joined to; those of others left out.

    Where the database cannot leave them out, two claims come one after the other.
    """
    return rows.select_for_update(
        no_key=True,
        of=("self",) if connection.features.has_select_for_update_of else (),
        skip_locked=connection.features.has_select_for_update_skip_locked,
    )


def give_back() -> None:
    """Hand it back, or close it: hundreds who wait for an answer share a few connections.

    Not within a transaction, which would end with it. The next query gets a new one.
    """
    if not connection.in_atomic_block:
        connection.close()
