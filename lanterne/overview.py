"""What the console's first page tells at a glance: open incidents, the day's runs, their cost."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Min

from coach import spending
from coach.models import Incident, MissionRun

# Mornings follow the sun: a day's worth of them is what was due in the last 24 hours.
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """Those of one kind that nobody has resolved."""

    kind: str
    name: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs that were due within a day and ended, or stand, in one way."""

    outcome: str
    name: str
    count: int


def at_a_glance(now: datetime) -> dict[str, Any]:
    incidents = open_incidents()
    today, month = spending.so_far(now)
    return {
        "incidents": incidents,
        "incident_count": sum(one.count for one in incidents),
        "oldest_incident": min((one.oldest for one in incidents), default=None),
        "runs": runs_of_a_day(now),
        "spent": (("Today (UTC)", today), ("This month (UTC)", month)),
    }


def open_incidents() -> list[OpenIncidents]:
    """By kind, that with the oldest first."""
    rows = Incident.objects.open().order_by().values_list("kind")
    found = rows.annotate(count=Count("pk"), oldest=Min("opened_at")).order_by("oldest")
    return [
        OpenIncidents(kind, str(Incident.Kind(kind).label), count, oldest)
        for kind, count, oldest in found
    ]


def runs_of_a_day(now: datetime) -> list[Runs]:
    """Every outcome there is, also those that none had."""
    first_date = (now - A_DAY).astimezone(UTC).date() - A_DAY
    due = MissionRun.objects.filter(
        local_date__gte=first_date, due_at__gt=now - A_DAY, due_at__lte=now
    )
    counts = dict(due.order_by().values_list("outcome").annotate(Count("pk")))
    return [Runs(one.value, str(one.label), counts.get(one.value, 0)) for one in MissionRun.Outcome]
