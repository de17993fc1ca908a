"""The queue of runs: the database is the queue, a message only wakes a worker.

Workers are told of no more runs than they can hold; the others wait as rows, the longest due
first, among those of one slot in random order. The window is strict: whoever fills it holds a lock
while counting and marking, so that two who feed at once see each other's marks. Only what somebody
asks for by hand comes on top.

A run is marked before its message is sent: a process that dies in between, and a broker that
forgets, lose a message and not the run, which is told of again, each time after twice as long. It
keeps its place in the window meanwhile. What the broker would not take is unmarked at once.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from kombu.exceptions import OperationalError

from accounts import database
from coach.models import MissionRun

logger = logging.getLogger(__name__)

RUN_MISSION_DAY = "coach.run_mission_day"
# A run that nobody has begun so long after its message is told of again.
PATIENCE = timedelta(seconds=30)
LONGEST_PATIENCE = timedelta(minutes=10)
MOST_COUNTED = 10
BATCH = 500
# Any number: of the locks that are no row's, this one is the window's.
WINDOW_LOCK = 0x4C52_5155


class Message(NamedTuple):
    """What a worker is told, and of which run."""

    run: MissionRun
    args: tuple[int, str, str]


def feed(now: datetime) -> int:
    """Tell workers of the runs that wait, as many as there is room for; how many."""
    told, went = 0, [True]
    while all(went) and (messages := _take_next(now)):
        told += len(messages)
        went = _send_when_committed(messages)
    return told


def hand_over(run: MissionRun, now: datetime) -> None:
    """Tell a worker of this one at once, whoever else waits: somebody asked for it."""
    MissionRun.objects.filter(pk=run.pk).update(publish_at=now + PATIENCE, published=1)
    _send_when_committed([_message(run)])


@transaction.atomic
def _take_next(now: datetime) -> list[Message]:
    if not _has_work(now):
        return []
    _hold_the_window()
    told = _hold(MissionRun.objects.unheard(now), BATCH)
    room = settings.RUNS_IN_FLIGHT - MissionRun.objects.in_flight(now).count()
    told += _hold(MissionRun.objects.waiting(now), min(room, BATCH))
    _mark(told, now)
    return [_message(run) for run in told]


def _has_work(now: datetime) -> bool:
    """Looked at first, without the lock: mostly there is none."""
    runs = MissionRun.objects
    return runs.waiting(now).exists() or runs.unheard(now).exists()


def _hold_the_window() -> None:
    """Until the end of the transaction; of SQLite each transaction that writes has it alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WINDOW_LOCK])


def _hold(runs: QuerySet[MissionRun], most: int) -> list[MissionRun]:
    """Those that are not in somebody's hand at this moment."""
    if most <= 0:
        return []
    # Without the text columns: a situation has ten thousand characters.
    needed = runs.select_related("mission").only("local_date", "published", "mission__owner_id")
    return list(database.held(needed)[:most])


def _mark(runs: Iterable[MissionRun], now: datetime) -> None:
    together: dict[int, list[MissionRun]] = {}
    for run in runs:
        together.setdefault(run.published, []).append(run)
    for times, alike in together.items():
        MissionRun.objects.filter(pk__in=[run.pk for run in alike]).update(
            publish_at=now + min(PATIENCE * 2**times, LONGEST_PATIENCE),
            published=min(times + 1, MOST_COUNTED),
        )


def _message(run: MissionRun) -> Message:
    return Message(run, (run.mission.owner_id, str(run.mission_id), run.local_date.isoformat()))


def _send_when_committed(messages: Sequence[Message]) -> list[bool]:
    """Whether the broker took them; empty where the transaction around this goes on."""
    went: list[bool] = []
    # No functools.partial: Django wants the name of a robust callback that fails.
    transaction.on_commit(lambda: went.append(_send(messages)), robust=True)
    return went


def _send(messages: Sequence[Message]) -> bool:
    sent = 0
    try:
        with current_app.producer_or_acquire() as producer:
            for message in messages:
                current_app.send_task(RUN_MISSION_DAY, args=list(message.args), producer=producer)
                sent += 1
    except OperationalError:
        _unmark(messages[sent:])
        logger.warning("the broker is away: %d runs wait", len(messages) - sent)
    return sent == len(messages)


def _unmark(messages: Sequence[Message]) -> None:
    """As if nobody had tried: their place in line is that of their slot again."""
    keys = [message.run.pk for message in messages]
    told = MissionRun.objects.unfinished().filter(pk__in=keys, published__gt=0)
    told.update(publish_at=F("due_at"), published=F("published") - 1)
