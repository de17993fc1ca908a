"""The wake-ups of the mornings, zone by zone: who waits for them, and which is behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django_celery_beat.models import PeriodicTask

from missions.models import Mission
from missions.schedule import OPEN_MORNINGS, WAKE_UP


@dataclass(frozen=True, slots=True)
class Zone:
    """One row of the scheduler; `is_on` is None where a zone in use has none."""

    name: str
    missions: int
    next_at: datetime | None
    last_fired_at: datetime | None
    is_on: bool | None
    behind: timedelta | None

    @property
    def behind_min(self) -> int | None:
        """In whole minutes: how long the longest due morning has waited; None when none does."""
        return None if self.behind is None else int(self.behind.total_seconds() // 60)


def zones(now: datetime) -> list[Zone]:
    """Those in use and those with a row, the one that is furthest behind first."""
    waiting = {
        zone: (count, first)
        for zone, count, first in Mission.objects.filter(next_run_at__isnull=False)
        .order_by("timezone")
        .values_list("timezone")
        .annotate(Count("pk"), Min("next_run_at"))
    }
    rows = {
        name.removeprefix(WAKE_UP): (is_on, fired)
        for name, is_on, fired in PeriodicTask.objects.filter(
            task=OPEN_MORNINGS, name__startswith=WAKE_UP
        ).values_list("name", "enabled", "last_run_at")
    }
    found = []
    for name in sorted({*waiting, *rows}):
        missions, next_at = waiting.get(name, (0, None))
        is_on, fired = rows.get(name, (None, None))
        behind = now - next_at if next_at and next_at < now else None
        found.append(Zone(name, missions, next_at, fired, is_on, behind))
    return sorted(found, key=lambda zone: zone.behind or timedelta(), reverse=True)
