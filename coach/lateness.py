"""How late a morning may begin; later than that it is missed, and nobody is woken at night."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from uuid import UUID

from coach.models import MissionRun
from missions import schedule
from missions.models import Mission
from missions.schedule import Clock

LATEST = timedelta(hours=12)
# Of a brief that is sent shortly before midnight: its date is over before it can be made.
LEAST = timedelta(hours=2)
# What a worker needs once a wait is over: a run that waits to the last moment is not missed for it.
TO_BEGIN = timedelta(minutes=30)
MISSED = "No brief: the morning went by"


def give_up_at(mission: Mission | Clock, local_date: date) -> datetime:
    """Until when (UTC) the run of a local date may begin: while that date lasts, and 12 h at most.

    A brief sent less than two hours before midnight has two hours all the same.
    """
    slot = schedule.slot_on(mission, local_date)
    after = datetime.combine(local_date + timedelta(days=1), time(), tzinfo=mission.zone)
    return min(slot + LATEST, max(slot + LEAST, after.astimezone(slot.tzinfo)))


def wait_until(slot: datetime, wait_minutes: int, give_up: datetime) -> datetime | None:
    """How long it waits for last night; None when its tester does not want to wait."""
    if not wait_minutes:
        return None
    return min(slot + timedelta(minutes=wait_minutes), give_up - TO_BEGIN)


def missed_runs(
    mission_id: UUID,
    clock: Mission | Clock,
    dates: Iterable[date],
    event_end: date,
    now: datetime,
) -> list[MissionRun]:
    """The rows, not stored yet, of dates whose morning went by without any; not after the event."""
    return [
        MissionRun(
            mission_id=mission_id,
            local_date=local_date,
            trigger=MissionRun.Trigger.SCHEDULE,
            outcome=MissionRun.Outcome.MISSED,
            opened_at=now,
            due_at=schedule.slot_on(clock, local_date),
            finished_at=now,
            summary=MISSED,
        )
        for local_date in dates
        if local_date <= event_end
    ]
