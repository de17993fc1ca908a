from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from missions import editing, lifecycle
from missions.models import Mission
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
    lifecycle.advance(mission, to=State.EVENT_ACTIVE, now=NOW)

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
    lifecycle.advance(mission, to=State.TRAINING, now=NOW)

    editing.remove(mission)

    assert not Mission.objects.exists()
    assert list(PeriodicTask.objects.values_list("name", "enabled")) == [
        ("mornings in Europe/Paris", False)
    ]


def test_removed_mission_leaves_the_wake_up_that_others_need(tester: User, stranger: User) -> None:
    mission, other = (factories.mission(user, state=State.PREP) for user in (tester, stranger))
    for one in (mission, other):
        lifecycle.advance(one, to=State.TRAINING, now=NOW)

    editing.remove(mission)

    assert Mission.objects.get() == other
    assert PeriodicTask.objects.get().enabled


def test_change_of_zone_moves_the_wake_up(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW)
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
