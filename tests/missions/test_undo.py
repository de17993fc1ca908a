from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from missions import editing, lifecycle, progress, undo
from missions.changes import Day
from missions.models import Mission, MissionEdit
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

State = Mission.State
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def live(tester: User) -> Mission:
    """In training, its next morning planned, its stages of several kinds."""
    mission = factories.mission(tester, state=State.PREP, blackout_dates=["2026-07-20"])
    kinds = ["flat", "hilly", "mountain", "itt", "flat"]
    plan = [
        Day(stage.date, kind, stage.number == 5)
        for stage, kind in zip(mission.stages.all(), kinds, strict=True)
    ]
    editing.keep(mission, NOW, stages=plan)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW, by=tester, reason="Started.")
    return Mission.objects.get()


def change(mission: Mission, **values: Any) -> editing.Change:
    mission = Mission.objects.get(pk=mission.pk)
    for name, value in values.items():
        setattr(mission, name, value)
    return editing.keep(mission, NOW, by=mission.owner)


def stands(mission: Mission) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The rows of a mission and its stages, but for their keys and when they were written."""
    row = Mission.objects.values().get(pk=mission.pk) | {"updated_at": None}
    return row, list(mission.stages.values_list("number", "date", "stage_type", "is_rest_day"))


@pytest.mark.parametrize(
    "values",
    [
        {"event_start": date(2026, 8, 5)},
        {"event_end": date(2026, 8, 4)},
        {"event_start": date(2026, 9, 3), "event_end": date(2026, 9, 7)},
        {"timezone": "Pacific/Kiritimati"},
        {"send_time": time(5, 0)},
        {"prep_start": date(2026, 6, 1)},
    ],
    ids="-".join,
)
def test_undo_restores_exactly_what_stood(live: Mission, values: dict[str, Any]) -> None:
    before = stands(live)
    edit = change(live, **values).edit
    assert stands(live) != before
    assert edit is not None

    editing.take_back(live, LATER)

    assert stands(live) == before
    assert MissionEdit.objects.get().undone_at == LATER


def test_changes_are_undone_newest_first_and_each_once(live: Mission) -> None:
    first = stands(live)
    change(live, send_time=time(5, 0))
    second = stands(live)
    change(live, timezone="Asia/Tokyo")

    editing.take_back(live, LATER)
    assert stands(live) == second
    editing.take_back(live, LATER)
    assert stands(live) == first
    with pytest.raises(undo.Refused) as refusal:
        editing.take_back(live, LATER)

    assert str(refusal.value) == undo.NOTHING


def test_what_was_changed_along_with_the_days_and_since_stays(live: Mission) -> None:
    change(live, send_time=time(5, 0), name="Other", targets={"ctl": 70})
    change(live, notes="Said later.")

    editing.take_back(live, LATER)

    row, _ = stands(live)
    told = (row["send_time"], row["name"], row["targets"], row["notes"])
    assert told == (time(6, 0), "Other", {"ctl": 70}, "Said later.")


def plan_anew(mission: Mission) -> None:
    mission.stages.filter(number=2).update(stage_type="mountain")


def begin(mission: Mission) -> None:
    Mission.objects.filter(pk=mission.pk).update(state=State.EVENT_ACTIVE)


def go_back(mission: Mission) -> None:
    Mission.objects.filter(pk=mission.pk).update(state=State.PREP, next_run_at=None)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (plan_anew, undo.CHANGED_SINCE),
        (begin, undo.MOVED_SINCE),
        (go_back, undo.MOVED_SINCE),
    ],
)
def test_what_happened_since_stands_in_the_way(
    live: Mission, meanwhile: Callable[[Mission], None], reason: str
) -> None:
    change(live, send_time=time(5, 0))
    meanwhile(live)
    before = stands(live)

    with pytest.raises(undo.Refused) as refusal:
        editing.take_back(Mission.objects.get(), LATER)

    assert (str(refusal.value), stands(live)) == (reason, before)
    edit = MissionEdit.objects.get()
    assert edit.undone_at is None
    assert not undo.is_possible(Mission.objects.get(), edit, LATER)


def test_change_that_let_the_event_begin_is_not_undone(live: Mission) -> None:
    told = change(live, event_start=TODAY).sentences
    assert told[0] == "Training ends and the event begins today. This cannot be undone."
    assert Mission.objects.get().state == State.EVENT_ACTIVE

    with pytest.raises(undo.Refused) as refusal:
        editing.take_back(Mission.objects.get(), LATER)

    assert str(refusal.value) == undo.MOVED_SINCE


def test_stage_that_was_settled_since_stands_in_the_way(tester: User) -> None:
    mission = factories.mission(
        tester, state=State.EVENT_ACTIVE, event_start=TODAY, event_end=TODAY + timedelta(days=3)
    )
    first = mission.stages.all()[0]
    editing.keep(mission, NOW, by=tester, stages=[Day(first.date, "mountain", False)])
    progress.settle(mission, mission.stages.all()[0], None, now=NOW)

    with pytest.raises(undo.Refused) as refusal:
        editing.take_back(mission, LATER)

    assert str(refusal.value) == undo.SETTLED_SINCE
    assert mission.stages.all()[0].stage_type == "mountain"


def test_stage_that_was_settled_since_and_stays_as_it_was_is_no_obstacle(tester: User) -> None:
    mission = factories.mission(
        tester, state=State.EVENT_ACTIVE, event_start=TODAY, event_end=TODAY + timedelta(days=3)
    )
    first, second = mission.stages.all()[:2]
    editing.keep(mission, NOW, by=tester, stages=[Day(second.date, "mountain", False)])
    progress.settle(mission, first, None, now=NOW)

    editing.take_back(mission, LATER)

    assert [stage.stage_type for stage in mission.stages.all()] == ["flat"] * 4


def test_event_that_would_be_over_is_not_brought_back(tester: User) -> None:
    mission = factories.mission(
        tester, state=State.EVENT_ACTIVE, event_start=TODAY, event_end=TODAY
    )
    mission.event_end = TODAY + timedelta(days=2)
    editing.keep(mission, NOW, by=tester)

    with pytest.raises(undo.Refused) as refusal:
        editing.take_back(mission, NOW + timedelta(days=1))

    assert str(refusal.value) == undo.WOULD_BE_OVER


@pytest.mark.django_db(transaction=True)
def test_undo_pressed_twice_at_once_is_made_once() -> None:
    tester = factories.tester()
    mission = factories.mission(tester)
    change(mission, send_time=time(4, 0))
    newest = change(mission, send_time=time(5, 0)).edit
    assert newest is not None

    def press() -> str:
        with time_machine.travel(NOW, tick=False):
            try:
                editing.take_back(Mission.objects.get(), LATER, newest.pk)
            except undo.Refused as reason:
                return str(reason)
        return "undone"

    outcomes = at_once(press, press)

    assert sorted(outcomes) == [undo.UNDONE_ALREADY, "undone"]
    assert Mission.objects.get().send_time == time(4, 0)


def test_undo_brings_back_no_stage_that_has_lost_its_price(live: Mission) -> None:
    stage = live.stages.get(number=1)
    editing.keep(live, NOW, stages=[Day(stage.date, "mtn_itt", False)])
    editing.keep(live, NOW, stages=[Day(stage.date, "flat", False)])
    del live.points_schema["mtn_itt"]
    editing.keep(live, NOW)

    with pytest.raises(undo.Refused, match="A stage of the kind mountain time trial earns nothi"):
        editing.take_back(live, LATER)

    assert live.stages.get(number=1).stage_type == "flat"


def test_change_that_moved_the_event_away_from_today_is_not_undone(live: Mission) -> None:
    change(live, event_start=date(2026, 9, 1), event_end=date(2026, 9, 5))
    later = datetime(2026, 8, 4, 12, tzinfo=UTC)

    with time_machine.travel(later, tick=False), pytest.raises(undo.Refused) as refusal:
        editing.take_back(Mission.objects.get(), later)

    assert str(refusal.value) == undo.WOULD_BEGIN
    assert Mission.objects.get().state == State.TRAINING


def test_kind_of_a_rest_day_is_no_change_to_undo(live: Mission) -> None:
    told = change(live, send_time=time(5, 0))
    rest_day = live.stages.get(number=5)

    now_stored = Mission.objects.get()
    silent = editing.keep(now_stored, NOW, stages=[Day(rest_day.date, "itt", True)])

    assert (silent.sentences, silent.edit, MissionEdit.objects.count()) == ((), None, 1)
    assert told.edit is not None
    editing.take_back(Mission.objects.get(), LATER)
    assert Mission.objects.get().send_time == time(6, 0)
