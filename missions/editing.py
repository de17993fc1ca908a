"""Writing what a tester says of a mission; its stages and its mornings follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from django.db import transaction

from accounts import artifacts
from accounts.models import User
from missions import changes, lifecycle, progress, schedule, undo
from missions.changes import Course, Day
from missions.models import Mission, MissionEdit, Stage, StageType

COMPLETE = "This mission is complete and can no longer be changed."
EVENT_IS_ON = "The event has begun: its first day can no longer be changed."
PRICES_STAND = "The event has begun: the points of the game can no longer be changed."
NO_PRICE = (
    "A stage of the kind {kind} earns nothing here. Give that kind points for gc and breakaway, or "
    "choose another kind."
)
NOT_BEGUN_THERE = "The event has not begun in that time zone yet. Change it when it has."
AS_RECORDED = "This mission was imported: its days and points stay as they were recorded."


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


class Misplanned(Exception):
    """Stages and prices that do not fit the event or each other; `field` is the one at fault."""

    def __init__(self, message: str, field: str = "stages") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is written: what it did to the days, and the row that can undo it."""

    sentences: tuple[str, ...] = ()
    edit: MissionEdit | None = None

    @property
    def token(self) -> str:
        """Stands for exactly these sentences, so that what was confirmed is what is saved."""
        return sha256("\n".join(self.sentences).encode()).hexdigest()[:16]


@transaction.atomic
def keep(
    mission: Mission,
    now: datetime,
    expected: datetime | None = None,
    *,
    by: User | None = None,
    stages: Sequence[Day] = (),
) -> Change:
    """Write a new or changed mission; its state is read afresh, for it may have moved on.

    `expected` is the `updated_at` the change was made from; None writes over whatever is there.
    `stages` are the days that get another plan. A preview is this, rolled back.
    Raises Locked, Stale, Misplanned, or Mission.DoesNotExist when it was deleted meanwhile.
    """
    if mission._state.adding:
        mission.save()
        _plan(mission, stages)
        _require_prices(mission, changes.of(mission))
        return Change()
    before = Mission.objects.select_for_update().get(pk=mission.pk)
    if expected is not None and before.updated_at != expected:
        raise Stale(before)
    refuse_locked(mission, before, now)
    return _write(mission, before, now, by, stages)


@transaction.atomic
def take_back(mission: Mission, now: datetime, asked: int | None = None) -> None:
    """Undo the newest change of a live mission's days. Raises undo.Refused.

    `asked` is the key of the change somebody saw: pressed twice, the one before stays.
    """
    mission.refresh_from_db(from_queryset=Mission.objects.select_for_update())
    edit = undo.newest(mission)
    if edit is None:
        raise undo.Refused(undo.UNDONE_ALREADY if asked else undo.NOTHING)
    if asked not in (None, edit.pk):
        raise undo.Refused(undo.UNDONE_ALREADY)
    undo.require_possible(mission, edit, now)
    before = Mission.objects.get(pk=mission.pk)
    was, plan = changes.of(before), undo.restore(mission, edit)
    _save(mission, before)
    _plan(mission, plan)
    try:
        _require_prices(mission, changes.of(mission), was)
    except Misplanned as wrong:
        raise undo.Refused(str(wrong)) from wrong
    progress.award(mission, now)
    MissionEdit.objects.filter(pk=edit.pk, undone_at=None).update(undone_at=now)
    lifecycle.keep_time(mission, now=now)


@transaction.atomic
def remove(mission: Mission, now: datetime) -> None:
    """Delete a mission and all that hangs on it, its files with the next purge.

    Nobody is woken for it any more. One that is gone already is left at that.
    """
    # The account, the mission, its rows: in this order whoever writes one of them locks them too.
    artifacts.hold(mission.owner_id)
    if not Mission.objects.select_for_update().filter(pk=mission.pk).exists():
        return
    for relation in Mission._meta.related_objects:
        rows = relation.related_model._default_manager.filter(**{relation.field.name: mission})
        list(rows.select_for_update().values_list("pk"))
    artifacts.expire(mission.owner, mission.pk, now)
    mission.delete()
    schedule.keep_wake_up(mission.timezone)


def _write(
    mission: Mission, before: Mission, now: datetime, by: User | None, stages: Sequence[Day]
) -> Change:
    was, stood = changes.of(before), undo.written(before)
    _save(mission, before)
    _plan(mission, [*_carried(was, mission), *stages])
    progress.award(mission, now)
    lifecycle.keep_time(mission, now=now)
    course = changes.of(mission)
    _require_prices(mission, course, was)
    if course.plan == was.plan or before.state not in Mission.LIVE:
        return Change()
    edit = MissionEdit.objects.create(
        mission=mission, by=by, before=stood, after=undo.written(mission), at=now
    )
    return Change(tuple(changes.sentences(was, course, before.local_date(now))), edit)


def _save(mission: Mission, before: Mission) -> None:
    mission.state = before.state
    mission.save(update_fields=[*Mission.EDITABLE_FIELDS, "updated_at"])
    schedule.move(mission, before)


def _carried(was: Course, mission: Mission) -> list[Day]:
    """An event that moves as it is takes the kinds of its stages along."""
    shift = changes.moved(was, mission.event_start, mission.event_end)
    return [] if shift is None else moved_by(shift, was.stages)


def moved_by(shift: timedelta, days: Sequence[Day]) -> list[Day]:
    return [Day(day.date + shift, day.stage_type, day.is_rest_day) for day in days]


def _plan(mission: Mission, stages: Sequence[Day]) -> None:
    """One stage a day, the later word on a day being the one that holds."""
    if not mission.imported_from:  # its days stand as they were recorded, also those left out
        progress.plan_stages(mission)
    if not stages:
        return
    planned = {stage.date: stage for stage in mission.stages.select_related("progress")}
    changed = []
    for day in {day.date: day for day in stages}.values():
        stage = planned.get(day.date)
        if stage is None:
            raise Misplanned(f"{day.date.isoformat()} is not a day of the event.")
        if (stage.stage_type, stage.is_rest_day) == (day.stage_type, day.is_rest_day):
            continue
        if hasattr(stage, "progress"):
            raise Locked(f"Stage {stage.number} is settled and can no longer be changed.", "stages")
        stage.stage_type, stage.is_rest_day = day.stage_type, day.is_rest_day
        changed.append(stage)
    Stage.objects.bulk_update(changed, ["stage_type", "is_rest_day"])


def require_price(mission: Mission, stage: Stage) -> None:
    """Raise Misplanned for a stage to be ridden whose kind earns nothing in this mission."""
    if not stage.is_rest_day and stage.stage_type not in mission.points_schema:
        raise Misplanned(NO_PRICE.format(kind=StageType(stage.stage_type).label))


def _require_prices(mission: Mission, course: Course, was: Course | None = None) -> None:
    """Every kind of stage that is new in the plan, or whose price went, must have a price."""
    before = was.unpriced if was else frozenset[str]()
    for kind in sorted(course.unpriced - before):
        is_price = was is not None and kind in {day.stage_type for day in was.stages}
        raise Misplanned(
            NO_PRICE.format(kind=StageType(kind).label), "points_schema" if is_price else "stages"
        )


def refuse_locked(mission: Mission, before: Mission, now: datetime) -> None:
    """Raise Locked for a change that the mission's state, or where it came from, rules out."""
    if before.state == Mission.State.MISSION_COMPLETE:
        raise Locked(COMPLETE)
    locked: dict[str, str] = {}
    if before.imported_from:
        locked = dict.fromkeys(("event_start", "event_end", "points_schema"), AS_RECORDED)
    elif before.state == Mission.State.EVENT_ACTIVE:
        # Stages are counted from the first day, and points hang on them once the event is on.
        locked = {"event_start": EVENT_IS_ON, "points_schema": PRICES_STAND}
        if mission.local_date(now) < mission.event_start:
            locked["timezone"] = NOT_BEGUN_THERE
    for field, words in locked.items():
        if getattr(mission, field) != getattr(before, field):
            raise Locked(words, field=field)


def typed_plan(
    mission: Mission, before: Mission, typed: Mapping[date, tuple[str, bool]]
) -> list[Day]:
    """The days of a page that was opened before the event's dates changed: they go with it."""
    shift = mission.event_start - before.event_start
    if mission.event_end - before.event_end != shift:
        shift = timedelta()
    days = [Day(day + shift, kind, is_rest) for day, (kind, is_rest) in typed.items()]
    return [day for day in days if mission.event_start <= day.date <= mission.event_end]
