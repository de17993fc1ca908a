"""Every stored secret under the newest key, while the service runs.

Each row is a transaction of its own and is written on condition that it still holds what was read:
what a worker or a tester writes meanwhile stays. Broken off, it goes on with the next start.
"""

from dataclasses import dataclass, field

from accounts.encryption import WrongEncryptionKey, is_newest, renew
from lanterne.stored_secrets import Place

BATCH = 500
# The second pass proves the first; more are for rows that somebody changed in that very moment.
MOST_PASSES = 5


@dataclass(slots=True)
class Tally:
    """Rows of a place, by how they were found; of `left` the newest key is not proven."""

    renewed: int = 0
    already_new: int = 0
    left: int = 0
    unopened: list[str] = field(default_factory=list)


def rotate(place: Place) -> Tally:
    """Renew what is not under the newest key, until a whole pass finds nothing to renew."""
    tally = last = _pass(place, is_dry_run=False)
    for _ in range(MOST_PASSES - 1):
        if not last.renewed + last.left:
            break
        last = _pass(place, is_dry_run=False)
        tally.renewed += last.renewed
    tally.left, tally.unopened = last.renewed + last.left, last.unopened
    return tally


def look(place: Place) -> Tally:
    """What a rotation would find and renew; nothing is written."""
    return _pass(place, is_dry_run=True)


def _pass(place: Place, *, is_dry_run: bool) -> Tally:
    tally = Tally()
    for batch in place.batches(BATCH):
        for pk, stored in batch:
            _take(tally, place, pk, stored, is_dry_run=is_dry_run)
    return tally


def _take(tally: Tally, place: Place, pk: object, stored: str, *, is_dry_run: bool) -> None:
    if all(map(is_newest, place.secrets_in(stored))):
        tally.already_new += 1
        return
    try:
        new = place.replaced(stored, renew)
    except WrongEncryptionKey:
        tally.unopened.append(f"{place} of {pk}")
        return
    if is_dry_run or place.put(pk, stored, new):
        tally.renewed += 1
    else:
        tally.left += 1
