"""When a mission's morning comes: next_run_at from zone and send time, and what wakes us for it.

One rule. A *morning* is of a local date of the mission's own zone, and its slot is the send time
on that date on the tester's wall clock:

- A time the spring change skips is the same instant, an hour (on Lord Howe half an hour) later on
  the clock; of a time that comes twice in autumn the first counts. The slot stays that date's even
  where the change carries it over midnight (Troll). Zones of half and quarter hours, 29 February
  and a year's end are nothing special. A date that a country leaves out when it crosses the date
  line (Samoa, 30 December 2011) shares its instant with the next one, whose morning it is.
- `next_run_at` is the slot of the one date that is to come. When it has passed, the newest date
  whose slot has passed is opened, the dates before it are told as missed, and the first slot after
  now is next. Each date is opened once, and none that is older than one that was opened.
- Who moves (zone or send time changed) keeps the date that is to come: its slot is where the new
  clock has it, and if that has passed it is due at once. So flying west no date comes twice, and
  flying east none is left out. When a zone changes its rules, slots made before stay for one day.
- A morning may be made late, while its date lasts and for at most twelve hours
  (`coach.lateness`); after that it is missed, and nobody gets a brief at night.

Slots are computed here with zoneinfo, never in SQL: databases have other rules, and other answers
to the hours that are skipped or come twice.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts import database
from accounts.models import User
from missions import rows
from missions.models import Mission

OPEN_MORNINGS = "coach.open_mornings"
# Below the five minutes between two wake-ups: a late one must not pile up on the next.
EXPIRES_S = 240
WAKE_UP = "mornings in "
BATCH = 500
# Mornings that went by in a longer outage are not told one by one.
MOST_MISSED = 31


@dataclass(frozen=True, slots=True)
class Clock:
    """What the mornings of many missions have in common; a mission can stand in its place."""

    timezone: str
    send_time: time

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def slot_on(mission: Mission | Clock, day: date) -> datetime:
    """The instant (UTC) at which the brief of that local date is due."""
    wall = datetime.combine(day, mission.send_time, tzinfo=mission.zone)
    return wall.astimezone(UTC)


def next_slot(mission: Mission | Clock, after: datetime) -> datetime:
    """The first slot later than `after`, on whichever local date it falls."""
    today = after.astimezone(mission.zone).date()
    slots = (slot_on(mission, today + timedelta(days=ahead)) for ahead in range(-1, 3))
    return next(slot for slot in slots if slot > after)


def local_date_of(mission: Mission | Clock, slot: datetime) -> date:
    """The local date a slot belongs to: the one it was made for."""
    near = slot.astimezone(mission.zone).date()
    around = (near + timedelta(days=shift) for shift in (0, -1, 1))
    # The nearest: a zone that has changed its rules since has moved it by an hour or two.
    return min(around, key=lambda day: abs(slot_on(mission, day) - slot))


def replan(mission: Mission, now: datetime) -> None:
    """Set the next slot of a mission that came alive or stopped."""
    mission.next_run_at = next_slot(mission, now) if mission.is_live else None
    mission.save(update_fields=["next_run_at"])
    keep_wake_up(mission.timezone)


def move(mission: Mission, before: Mission) -> None:
    """Let the next slot follow a changed morning.

    The local date that was still to come stays the next one, so that no date is left out or
    briefed twice; if its new time is past already, it is due at once.
    """
    if before.next_run_at is None:
        return
    mission.next_run_at = slot_on(mission, local_date_of(before, before.next_run_at))
    mission.save(update_fields=["next_run_at"])
    if mission.timezone != before.timezone:
        # By name: two testers who swap their zones would else wait for each other's row.
        for zone in sorted({before.timezone, mission.timezone}):
            keep_wake_up(zone)


def stop_for(user: User, now: datetime) -> None:
    """Deletion step: no morning of theirs comes any more."""
    Mission.objects.owned_by(user).update(next_run_at=None)


def pass_over(mission: Mission, local_date: date) -> tuple[date, ...]:
    """The morning of a date whose run was asked for before its time does not come again.

    The dates before it that went by without anybody opening them: they do not come any more either.
    """
    slot = mission.next_run_at
    if slot is None or local_date_of(mission, slot) > local_date:
        return ()
    after = slot_on(mission, local_date + timedelta(days=1))
    if not Mission.objects.filter(pk=mission.pk, next_run_at=slot).update(next_run_at=after):
        return ()
    mission.next_run_at = after
    return dates_between(local_date_of(mission, slot), local_date)


def dates_between(first: date, end: date) -> tuple[date, ...]:
    """From the first to the day before the end, the last MOST_MISSED of them."""
    first = max(first, end - timedelta(days=MOST_MISSED))
    return tuple(first + timedelta(days=n) for n in range((end - first).days))


def keep_wake_ups(now: datetime) -> None:
    """What nobody's verb has kept true: missions go with their accounts, zones with them.

    A handful of queries whatever there is; only what differs is written, for each edit makes the
    scheduler read all of its rows again.
    """
    _plan_the_forgotten(now)
    wake_ups = PeriodicTask.objects.filter(task=OPEN_MORNINGS, name__startswith=WAKE_UP)
    stands = dict(wake_ups.values_list("name", "enabled"))
    in_use = set(_zones_in_use())
    awake = {name.removeprefix(WAKE_UP) for name, is_on in stands.items() if is_on}
    for zone in sorted(in_use ^ awake):
        keep_wake_up(zone)


def _plan_the_forgotten(now: datetime) -> None:
    """No verb leaves a live mission without its next morning; if one has it all the same."""
    forgotten = Mission.objects.live().filter(next_run_at=None, owner__is_active=True)
    for mission in forgotten.only("timezone", "send_time")[:BATCH]:
        forgotten.filter(pk=mission.pk).update(next_run_at=next_slot(mission, now))


def _zones_in_use() -> list[str]:
    """Skips from zone to zone along the index: DISTINCT would read the row of every mission."""
    return _zones("SELECT zone FROM used WHERE zone IS NOT NULL")


def zones_due(due_by: datetime) -> list[str]:
    """The zones with a mission whose next morning should have come by then."""
    return _zones(
        "SELECT zone FROM used WHERE zone IS NOT NULL AND EXISTS (SELECT 1 FROM {table} late "
        "WHERE late.timezone = zone AND late.next_run_at <= %s)",
        connection.ops.adapt_datetimefield_value(due_by),
    )


def _zones(chosen: str, *values: Any) -> list[str]:
    table = Mission._meta.db_table
    statement = f"""
        WITH RECURSIVE used(zone) AS (
            SELECT min(timezone) FROM {table} WHERE next_run_at IS NOT NULL
            UNION ALL
            SELECT (SELECT min(timezone) FROM {table}
                    WHERE next_run_at IS NOT NULL AND timezone > zone)
            FROM used WHERE zone IS NOT NULL
        ) {chosen.format(table=table)}
    """  # noqa: S608  the table's name is our own
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [zone for (zone,) in cursor.fetchall()]


@transaction.atomic
def keep_wake_up(timezone_name: str) -> None:
    """One row per timezone in use: it only wakes us; which missions are due is `next_run_at`."""
    name = f"{WAKE_UP}{timezone_name}"
    # Locked before we look who needs it, or the last to leave could switch it off for the next.
    row = PeriodicTask.objects.select_for_update().filter(name=name).first()
    waits = Mission.objects.live().filter(timezone=timezone_name, next_run_at__isnull=False)
    is_used = waits.exists()
    if row is not None and row.enabled != is_used:
        row.enabled = is_used
        row.save()
    if row is None and is_used:
        _wake_up(name, timezone_name)


def _wake_up(name: str, timezone_name: str) -> None:
    # `hour="*"`: the scheduler can skip a daily row for a whole day after an outage.
    every_five = {
        "minute": "*/5",
        "hour": "*",
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": timezone_name,
    }
    # The scheduler's table lets one schedule stand in it twice; any of them will do.
    found = CrontabSchedule.objects.filter(**every_five).first()
    PeriodicTask.objects.get_or_create(
        name=name,
        defaults={
            "task": OPEN_MORNINGS,
            "crontab": found or CrontabSchedule.objects.create(**every_five),
            "kwargs": json.dumps({"timezone_name": timezone_name}),
            "expire_seconds": EXPIRES_S,
        },
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with all missions of one clock that were due at the same instant.

    The newest local date is opened; those from `first` on that are older went by.
    """

    clock: Clock
    first: date
    local_date: date
    slot: datetime
    next_slot: datetime

    @property
    def missed(self) -> tuple[date, ...]:
        return dates_between(self.first, self.local_date)


@dataclass(frozen=True, slots=True)
class Morning:
    """A claimed morning of one mission; `is_wanted`: its owner is here and lets us read."""

    mission_id: UUID
    plan: Plan
    wait_minutes: int
    event_end: date
    is_wanted: bool


NEEDED = (
    *("pk", "timezone", "send_time", "next_run_at", "wait_minutes", "event_end"),
    *("owner__is_active", "owner__health_consent_at"),
)


def claim_due(
    timezone_name: str, now: datetime, *, due_by: datetime | None = None
) -> list[Morning]:
    """Take due missions of a zone, the longest due first; each once.

    `due_by`: only those due by then. Within the caller's transaction the rows stay locked; another
    claim passes over them where the database can, and else finds their slots moved on.
    """
    due = Mission.objects.due(due_by or now).filter(timezone=timezone_name)
    mornings: list[Morning] = []
    plans: dict[tuple[str, time, datetime], Plan] = {}
    with transaction.atomic():
        held = database.held(due.order_by("next_run_at"))
        # Plain values: the rows of a mission and its tester have seventy columns.
        for row in held.values_list(*NEEDED)[:BATCH]:
            key, zone, at, slot, wait, end, is_active, consented_at = row
            plan = plans.get((zone, at, slot))
            if plan is None:
                plan = plans[zone, at, slot] = _plan(Clock(zone, at), slot, now)
            is_wanted = is_active and consented_at is not None
            mornings.append(Morning(key, plan, wait, end, is_wanted))
        if mornings:
            _move_on(mornings)
    # Where a zone has changed its rules meanwhile, the morning may be still to come.
    return [one for one in mornings if one.plan.local_date >= one.plan.first]


def _plan(clock: Clock, due_at: datetime, now: datetime) -> Plan:
    """After an outage only the newest morning is worth a brief."""
    slot = latest_slot(clock, now)
    return Plan(
        clock,
        first=local_date_of(clock, due_at),
        local_date=local_date_of(clock, slot),
        slot=slot,
        next_slot=next_slot(clock, now),
    )


def _move_on(mornings: Iterable[Morning]) -> None:
    """In one statement, though every mission may have another next slot."""
    stored = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {Mission._meta.db_table} SET next_run_at = "  # noqa: S608  our own names
            f"{rows.column('moved', 1, 'timestamptz')} FROM {rows.table('moved')} "
            f"WHERE {Mission._meta.db_table}.id = {rows.column('moved', 0, 'uuid')}",
            [rows.parameter((one.mission_id.hex, stored(one.plan.next_slot)) for one in mornings)],
        )


def latest_slot(mission: Mission | Clock, now: datetime) -> datetime:
    """The last slot that is not later than `now`."""
    today = now.astimezone(mission.zone).date()
    slots = (slot_on(mission, today + timedelta(days=ahead)) for ahead in (1, 0, -1, -2))
    return next(slot for slot in slots if slot <= now)
