from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask

from accounts import artifacts
from accounts.models import Artifact, User
from missions import editing, lifecycle, progress, undo
from missions.changes import Day
from missions.models import Mission, RideMode
from missions.points import default_points_schema
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

State = Mission.State
TODAY_AT_SIX = datetime(2026, 7, 4, 4, 0, tzinfo=UTC)


def test_new_mission_is_stored_with_its_stages_and_without_mornings(tester: User) -> None:
    mission = Mission(
        owner=tester,
        name="Tour",
        mission_type="tt_series",
        event_start=TODAY,
        event_end=TODAY + timedelta(days=1),
        timezone="Europe/Paris",
    )

    editing.keep(mission, NOW)

    stored = Mission.objects.get()
    assert (stored, stored.state, stored.next_run_at) == (mission, State.PREP, None)
    assert list(stored.stages.values_list("number", "date", "stage_type")) == [
        (1, TODAY, "itt"),
        (2, TODAY + timedelta(days=1), "itt"),
    ]
    assert not PeriodicTask.objects.exists()


def test_change_is_stored_and_the_next_morning_follows(tester: User) -> None:
    mission = factories.mission(tester, next_run_at=TODAY_AT_SIX + timedelta(days=1))
    mission.name, mission.send_time = "Tour, again", time(7, 30)

    with time_machine.travel(NOW, tick=False):
        editing.keep(mission, NOW)

    stored = Mission.objects.get()
    assert (stored.name, stored.next_run_at, stored.updated_at) == (
        *("Tour, again", datetime(2026, 7, 5, 5, 30, tzinfo=UTC)),
        NOW,
    )


def test_change_between_slot_and_claim_leaves_todays_brief_due(tester: User) -> None:
    mission = factories.mission(tester, next_run_at=TODAY_AT_SIX)
    mission.name = "Tour, again"

    editing.keep(mission, TODAY_AT_SIX + timedelta(minutes=3))

    assert Mission.objects.get().next_run_at == TODAY_AT_SIX


def test_change_does_not_write_a_state_that_has_moved_on(tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY, next_run_at=TODAY_AT_SIX)
    open_on_a_page = Mission.objects.get()
    lifecycle.keep_time(mission, local_date=TODAY, now=NOW)

    open_on_a_page.name = "Tour, again"
    editing.keep(open_on_a_page, NOW)

    stored = Mission.objects.get()
    assert (stored.name, stored.state) == ("Tour, again", State.EVENT_ACTIVE)
    assert open_on_a_page.state == State.EVENT_ACTIVE


def test_mission_that_was_completed_meanwhile_is_not_changed(tester: User) -> None:
    mission = factories.mission(tester, state=State.MISSION_COMPLETE)
    row = Mission.objects.values().get()
    mission.state, mission.name = State.EVENT_ACTIVE, "Tour, again"

    with pytest.raises(editing.Locked) as refusal:
        editing.keep(mission, NOW)

    assert (str(refusal.value), refusal.value.field) == (editing.COMPLETE, "")
    assert Mission.objects.values().get() == row


def test_first_day_of_an_event_that_is_on_stays_and_the_rest_may_change(tester: User) -> None:
    mission = factories.mission(tester, state=State.EVENT_ACTIVE, event_start=TODAY)
    mission.event_start = TODAY + timedelta(days=1)

    with pytest.raises(editing.Locked) as refusal:
        editing.keep(mission, NOW)

    assert refusal.value.field == "event_start"
    assert Mission.objects.get().event_start == TODAY
    mission.event_start, mission.event_end = TODAY, TODAY + timedelta(days=1)
    editing.keep(mission, NOW)
    assert mission.stages.count() == 2


def test_change_made_from_an_older_version_is_refused_with_the_current_one(tester: User) -> None:
    first = factories.mission(tester)
    second = Mission.objects.get()
    first.name, second.name = "By the first", "By the second"
    read_at = first.updated_at
    editing.keep(first, NOW, expected=read_at)

    with pytest.raises(editing.Stale) as refusal:
        editing.keep(second, NOW, expected=read_at)

    assert refusal.value.current.name == Mission.objects.get().name == "By the first"
    editing.keep(second, NOW, expected=first.updated_at)
    assert Mission.objects.get().name == "By the second"


def test_change_of_a_mission_that_was_deleted_does_not_bring_it_back(tester: User) -> None:
    mission = factories.mission(tester)
    Mission.objects.all().delete()

    with pytest.raises(Mission.DoesNotExist):
        editing.keep(mission, NOW)

    assert not Mission.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_exactly_one_is_written(tester: User) -> None:
    read_at = factories.mission(tester).updated_at

    def change(name: str) -> str:
        mission = Mission.objects.get()
        mission.name = name
        try:
            editing.keep(mission, NOW, expected=read_at)
        except editing.Stale:
            return "refused"
        return name

    outcomes = at_once(lambda: change("One"), lambda: change("Two"))

    assert sorted(outcomes) in (["One", "refused"], ["Two", "refused"])
    assert Mission.objects.get().name in outcomes


def test_removed_mission_takes_the_wake_up_of_its_zone_along(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(
        mission, to=Mission.State.TRAINING, now=NOW, by=mission.owner, reason="Started."
    )

    editing.remove(mission, NOW)

    assert not Mission.objects.exists()
    assert list(PeriodicTask.objects.values_list("name", "enabled")) == [
        ("mornings in Europe/Paris", False)
    ]


def test_removed_mission_leaves_the_wake_up_that_others_need(tester: User, stranger: User) -> None:
    mission, other = (factories.mission(user, state=State.PREP) for user in (tester, stranger))
    for one in (mission, other):
        lifecycle.advance(one, to=Mission.State.TRAINING, now=NOW, by=one.owner, reason="Started.")

    editing.remove(mission, NOW)

    assert Mission.objects.get() == other
    assert PeriodicTask.objects.get().enabled


def test_change_of_zone_moves_the_wake_up(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(
        mission, to=Mission.State.TRAINING, now=NOW, by=mission.owner, reason="Started."
    )
    mission.timezone = "Asia/Tokyo"

    editing.keep(mission, NOW)

    assert dict(PeriodicTask.objects.values_list("name", "enabled")) == {
        "mornings in Europe/Paris": False,
        "mornings in Asia/Tokyo": True,
    }


def test_change_of_dates_plans_the_stages_anew(mission: Mission) -> None:
    mission.event_end = mission.event_start

    editing.keep(mission, NOW)

    assert [stage.date for stage in mission.stages.all()] == [mission.event_start]


# --- stages ------------------------------------------------------------------------------------


def test_event_that_moves_takes_the_kinds_of_its_stages_along(mission: Mission) -> None:
    kinds = [("hilly", False), ("mountain", False), ("flat", True), ("itt", False), ("flat", False)]
    plan = zip(mission.stages.all(), kinds, strict=True)
    editing.keep(mission, NOW, stages=[Day(stage.date, *kind) for stage, kind in plan])
    mission.event_start += timedelta(days=3)
    mission.event_end += timedelta(days=3)

    editing.keep(mission, NOW)

    assert [(stage.stage_type, stage.is_rest_day) for stage in mission.stages.all()] == kinds
    assert mission.stages.all()[0].date == mission.event_start


def test_stage_of_a_day_outside_the_event_is_refused_and_nothing_is_written(
    mission: Mission,
) -> None:
    mission.name = "Tour, again"

    with pytest.raises(editing.Misplanned) as refusal:
        editing.keep(mission, NOW, stages=[Day(TODAY, "flat", False)])

    assert str(refusal.value) == "2026-07-04 is not a day of the event."
    assert Mission.objects.get().name == "Tour of the Valleys"


def test_settled_stage_and_the_prices_of_an_event_that_is_on_stay(tester: User) -> None:
    mission = factories.mission(tester, state=State.EVENT_ACTIVE, event_start=TODAY)
    progress.settle(mission, mission.stages.all()[0], None, now=NOW)

    with pytest.raises(editing.Locked) as settled:
        editing.keep(mission, NOW, stages=[Day(TODAY, "itt", False)])
    mission.points_schema = {"flat": {"gc": 1, "breakaway": 2}}
    with pytest.raises(editing.Locked) as prices:
        editing.keep(mission, NOW)

    assert (str(settled.value), settled.value.field) == (
        *("Stage 1 is settled and can no longer be changed.", "stages"),
    )
    assert (str(prices.value), prices.value.field) == (editing.PRICES_STAND, "points_schema")


# --- what a change tells -----------------------------------------------------------------------


def test_change_of_a_live_missions_days_is_kept_with_before_and_after(
    tester: User, mission: Mission
) -> None:
    before = undo.written(mission)
    mission.send_time = time(5, 0)

    change = editing.keep(mission, NOW, by=tester)

    assert change.sentences == ("The brief comes at 05:00 instead of 06:00.",)
    assert change.edit == mission.edits.get()
    assert (change.edit.before, change.edit.after, change.edit.by) == (
        before,
        {**before, "send_time": "05:00:00"},
        tester,
    )


@pytest.mark.parametrize(
    ("state", "values"),
    [(State.PREP, {"send_time": time(5, 0)}), (State.TRAINING, {"name": "Tour, again"})],
)
def test_change_before_training_or_of_anything_else_needs_no_word(
    tester: User, state: State, values: dict[str, object]
) -> None:
    mission = factories.mission(tester, state=state)
    for name, value in values.items():
        setattr(mission, name, value)

    assert editing.keep(mission, NOW, by=tester) == editing.Change()
    assert not mission.edits.exists()


def test_files_of_a_removed_mission_go_with_the_next_purge(tester: User) -> None:
    mission, other = factories.mission(tester), factories.mission(tester, state=State.PREP)
    for one in (mission, other):
        key = artifacts.key_for(tester, one.pk, TODAY, "run.json")
        artifacts.put(tester, key, b"{}", Artifact.Retention.REASONING)

    editing.remove(mission, NOW)

    assert artifacts.purge(NOW) == 1
    assert Artifact.objects.get().key == artifacts.key_for(tester, other.pk, TODAY, "run.json")


def test_stage_without_a_price_is_refused_where_it_is_planned(mission: Mission) -> None:
    Mission.objects.update(points_schema={"flat": {"gc": 5, "breakaway": 8}})
    mission.refresh_from_db()
    mountain = [Day(mission.event_start, "mountain", False)]

    with pytest.raises(editing.Misplanned) as refusal:
        editing.keep(mission, NOW, stages=mountain)

    assert refusal.value.field == "stages"
    assert str(refusal.value).startswith("A stage of the kind mountain earns nothing here.")
    editing.keep(mission, NOW, stages=[Day(mission.event_start, "mountain", True)])
    assert mission.stages.get(number=1).is_rest_day


def test_price_of_a_kind_that_is_planned_cannot_be_left_out(mission: Mission) -> None:
    mission.points_schema = {"mountain": {"gc": 5, "breakaway": 8}}

    with pytest.raises(editing.Misplanned) as refusal:
        editing.keep(mission, NOW)

    assert refusal.value.field == "points_schema"
    assert "flat" in Mission.objects.get().points_schema


def test_stage_that_never_had_a_price_stands_in_the_way_of_nothing_else(mission: Mission) -> None:
    mission.stages.filter(number=2).update(stage_type="hilly")
    Mission.objects.update(points_schema={"flat": {"gc": 5, "breakaway": 8}})
    mission.refresh_from_db()
    mission.notes = "Another word."

    editing.keep(mission, NOW)

    assert Mission.objects.get().notes == "Another word."


def test_usual_stages_of_a_new_mission_are_of_a_kind_that_has_a_price(tester: User) -> None:
    mission = factories.mission(
        tester, mission_type="gran_fondo", points_schema={"mountain": {"gc": 5, "breakaway": 8}}
    )

    assert set(mission.stages.values_list("stage_type", flat=True)) == {"mountain"}


def test_event_that_is_on_does_not_move_to_where_it_has_not_begun(tester: User) -> None:
    mission = factories.mission(
        tester, state=State.EVENT_ACTIVE, timezone="Pacific/Kiritimati", event_start=TODAY
    )
    mission.timezone = "Pacific/Pago_Pago"

    with pytest.raises(editing.Locked) as refusal:
        editing.keep(mission, NOW)

    assert refusal.value.field == "timezone"
    assert Mission.objects.get().timezone == "Pacific/Kiritimati"


@pytest.mark.parametrize(
    "values",
    [
        {"event_start": date(2026, 8, 4)},
        {"event_end": date(2026, 8, 8)},
        {"points_schema": {"flat": {"gc": 1, "breakaway": 2}}},
    ],
    ids="-".join,
)
def test_days_and_points_of_an_imported_mission_stay_as_they_were_recorded(
    tester: User, values: dict[str, object]
) -> None:
    mission = factories.mission(tester, state=State.PREP, imported_from="tour.toml")
    for name, value in values.items():
        setattr(mission, name, value)

    with pytest.raises(editing.Locked) as refusal:
        editing.keep(mission, NOW)

    assert str(refusal.value) == editing.AS_RECORDED


def test_change_of_the_plan_tells_what_becomes_of_the_bonuses(tester: User) -> None:
    mission = factories.mission(
        tester,
        state=State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY,
        points_schema=default_points_schema()
        | {"bonuses": {"all_mountains_breakaway": {"threshold": 9, "points": 100}}},
    )
    mission.stages.update(stage_type="mountain")
    ridden = StageRidden(RideMode.BREAKAWAY, "strava:1", NOW)
    progress.settle(mission, mission.stages.get(number=1), ridden, now=NOW)

    there = editing.keep(mission, NOW, stages=[Day(TODAY, "flat", False)])
    back = editing.keep(mission, NOW, stages=[Day(TODAY, "mountain", False)])

    title = "“Every mountain stage in the breakaway”"
    assert there.sentences[-1] == f"{title} is earned with that: 100 points more."
    assert back.sentences[-1] == f"{title} is no longer earned: 100 points less."
