from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product

import pytest
import time_machine
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from missions import lifecycle, tasks
from missions.lifecycle import IllegalTransition
from missions.models import Mission
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

State = Mission.State
TOMORROW_AT_SIX = datetime(2026, 7, 5, 4, 0, tzinfo=UTC)
FORWARD = [
    (State.PREP, State.TRAINING),
    (State.TRAINING, State.EVENT_ACTIVE),
    (State.EVENT_ACTIVE, State.MISSION_COMPLETE),
]


def stored(mission: Mission) -> tuple[str, datetime | None]:
    row = Mission.objects.get(pk=mission.pk)
    return row.state, row.next_run_at


def test_start_sets_the_first_morning_and_a_wake_up(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)

    lifecycle.advance(mission, to=State.TRAINING, now=NOW)

    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)
    assert (mission.state, mission.next_run_at) == stored(mission)
    assert PeriodicTask.objects.get().name == "mornings in Europe/Paris"


def test_end_takes_the_next_morning_and_the_wake_up_away(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW)
    lifecycle.advance(mission, to=State.EVENT_ACTIVE, now=NOW)

    lifecycle.advance(mission, to=State.MISSION_COMPLETE, now=NOW)

    assert stored(mission) == (State.MISSION_COMPLETE, None)
    assert PeriodicTask.objects.get().enabled is False


def test_event_keeps_a_morning_that_is_due_and_not_claimed_yet(tester: User) -> None:
    due = NOW - timedelta(minutes=3)
    mission = factories.mission(tester, next_run_at=due)

    lifecycle.advance(mission, to=State.EVENT_ACTIVE, now=NOW)

    assert stored(mission) == (State.EVENT_ACTIVE, due)


@pytest.mark.parametrize(
    ("came_from", "to"), [pair for pair in product(State, State) if pair not in FORWARD]
)
def test_move_that_is_not_one_step_forward_is_refused(
    tester: User, came_from: State, to: State
) -> None:
    mission = factories.mission(tester, state=came_from)

    with pytest.raises(IllegalTransition) as refusal:
        lifecycle.advance(mission, to=to, now=NOW)

    assert str(refusal.value) == f"A mission in {came_from.label} cannot move to {to.label}."
    assert stored(mission) == (came_from, None)


@pytest.mark.parametrize("live", [State.TRAINING, State.EVENT_ACTIVE])
def test_second_live_mission_of_a_tester_is_refused(tester: User, live: State) -> None:
    factories.mission(tester, state=live)
    second = factories.mission(tester, state=State.PREP)

    with pytest.raises(IllegalTransition) as refusal:
        lifecycle.advance(second, to=State.TRAINING, now=NOW)

    assert str(refusal.value) == (
        "You have a live mission already. Finish that one before you start another."
    )
    assert stored(second) == (second.state, second.next_run_at) == (State.PREP, None)


def test_live_mission_of_a_stranger_is_no_obstacle(tester: User, stranger: User) -> None:
    factories.mission(stranger)
    mission = factories.mission(tester, state=State.PREP)

    lifecycle.advance(mission, to=State.TRAINING, now=NOW)

    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)


def test_move_that_somebody_made_first_is_refused(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    stale = Mission.objects.get(pk=mission.pk)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW)

    with pytest.raises(IllegalTransition) as refusal:
        lifecycle.advance(stale, to=State.TRAINING, now=NOW)

    assert str(refusal.value) == "Another process moved this mission first. Reload it."
    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)


def start(mission: Mission) -> str:
    try:
        lifecycle.advance(mission, to=State.TRAINING, now=NOW)
    except IllegalTransition as refusal:
        return str(refusal)
    return "started"


@pytest.mark.django_db(transaction=True)
def test_two_missions_started_at_once_become_one_live_mission() -> None:
    tester = factories.tester()
    missions = [factories.mission(tester, state=State.PREP) for _ in range(2)]

    answers = at_once(*[partial(start, mission) for mission in missions])

    assert sorted(answers) == [
        "You have a live mission already. Finish that one before you start another.",
        "started",
    ]
    assert Mission.objects.live().count() == 1


# The event of these missions lasts from 4 to 6 July.
@pytest.mark.parametrize(
    ("came_from", "local_date", "went_to"),
    [
        (State.PREP, date(2026, 7, 20), State.PREP),
        (State.TRAINING, date(2026, 7, 3), State.TRAINING),
        (State.TRAINING, date(2026, 7, 4), State.EVENT_ACTIVE),
        (State.TRAINING, date(2026, 7, 6), State.EVENT_ACTIVE),
        (State.TRAINING, date(2026, 7, 7), State.MISSION_COMPLETE),
        (State.EVENT_ACTIVE, date(2026, 7, 6), State.EVENT_ACTIVE),
        (State.EVENT_ACTIVE, date(2026, 7, 7), State.MISSION_COMPLETE),
        (State.MISSION_COMPLETE, date(2026, 7, 5), State.MISSION_COMPLETE),
    ],
)
def test_calendar_moves_a_mission_into_its_event_and_out_of_it(
    tester: User, came_from: State, local_date: date, went_to: State
) -> None:
    mission = factories.mission(
        tester, state=came_from, event_start=TODAY, event_end=TODAY + timedelta(days=2)
    )

    lifecycle.keep_time(mission, local_date=local_date, now=NOW)

    assert stored(mission)[0] == mission.state == went_to


def test_calendar_move_that_somebody_made_first_is_simply_seen(tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY, next_run_at=TOMORROW_AT_SIX)
    stale = Mission.objects.get(pk=mission.pk)
    lifecycle.keep_time(mission, local_date=TODAY, now=NOW)

    lifecycle.keep_time(stale, local_date=TODAY, now=NOW)

    assert (stale.state, stale.next_run_at) == (State.EVENT_ACTIVE, TOMORROW_AT_SIX)


@time_machine.travel(datetime(2026, 7, 3, 10, 30, tzinfo=UTC), tick=False)
def test_sweep_moves_each_mission_at_its_own_midnight() -> None:
    """At that moment it is the 4th in Kiritimati, the 3rd in Paris and on Midway."""
    missions = [
        factories.mission(
            factories.tester(email=f"{number}@example.org", timezone=zone), event_start=TODAY
        )
        for number, zone in enumerate(["Pacific/Kiritimati", "Europe/Paris", "Pacific/Midway"])
    ]

    tasks.sweep()

    assert [stored(mission)[0] for mission in missions] == [
        *(State.EVENT_ACTIVE, State.TRAINING, State.TRAINING)
    ]


@time_machine.travel(datetime(2026, 7, 4, 10, 30, tzinfo=UTC), tick=False)
def test_sweep_ends_each_mission_after_its_own_last_day() -> None:
    """At that moment it is the 5th in Kiritimati, the 4th in Paris, the 3rd on Midway."""
    missions = [
        factories.mission(
            factories.tester(email=f"{number}@example.org", timezone=zone),
            state=State.EVENT_ACTIVE,
            event_start=TODAY - timedelta(days=3),
            event_end=TODAY,
        )
        for number, zone in enumerate(["Pacific/Kiritimati", "Europe/Paris", "Pacific/Midway"])
    ]

    tasks.sweep()

    assert [stored(mission)[0] for mission in missions] == [
        *(State.MISSION_COMPLETE, State.EVENT_ACTIVE, State.EVENT_ACTIVE)
    ]
