"""The only code that writes a mission's `state`: forward, one step, exactly once."""

from datetime import date, datetime

from django.db import IntegrityError, transaction

from missions import schedule
from missions.models import Mission

State = Mission.State

NEXT = {
    State.PREP: State.TRAINING,
    State.TRAINING: State.EVENT_ACTIVE,
    State.EVENT_ACTIVE: State.MISSION_COMPLETE,
}


class IllegalTransition(Exception):
    """A move the lifecycle does not have, or that another process made first."""


def advance(mission: Mission, *, to: State, now: datetime) -> None:
    """Move a mission one state forward; its mornings begin and end with it."""
    came_from, was_live = State(mission.state), mission.is_live
    if NEXT.get(came_from) != to:
        raise IllegalTransition(f"A mission in {came_from.label} cannot move to {to.label}.")
    try:
        with transaction.atomic():
            moved = Mission.objects.filter(pk=mission.pk, state=came_from).update(state=to)
            if not moved:
                raise IllegalTransition("Another process moved this mission first. Reload it.")
            mission.state = to
            if mission.is_live != was_live:
                schedule.replan(mission, now)
    except IntegrityError as error:
        raise IllegalTransition(
            "You have a live mission already. Finish that one before you start another."
        ) from error


def keep_time(mission: Mission, *, local_date: date, now: datetime) -> None:
    """Make the moves that the calendar makes: into the event, and out of it."""
    try:
        _move_with_the_date(mission, local_date, now)
    except IllegalTransition:
        # Somebody else looked at the same moment and made the move.
        mission.refresh_from_db(fields=["state", "next_run_at"])


def _move_with_the_date(mission: Mission, local_date: date, now: datetime) -> None:
    if mission.state == State.TRAINING and mission.event_start <= local_date:
        advance(mission, to=State.EVENT_ACTIVE, now=now)
    if mission.state == State.EVENT_ACTIVE and mission.event_end < local_date:
        advance(mission, to=State.MISSION_COMPLETE, now=now)
