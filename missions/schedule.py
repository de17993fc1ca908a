"""When a mission's morning comes: next_run_at from zone and send time, and what wakes us for it.

One rule: the slot of a local date is its send time on the tester's wall clock. A time the spring
change skips is the same instant, an hour later on the clock; of a time that comes twice in autumn
the first counts. Slots are computed here with zoneinfo, never in SQL.
"""

import json
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.models import User
from missions.models import Mission

OPEN_MORNINGS = "coach.open_mornings"
# Below the five minutes between two wake-ups: a late one must not pile up on the next.
EXPIRES_S = 240
BATCH = 500


def slot_on(mission: Mission, day: date) -> datetime:
    """The instant (UTC) at which the brief of that local date is due."""
    wall = datetime.combine(day, mission.send_time, tzinfo=mission.zone)
    return wall.astimezone(UTC)


def next_slot(mission: Mission, after: datetime) -> datetime:
    """The first slot later than `after`, on whichever local date it falls."""
    today = after.astimezone(mission.zone).date()
    slots = (slot_on(mission, today + timedelta(days=ahead)) for ahead in range(-1, 3))
    return next(slot for slot in slots if slot > after)


def local_date_of(mission: Mission, slot: datetime) -> date:
    """The local date a slot belongs to: the one it was made for."""
    near = slot.astimezone(mission.zone).date()
    around = (near + timedelta(days=shift) for shift in (0, -1, 1))
    return next((day for day in around if slot_on(mission, day) == slot), near)


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
        keep_wake_up(before.timezone)
        keep_wake_up(mission.timezone)


def stop_for(user: User, now: datetime) -> None:
    """Deletion step: no morning of theirs comes any more."""
    Mission.objects.owned_by(user).update(next_run_at=None)


def pass_over(mission: Mission, local_date: date) -> None:
    """The morning of a date whose run was asked for before its time does not come again."""
    slot = mission.next_run_at
    if slot is None or local_date_of(mission, slot) > local_date:
        return
    after = slot_on(mission, local_date + timedelta(days=1))
    if Mission.objects.filter(pk=mission.pk, next_run_at=slot).update(next_run_at=after):
        mission.next_run_at = after


@transaction.atomic
def keep_wake_up(timezone_name: str) -> None:
    """One row per timezone in use: it only wakes us; which missions are due is `next_run_at`."""
    name = f"mornings in {timezone_name}"
    # Locked before we look who needs it, or the last to leave could switch it off for the next.
    row = PeriodicTask.objects.select_for_update().filter(name=name).first()
    is_used = Mission.objects.live().filter(timezone=timezone_name).exists()
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


def claim_due(timezone_name: str, now: datetime) -> list[tuple[Mission, date]]:
    """Take the due missions of a zone, each with the local date that is due; each once.

    A slot is taken by moving `next_run_at` on, on condition that nobody moved it first.
    """
    claimed = []
    due = Mission.objects.due(now).filter(timezone=timezone_name).select_related("owner")
    with transaction.atomic():
        for mission in due.order_by("next_run_at", "pk")[:BATCH]:
            slot = mission.next_run_at
            moved = Mission.objects.filter(pk=mission.pk, next_run_at=slot).update(
                next_run_at=next_slot(mission, now)
            )
            if moved and slot is not None:
                # After an outage only the newest morning is worth a brief.
                claimed.append((mission, local_date_of(mission, latest_slot(mission, now))))
    return claimed


def latest_slot(mission: Mission, now: datetime) -> datetime:
    """The last slot that is not later than `now`."""
    today = now.astimezone(mission.zone).date()
    slots = (slot_on(mission, today + timedelta(days=ahead)) for ahead in (1, 0, -1, -2))
    return next(slot for slot in slots if slot <= now)
