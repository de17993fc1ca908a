"""How the connections of each source stand, all testers together: for the operators."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q

from connections import sources
from connections.models import Connection

IS_BROKEN = Q(state=Connection.State.BROKEN)
IS_FAILING = ~IS_BROKEN & Q(failing_since__isnull=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """Of one source. `reasons`: why those in trouble are, and how many; the most frequent first."""

    source: str
    name: str
    working: int
    failing: int
    broken: int
    reasons: tuple[tuple[str, int], ...]
    failing_since: datetime | None
    last_success_at: datetime | None
    next_read_at: datetime | None


def of_the_sources() -> list[Condition]:
    reasons = _reasons()
    rows = (
        Connection.objects.order_by("provider")
        .values("provider")
        .annotate(
            count=Count("pk"),
            broken=Count("pk", filter=IS_BROKEN),
            failing=Count("pk", filter=IS_FAILING),
            failing_since=Min("failing_since"),
            last_success_at=Max("last_success_at"),
            next_read_at=Min("next_read_at", filter=~IS_BROKEN),
        )
    )
    return [
        Condition(
            source=row["provider"],
            name=sources.label_of(row["provider"]),
            working=row["count"] - row["broken"] - row["failing"],
            failing=row["failing"],
            broken=row["broken"],
            reasons=tuple(reasons.get(row["provider"], ())),
            failing_since=row["failing_since"],
            last_success_at=row["last_success_at"],
            next_read_at=row["next_read_at"],
        )
        for row in rows
    ]


def _reasons() -> dict[str, list[tuple[str, int]]]:
    """Asked of those in trouble alone: they are few."""
    troubled = Connection.objects.filter(IS_BROKEN | IS_FAILING).with_last_reason()
    counted = troubled.order_by().values_list("provider", "last_reason").annotate(n=Count("pk"))
    found: dict[str, list[tuple[str, int]]] = {}
    for provider, reason, count in counted.order_by("-n", "last_reason"):
        found.setdefault(provider, []).append((reason or "unknown", count))
    return found
