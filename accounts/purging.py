"""Deleting many rows a part at a time, so that nobody waits behind one long statement."""

from django.db.models import Model, QuerySet

BATCH = 1_000
# What is left over then is left to the next night.
MOST_AT_ONCE = 500_000


def in_batches(rows: QuerySet[Model]) -> int:
    """Delete the rows, oldest key first; how many there were."""
    purged = 0
    while purged < MOST_AT_ONCE:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        rows.model._default_manager.filter(pk__in=keys).delete()
        purged += len(keys)
    return purged
