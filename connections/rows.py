"""Keeping what a source returned: new rows go in, known ones are updated, twice is once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import models, transaction

from connections.models import DailySample, Night, Ride

BATCH = 500


def keep_rides(rides: Iterable[Ride], *, is_newest: bool = True) -> int:
    return _upsert(Ride, rides, ("user", "source", "external_id"), is_newest)


def keep_nights(nights: Iterable[Night], *, is_newest: bool = True) -> int:
    return _upsert(Night, nights, ("user", "source", "local_date"), is_newest)


def keep_samples(samples: Iterable[DailySample], *, is_newest: bool = True) -> int:
    return _upsert(DailySample, samples, ("user", "source", "local_date", "kind"), is_newest)


@transaction.atomic
def _upsert(
    model: type[models.Model], rows: Iterable[models.Model], key: Sequence[str], is_newest: bool
) -> int:
    """The number of rows told, a batch of which is in memory at a time.

    What was known before is replaced, unless the source is known to have said it later.
    """
    on_conflict: dict[str, Any] = {"ignore_conflicts": True}
    if is_newest:
        fields = model._meta.concrete_fields
        on_conflict = {
            "update_conflicts": True,
            "unique_fields": key,
            "update_fields": [f.name for f in fields if f.name not in key and not f.primary_key],
        }
    told = 0
    for batch in _batches(rows):
        # One statement may touch a row once: of two with the same key the later one counts.
        latest = {tuple(getattr(row, name) for name in key): row for row in batch}
        model._default_manager.bulk_create(latest.values(), **on_conflict)
        told += len(latest)
    return told


def _batches(rows: Iterable[models.Model]) -> Iterator[list[models.Model]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch
