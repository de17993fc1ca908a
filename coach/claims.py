"""Who may work on what the model is asked for: one worker, for as long as it keeps its lease."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError
from django.db.models import F, QuerySet

from accounts.patience import while_the_database_is_away
from coach.models import Asked

Row = TypeVar("Row", bound=Asked)


class Lost(Exception):
    """Another worker took over; whatever this one still does must not be written."""


@dataclass(frozen=True, slots=True)
class Claim(Generic[Row]):
    """The right to finish one row; every write is on condition that `fence` is still ours."""

    row: Row
    fence: int

    def renew(self, now: datetime) -> None:
        self.write(lease_until=now + Asked.LEASE)

    def write(self, **values: object) -> None:
        """Set fields of the row; raises Lost when it is no longer ours."""
        held = _of(self.row).filter(fence=self.fence, outcome=Asked.UNDER_WAY).update(**values)
        if not held:
            raise Lost(str(self.row.pk))
        for name, value in values.items():
            setattr(self.row, name, value)

    def hand_back(self, until: datetime | None = None, /, **values: object) -> None:
        """Let another worker go on with it, not before `until`: no attempt that broke off."""
        left = max(self.row.attempts - 1, 0)
        self.write(outcome=Asked.DUE, lease_until=until, attempts=left, **values)

    def break_off(self, until: datetime | None = None, /, **values: object) -> None:
        """The same after an attempt that broke off, which counts; see `is_hopeless`."""
        self.write(outcome=Asked.DUE, lease_until=until, **values)

    @property
    def is_hopeless(self) -> bool:
        """Whoever took it before never came back, as often as that may happen."""
        return self.row.attempts > Asked.MOST_ATTEMPTS

    def drop(self) -> None:
        """Give the row up as if it had never been opened."""
        _of(self.row).filter(fence=self.fence, outcome=Asked.UNDER_WAY).delete()


def take(row: Row, now: datetime) -> Claim[Row] | None:
    """Claim a row whose lease is free; None when it is finished or held by another."""
    taken = (
        type(row)
        .claimable(now)
        .filter(pk=row.pk)
        .update(
            outcome=Asked.UNDER_WAY,
            lease_until=now + Asked.LEASE,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
        )
    )
    # Ours by now: a database that goes away this moment must not leave it to nobody.
    is_there = while_the_database_is_away(lambda: look_again(row))
    return Claim(row, row.fence) if taken and is_there else None


def leave(how: Callable[[], None]) -> None:
    """Give a row up in the way that `how` does, while something worse is on its way.

    Where it is not ours any more, or the database stays away, its lease gives it up.
    """
    with suppress(Lost, DatabaseError, InterfaceError):
        while_the_database_is_away(how)


def look_again(row: Asked) -> bool:
    """Read what others made of a row; False when it is gone, with its mission or its tester."""
    try:
        row.refresh_from_db()
    except type(row).DoesNotExist:
        return False
    return True


def _of(row: Asked) -> QuerySet[Asked]:
    return type(row)._default_manager.filter(pk=row.pk)
