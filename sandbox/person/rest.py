"""Rest mode: every few months the rider tells the ring to leave them alone for some days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sandbox.person.rider import at_home, luck

EVERY_DAYS = 140
BEGINS_AT = 37  # of those days


@dataclass(frozen=True, slots=True)
class Rest:
    first_date: date
    last_date: date
    start_at: datetime
    end_at: datetime


def rest_beginning(local_date: date) -> Rest | None:
    """The period that begins on that day, if one does."""
    if local_date.toordinal() % EVERY_DAYS != BEGINS_AT:
        return None
    last_date = local_date + timedelta(days=luck(local_date, "rest").randrange(2, 6))
    return Rest(local_date, last_date, at_home(local_date, 7, 40), at_home(last_date, 20, 15))


def is_resting_on(local_date: date) -> bool:
    began = local_date - timedelta(days=(local_date.toordinal() - BEGINS_AT) % EVERY_DAYS)
    rest = rest_beginning(began)
    return rest is not None and local_date <= rest.last_date
