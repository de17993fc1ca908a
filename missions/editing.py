"""Writing what a tester says of a mission; its stages and its mornings follow."""

from datetime import datetime

from django.db import transaction

from missions import progress, schedule
from missions.models import Mission

COMPLETE = "This mission is complete and can no longer be changed."
EVENT_IS_ON = "The event has begun: its first day can no longer be changed."


class Locked(Exception):
    """A mission, or the one field that is named, can no longer be changed."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Stale(Exception):
    """Somebody wrote the mission after it was read for this change."""

    def __init__(self, current: Mission) -> None:
        super().__init__("The mission was changed meanwhile.")
        self.current = current


@transaction.atomic
def keep(mission: Mission, now: datetime, expected: datetime | None = None) -> None:
    """Write a new or changed mission; its state is read afresh, for it may have moved on.

    `expected` is the `updated_at` the change was made from; None writes over whatever is there.
    Raises Locked, Stale, or Mission.DoesNotExist when it was deleted meanwhile.
    """
    if mission._state.adding:
        mission.save()
    else:
        before = Mission.objects.select_for_update().get(pk=mission.pk)
        if expected is not None and before.updated_at != expected:
            raise Stale(before)
        _refuse_locked(mission, before)
        mission.state = before.state
        mission.save(update_fields=[*Mission.EDITABLE_FIELDS, "updated_at"])
        schedule.move(mission, before)
    progress.plan_stages(mission)


@transaction.atomic
def remove(mission: Mission) -> None:
    """Delete a mission and all that hangs on it; nobody is woken for it any more."""
    mission.delete()
    schedule.keep_wake_up(mission.timezone)


def _refuse_locked(mission: Mission, before: Mission) -> None:
    if before.state == Mission.State.MISSION_COMPLETE:
        raise Locked(COMPLETE)
    # Stages are counted from the first day, and points hang on them once the event is on.
    if before.state == Mission.State.EVENT_ACTIVE and mission.event_start != before.event_start:
        raise Locked(EVENT_IS_ON, field="event_start")
