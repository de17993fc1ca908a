"""The only code that writes `state`: one step, exactly once, each told in a MissionMove."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from missions import schedule
from missions.models import Mission, MissionMove

State = Mission.State

# Of each move there is, who makes it: the calendar, the owner, or an operator.
BY_THE_CALENDAR = {
    (State.TRAINING, State.EVENT_ACTIVE),
    (State.EVENT_ACTIVE, State.MISSION_COMPLETE),
}
BY_THE_OWNER = {(State.PREP, State.TRAINING)}
BY_AN_OPERATOR = {(State.TRAINING, State.PREP)}

STARTED = "Training was started."
ONE_AT_A_TIME = "You have a live mission already. Finish that one before you start another."
OVERTAKEN = "Another process moved this mission first. Reload it."
EVENT_IS_OVER = "The event is over. Change its dates first."
CALENDAR_ALONE = "The calendar makes this move, on the dates of the event."
OPERATORS_ALONE = "Only an operator can take a mission back into preparation. Ask one."
OWNER_ALONE = "Only its owner can start a mission."
# Kept as words for readers of any calendar: the move has its date, the mission its own.
FIRST_DAY_CAME = "The first day of the event has come."
LAST_DAY_OVER = "The last day of the event is over."
SAY_WHY = "Say why the mission goes back into preparation."


@dataclass(frozen=True, slots=True)
class Move:
    """One step, as it is asked for; `by` None is the calendar."""

    came_from: State
    to: State
    now: datetime
    by: User | None
    reason: str


class IllegalTransition(Exception):
    """A move the lifecycle does not have, or that another process made first."""


class NotYours(IllegalTransition):
    """A move that somebody else makes: the calendar, the owner or an operator."""


class NoReason(IllegalTransition):
    """A move that its maker has to explain."""


def advance(mission: Mission, *, to: State, now: datetime, by: User | None, reason: str) -> None:
    """Move a mission one step; its mornings begin and end with it. `by` None is the calendar."""
    move = Move(State(mission.state), to, now, by, reason)
    _refuse(mission, move)
    _write(mission, move)


def refuse_to_anybody_else(to: State, by: User) -> None:
    """Raise NotYours for a move that this person never makes, whatever the mission's state."""
    if to in (State.EVENT_ACTIVE, State.MISSION_COMPLETE):
        raise NotYours(CALENDAR_ALONE)
    if to == State.PREP and not by.is_staff:
        raise NotYours(OPERATORS_ALONE)


def as_recorded(mission: Mission, *, now: datetime, by: User | None) -> None:
    """Complete a mission that was ridden elsewhere and is only kept here."""
    if not mission.imported_from or mission.event_end >= mission.local_date(now):
        raise IllegalTransition("Only an imported mission whose event is over is complete at once.")
    reason = f"Imported as recorded in {mission.imported_from}."[:300]
    _write(mission, Move(State.PREP, State.MISSION_COMPLETE, now, by, reason))


def keep_time(mission: Mission, *, now: datetime, local_date: date | None = None) -> None:
    """Make the moves that the calendar makes: into the event, and out of it.

    `local_date` is today's of the mission unless given.
    """
    try:
        _move_with_the_date(mission, local_date or mission.local_date(now), now)
    except IllegalTransition:
        # Somebody else looked at the same moment and made the move, or changed the dates.
        with suppress(Mission.DoesNotExist):
            mission.refresh_from_db(fields=["state", "next_run_at"])


def keep_time_of(owner: User, now: datetime) -> None:
    """The same for all missions of a tester whose day to move may have come."""
    for mission in Mission.objects.overtaken(now).filter(owner=owner):
        keep_time(mission, now=now)


def _move_with_the_date(mission: Mission, local_date: date, now: datetime) -> None:
    if mission.state == State.TRAINING and mission.event_start <= local_date:
        advance(mission, to=State.EVENT_ACTIVE, now=now, by=None, reason=FIRST_DAY_CAME)
    if mission.state == State.EVENT_ACTIVE and mission.event_end < local_date:
        advance(mission, to=State.MISSION_COMPLETE, now=now, by=None, reason=LAST_DAY_OVER)


def _refuse(mission: Mission, move: Move) -> None:
    step = (move.came_from, move.to)
    if step in BY_THE_CALENDAR:
        _refuse_to_anticipate(mission, move)
    elif step in BY_THE_OWNER:
        _refuse_to_start(mission, move)
    elif step in BY_AN_OPERATOR:
        _refuse_to_go_back(move)
    else:
        raise IllegalTransition(
            f"A mission in {move.came_from.label} cannot move to {move.to.label}."
        )


def _refuse_to_anticipate(mission: Mission, move: Move) -> None:
    if move.by is not None:
        raise NotYours(CALENDAR_ALONE)
    today = mission.local_date(move.now)
    is_begin = move.to == State.EVENT_ACTIVE
    if not (mission.event_start <= today if is_begin else mission.event_end < today):
        raise IllegalTransition("The day for this move has not come yet.")


def _refuse_to_start(mission: Mission, move: Move) -> None:
    if move.by is None or move.by.pk != mission.owner_id:
        raise NotYours(OWNER_ALONE)
    if mission.event_end < mission.local_date(move.now):
        raise IllegalTransition(EVENT_IS_OVER)
    # Another one whose event is over stands in the way no longer than until somebody looks.
    keep_time_of(move.by, move.now)


def _refuse_to_go_back(move: Move) -> None:
    if move.by is None or not move.by.is_staff:
        raise NotYours(OPERATORS_ALONE)
    if not move.reason.strip():
        raise NoReason(SAY_WHY)


def _write(mission: Mission, move: Move) -> None:
    was_live = mission.is_live
    # The days and the zone are those the move was judged by: a change of them meanwhile wins.
    judged = Mission.objects.filter(
        pk=mission.pk,
        state=move.came_from,
        event_start=mission.event_start,
        event_end=mission.event_end,
        timezone=mission.timezone,
    )
    try:
        with transaction.atomic():
            if not judged.update(state=move.to):
                raise IllegalTransition(OVERTAKEN)
            mission.state = move.to
            MissionMove.objects.create(
                mission=mission,
                from_state=move.came_from,
                to_state=move.to,
                by=move.by,
                reason=move.reason,
                at=move.now,
            )
            if mission.is_live != was_live:
                schedule.replan(mission, move.now)
    except IntegrityError as error:
        raise IllegalTransition(ONE_AT_A_TIME) from error
