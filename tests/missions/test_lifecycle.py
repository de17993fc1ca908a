import ast
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
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
MOVES = [
    (State.PREP, State.TRAINING),
    (State.TRAINING, State.EVENT_ACTIVE),
    (State.EVENT_ACTIVE, State.MISSION_COMPLETE),
    (State.TRAINING, State.PREP),
]


def stored(mission: Mission) -> tuple[str, datetime | None]:
    row = Mission.objects.get(pk=mission.pk)
    return row.state, row.next_run_at


def start(mission: Mission, by: User | None = None) -> None:
    lifecycle.advance(
        mission, to=State.TRAINING, now=NOW, by=by or mission.owner, reason="Started."
    )


def told(mission: Mission) -> list[tuple[str, str, str | None, str, datetime]]:
    """The moves of a mission, as their rows tell them."""
    return [
        (row.from_state, row.to_state, row.by.email if row.by else None, row.reason, row.at)
        for row in mission.moves.select_related("by")
    ]


def test_start_sets_the_first_morning_and_a_wake_up(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)

    start(mission)

    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)
    assert (mission.state, mission.next_run_at) == stored(mission)
    assert PeriodicTask.objects.get().name == "mornings in Europe/Paris"


def test_end_takes_the_next_morning_and_the_wake_up_away(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    start(mission)
    after = NOW + timedelta(days=35)

    lifecycle.keep_time(mission, now=after)

    assert stored(mission) == (State.MISSION_COMPLETE, None)
    assert PeriodicTask.objects.get().enabled is False


def test_event_keeps_a_morning_that_is_due_and_not_claimed_yet(tester: User) -> None:
    due = NOW - timedelta(minutes=3)
    mission = factories.mission(tester, event_start=TODAY, next_run_at=due)

    lifecycle.keep_time(mission, local_date=TODAY, now=NOW)

    assert stored(mission) == (State.EVENT_ACTIVE, due)


@pytest.mark.parametrize(
    ("came_from", "to"), [pair for pair in product(State, State) if pair not in MOVES]
)
def test_move_that_the_lifecycle_does_not_have_is_refused(
    tester: User, came_from: State, to: State
) -> None:
    mission = factories.mission(tester, state=came_from)

    with pytest.raises(IllegalTransition) as refusal:
        lifecycle.advance(mission, to=to, now=NOW, by=tester, reason="Because.")

    assert str(refusal.value) == f"A mission in {came_from.label} cannot move to {to.label}."
    assert stored(mission) == (came_from, None)


@pytest.mark.parametrize("live", [State.TRAINING, State.EVENT_ACTIVE])
def test_second_live_mission_of_a_tester_is_refused(tester: User, live: State) -> None:
    factories.mission(tester, state=live)
    second = factories.mission(tester, state=State.PREP)

    with pytest.raises(IllegalTransition) as refusal:
        start(second)

    assert str(refusal.value) == (
        "You have a live mission already. Finish that one before you start another."
    )
    assert stored(second) == (second.state, second.next_run_at) == (State.PREP, None)


def test_live_mission_of_a_stranger_is_no_obstacle(tester: User, stranger: User) -> None:
    factories.mission(stranger)
    mission = factories.mission(tester, state=State.PREP)

    start(mission)

    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)


def test_move_that_somebody_made_first_is_refused(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    stale = Mission.objects.get(pk=mission.pk)
    start(mission)

    with pytest.raises(IllegalTransition) as refusal:
        start(stale)

    assert str(refusal.value) == "Another process moved this mission first. Reload it."
    assert stored(mission) == (State.TRAINING, TOMORROW_AT_SIX)


def outcome_of_start(mission: Mission) -> str:
    try:
        start(mission)
    except IllegalTransition as refusal:
        return str(refusal)
    return "started"


@pytest.mark.django_db(transaction=True)
def test_two_missions_started_at_once_become_one_live_mission() -> None:
    tester = factories.tester()
    missions = [factories.mission(tester, state=State.PREP) for _ in range(2)]

    answers = at_once(*[partial(outcome_of_start, mission) for mission in missions])

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

    noon = datetime.combine(local_date, time(12), tzinfo=UTC)
    lifecycle.keep_time(mission, local_date=local_date, now=noon)

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


# --- who, when and why -------------------------------------------------------------------------


def test_every_move_is_told_with_who_made_it_when_and_why(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    on, after = NOW + timedelta(days=30), NOW + timedelta(days=35)

    start(mission)
    for moment in (on, after, after):
        lifecycle.keep_time(mission, now=moment)

    assert told(mission) == [
        ("PREP", "TRAINING", "tester@example.org", "Started.", NOW),
        ("TRAINING", "EVENT_ACTIVE", None, "The first day of the event has come.", on),
        ("EVENT_ACTIVE", "MISSION_COMPLETE", None, "The last day of the event is over.", after),
    ]


def test_move_that_is_refused_is_not_told(tester: User) -> None:
    factories.mission(tester)
    second = factories.mission(tester, state=State.PREP)

    assert outcome_of_start(second) == lifecycle.ONE_AT_A_TIME

    assert told(second) == []


def test_operator_takes_a_mission_back_into_preparation(tester: User) -> None:
    mission, operator = factories.mission(tester, state=State.PREP), factories.operator()
    start(mission)

    lifecycle.advance(mission, to=State.PREP, now=NOW, by=operator, reason="Started too soon.")

    assert stored(mission) == (State.PREP, None)
    assert told(mission)[1:] == [("TRAINING", "PREP", "ops@example.org", "Started too soon.", NOW)]
    assert PeriodicTask.objects.get().enabled is False


@pytest.mark.parametrize(
    ("came_from", "to", "who", "reason", "error", "message"),
    [
        (State.PREP, State.TRAINING, "stranger", "x", "NotYours", lifecycle.OWNER_ALONE),
        (State.PREP, State.TRAINING, "operator", "x", "NotYours", lifecycle.OWNER_ALONE),
        (State.PREP, State.TRAINING, None, "x", "NotYours", lifecycle.OWNER_ALONE),
        (State.TRAINING, State.PREP, "owner", "x", "NotYours", lifecycle.OPERATORS_ALONE),
        (State.TRAINING, State.PREP, None, "x", "NotYours", lifecycle.OPERATORS_ALONE),
        (State.TRAINING, State.PREP, "operator", " ", "NoReason", lifecycle.SAY_WHY),
        (State.TRAINING, State.EVENT_ACTIVE, "owner", "x", "NotYours", lifecycle.CALENDAR_ALONE),
        (State.TRAINING, State.EVENT_ACTIVE, "operator", "x", "NotYours", lifecycle.CALENDAR_ALONE),
        (
            *(State.TRAINING, State.EVENT_ACTIVE, None, "x", "IllegalTransition"),
            "The day for this move has not come yet.",
        ),
    ],
)
def test_move_of_somebody_else_or_before_its_time_is_refused(
    tester: User,
    stranger: User,
    came_from: State,
    to: State,
    who: str | None,
    reason: str,
    error: str,
    message: str,
) -> None:
    mission = factories.mission(tester, state=came_from)
    people = {"owner": tester, "stranger": stranger, "operator": factories.operator()}

    with pytest.raises(IllegalTransition) as refusal:
        lifecycle.advance(mission, to=to, now=NOW, by=people[who] if who else None, reason=reason)

    assert (type(refusal.value).__name__, str(refusal.value)) == (error, message)
    assert (stored(mission), told(mission)) == ((came_from, None), [])


@pytest.mark.parametrize(
    ("zone", "outcome"), [("Pacific/Pago_Pago", "started"), ("Asia/Tokyo", lifecycle.EVENT_IS_OVER)]
)
def test_mission_whose_event_is_over_is_not_started(tester: User, zone: str, outcome: str) -> None:
    """At that moment the 3rd is not over yet in Pago Pago; in Tokyo it is."""
    yesterday = TODAY - timedelta(days=1)
    mission = factories.mission(
        tester, state=State.PREP, event_start=yesterday, event_end=yesterday, timezone=zone
    )

    assert outcome_of_start(mission) == outcome


def test_calendar_does_not_move_a_mission_whose_days_changed_meanwhile(tester: User) -> None:
    stale = factories.mission(tester, event_start=TODAY)
    Mission.objects.update(event_start=TODAY + timedelta(days=1))

    lifecycle.keep_time(stale, local_date=TODAY, now=NOW)

    assert (stored(stale)[0], stale.state, told(stale)) == (State.TRAINING, State.TRAINING, [])


@pytest.mark.parametrize(
    ("imported_from", "days", "outcome"),
    [("tour.toml", -1, "complete"), ("tour.toml", 0, "refused"), ("", -1, "refused")],
)
def test_only_an_imported_mission_that_is_over_is_complete_at_once(
    tester: User, imported_from: str, days: int, outcome: str
) -> None:
    day = TODAY + timedelta(days=days)
    mission = factories.mission(
        tester, state=State.PREP, event_start=day, event_end=day, imported_from=imported_from
    )

    if outcome == "complete":
        lifecycle.as_recorded(mission, now=NOW, by=None)
        reason = "Imported as recorded in tour.toml."
        assert told(mission) == [("PREP", "MISSION_COMPLETE", None, reason, NOW)]
    else:
        with pytest.raises(IllegalTransition):
            lifecycle.as_recorded(mission, now=NOW, by=None)
    assert (stored(mission)[0] == State.MISSION_COMPLETE) is (outcome == "complete")


# --- the one place -----------------------------------------------------------------------------


def written_states(tree: ast.AST) -> list[int]:
    """The lines that give somebody a `state`: by assignment, by keyword of a write, by save."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            lines += [
                node.lineno
                for target in targets
                if isinstance(target, ast.Attribute) and target.attr == "state"
            ]
        if isinstance(node, ast.Call) and _is_write(node):
            lines += [node.lineno for word in node.keywords if word.arg == "state"]
            lines += [
                node.lineno
                for word in node.keywords
                if word.arg in {"update_fields", "defaults"} and "'state'" in ast.dump(word.value)
            ]
    return lines


def _is_write(call: ast.Call) -> bool:
    writes = {"update", "create", "save", "update_or_create", "get_or_create", "bulk_update"}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name in writes or (isinstance(call.func, ast.Name) and call.func.id == "Mission")


def test_nobody_else_writes_a_state() -> None:
    """Of the rooms that know missions; the other two have states of their own."""
    base = Path(settings.BASE_DIR)
    files = [
        path for room in ("coach", "missions", "lanterne") for path in (base / room).rglob("*.py")
    ]
    found = {
        str(path.relative_to(base)) for path in files if written_states(ast.parse(path.read_text()))
    }

    # Editing puts the state that is stored back into an instance that was read earlier.
    assert found == {"missions/lifecycle.py", "missions/editing.py"}
    editing = (base / "missions" / "editing.py").read_text().splitlines()
    assert [
        editing[line - 1].strip() for line in written_states(ast.parse("\n".join(editing)))
    ] == ["mission.state = before.state"]


def test_mission_that_is_over_stands_in_nobody_s_way(tester: User) -> None:
    over = factories.mission(
        tester,
        state=State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY - timedelta(days=1),
    )
    mission = factories.mission(tester, state=State.PREP)

    lifecycle.advance(mission, to=State.TRAINING, now=NOW, by=tester, reason="Started.")

    over.refresh_from_db()
    assert (over.state, mission.state) == (State.MISSION_COMPLETE, State.TRAINING)


def test_time_passes_over_a_mission_that_was_deleted_meanwhile(tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY)
    Mission.objects.all().delete()

    lifecycle.keep_time(mission, now=NOW)
