"""What waits for a worker, how much of it and since when: for /metrics and the console.

Each is asked of an index that holds what is open and nothing else, however much is done with.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Min, Q
from django_celery_beat.models import PeriodicTask

from coach.models import MissionDraft, MissionRun, ModelPace, Reflection
from connections.models import ProviderEvent, RateBudget, Turn
from notifications.models import Notification

# What waits for longer has something in its way.
STUCK_AFTER = timedelta(minutes=10)
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Queue:
    """One kind of work that waits. `since`: the longest waiting; None when none does."""

    what: str
    count: int
    since: datetime | None
    hint: str = ""

    def words(self, now: datetime) -> str:
        """Where an operator looks when it is stuck; empty while it moves."""
        return self.hint if self.since and now - self.since > STUCK_AFTER else ""

    def waited_s(self, now: datetime) -> float:
        return max((now - self.since).total_seconds(), 0.0) if self.since else 0.0


@dataclass(frozen=True, slots=True)
class Used:
    """Of something that is given out in portions: what of it, and how much. None: no limit."""

    labels: tuple[str, ...]
    used: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Queues:
    runs: Queue
    in_flight: Queue
    put_off: Queue
    files: Queue
    mails: Queue
    events: Queue

    def __iter__(self) -> Iterator[Queue]:
        return iter((self.runs, self.in_flight, self.put_off, self.files, self.mails, self.events))


def queues(now: datetime) -> Queues:
    return Queues(*_runs(now), _files(), _mails(), _events())


def _runs(now: datetime) -> tuple[Queue, Queue, Queue]:
    """Those whose time has come and that no worker was told of; those that one has; and others.

    Those wait for their next try, because the model has no room; not those that wait for the night.
    """
    is_held = Q(lease_until__gt=now)
    # The window of the queue holds a place for a message that got lost, too; here nobody has it.
    is_told = Q(published__gt=0, publish_at__gt=now, start_at__lte=now)
    waits = Q(start_at__lte=now) & ~is_told & (Q(lease_until=None) | Q(lease_until__lte=now))
    for_the_night = Q(wait_until__isnull=False, situation__isnull=True, attempts=0)
    is_put_off = Q(outcome=MissionRun.Outcome.DUE, start_at__gt=now) & ~for_the_night
    told: Mapping[str, Any] = MissionRun.objects.unfinished().aggregate(
        put_off=Count("pk", filter=is_put_off),
        # Its start is moved on with each try.
        put_off_since=Min("due_at", filter=is_put_off),
        waiting=Count("pk", filter=waits),
        since=Min("start_at", filter=waits),
        in_flight=Count("pk", filter=is_held | is_told),
    )
    return (
        Queue(
            "Runs that wait for a worker",
            told["waiting"],
            told["since"],
            "Too few workers, or none; or the model and the sources are slow: see what is in "
            "flight, and the workers’ logs.",
        ),
        # For how long nobody knows: a lease is renewed, and a message sent again.
        Queue("Runs in flight: a worker has them, or was told of them", told["in_flight"], None),
        Queue(
            "Runs put off until the model can be asked",
            told["put_off"],
            told["put_off_since"],
            "The model has no room for them, or is out of order: see its pace at /metrics and its "
            "limits, or raise COACH_MOST_AT_ONCE.",
        ),
    )


def _files() -> Queue:
    """A draft does not know when it was made: since it was touched last."""
    parts = [
        kind._default_manager.exclude(file_due_at=None).aggregate(
            count=Count("pk"), since=Min(F(finished))
        )
        for kind, finished in (
            (MissionRun, "finished_at"),
            (MissionDraft, "updated_at"),
            (Reflection, "finished_at"),
        )
    ]
    return Queue(
        "Files to be stored",
        sum(part["count"] for part in parts),
        min((part["since"] for part in parts if part["since"]), default=None),
        "No worker runs, or the storage refuses them: the workers’ logs say why. They are tried "
        "for a day.",
    )


def _mails() -> Queue:
    open_states = (Notification.State.PENDING, Notification.State.SENDING)
    told = Notification.objects.filter(state__in=open_states).aggregate(
        count=Count("pk"), since=Min("created_at")
    )
    return Queue(
        "Mails to be sent",
        told["count"],
        told["since"],
        "No worker runs, or the mail provider refuses them: then each has its last error. They are "
        "tried for a day.",
    )


def _events() -> Queue:
    told = ProviderEvent.objects.unhandled().aggregate(count=Count("pk"), since=Min("received_at"))
    return Queue(
        "Changes a source told of",
        told["count"],
        told["since"],
        "No worker runs, or the source cannot be read or has no room for us. They are tried for a "
        "day.",
    )


def turns(now: datetime) -> list[tuple[str, int]]:
    """What takes so many of us at once, and how many are there."""
    rows = Turn.objects.order_by("of").values_list("of")
    return list(rows.annotate(taken=Count("pk", filter=Q(held_until__gt=now))))


def rate_budgets(now: datetime) -> list[Used]:
    """By source and window; of a window that is over nothing is used."""
    used = []
    for row in RateBudget.objects.order_by("source"):
        is_quarter = row.quarter_started_at <= now < row.quarter_started_at + QUARTER
        is_day = row.day == now.astimezone(UTC).date()
        quarter = Used((row.source, "quarter"), row.quarter_used * is_quarter, row.quarter_limit)
        used += [quarter, Used((row.source, "day"), row.day_used * is_day, row.day_limit)]
    return used


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model's server is asked this minute, and how long it wants to be left alone."""

    server: str
    used: tuple[Used, ...]
    closed_s: float


def paces(now: datetime) -> list[Pace]:
    return [_pace(row, now) for row in ModelPace.objects.order_by("server")]


def _pace(row: ModelPace, now: datetime) -> Pace:
    is_now = row.minute_started_at <= now < row.minute_started_at + MINUTE
    used = (
        Used((row.server, "requests"), row.requests * is_now, row.requests_limit),
        Used((row.server, "tokens"), row.tokens * is_now, row.tokens_limit),
    )
    closed_s = (row.closed_until - now).total_seconds() if row.closed_until else 0.0
    return Pace(row.server, used, max(closed_s, 0.0))


def last_fired() -> datetime | None:
    """When the scheduler last sent a task out; None where it never has."""
    fired: datetime | None = PeriodicTask.objects.aggregate(last=Max("last_run_at"))["last"]
    return fired


def notices(now: datetime) -> list[str]:
    """What the console says on top: a scheduler that stands still, a model that is closed."""
    fired = last_fired()
    told = []
    if fired is None:
        told.append("The scheduler has never fired: no morning is opened without it.")
    elif now - fired > STUCK_AFTER:
        told.append(
            f"The scheduler has not fired since {fired.astimezone(UTC):%Y-%m-%d %H:%M} UTC: no "
            "morning is opened without it."
        )
    told += [
        f"{pace.server} wants to be left alone for another {round(pace.closed_s)} seconds."
        for pace in paces(now)
        if pace.closed_s
    ]
    return told
