from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.models import User
from missions.models import Mission, Stage
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

State = Mission.State
NO_ZONE = "Mars/Olympus is not a time zone. Choose one from the list, such as Europe/Paris."


def new(owner: User, **fields: object) -> Mission:
    """A mission as a tester would make it, not stored yet."""
    values = {
        "name": "Tour of the Valleys",
        "mission_type": "road_stage_race",
        "event_start": TODAY,
        "event_end": TODAY,
        "timezone": "Europe/Paris",
        **fields,
    }
    return Mission(owner=owner, **values)


def faults(mission: Mission) -> dict[str, list[str]]:
    try:
        mission.full_clean()
    except ValidationError as error:
        told: dict[str, list[str]] = error.message_dict
        return told
    return {}


# --- rules -------------------------------------------------------------------------------------


def test_mission_has_the_defaults_of_the_form(tester: User) -> None:
    mission = new(tester)

    assert (mission.state, mission.send_time, mission.weekly_minutes) == ("PREP", time(6, 0), 420)
    assert mission.weekday_minutes == [90] * 7
    assert {name: getattr(mission, name) for name in Mission.LIMITS} == {
        "min_readiness": 70,
        "min_tsb": -15,
        "force_rest_readiness": 60,
        "force_rest_tsb": -20,
        "max_ramp_rate": 8,
        "max_consecutive_hard_days": 2,
        "max_hard_sessions_per_week": 3,
        "max_rhr": None,
        "max_zone": None,
    }
    assert {name: getattr(mission, name) for name in Mission.CONVENTIONS} == {
        "rhr_rise_bpm": 7,
        "max_days_without_rest": 6,
        "usual_ramp_rate": 5,
        "max_load_pct": 150,
        "max_monotony": 2,
        "new_tester_minutes": 75,
        "jet_lag_hours": 3,
    }
    assert mission.points_schema["mtn_itt"] == {"gc": 6, "breakaway": 9}


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, {}),
        ({"event_end": TODAY + timedelta(days=59)}, {}),
        (
            {"event_end": TODAY + timedelta(days=60)},
            {"event_end": ["An event of more than 60 days is more than we can plan."]},
        ),
        (
            {"event_end": TODAY - timedelta(days=1), "event_start": TODAY - timedelta(days=3)},
            {"event_end": ["The event is over. Choose dates that are still to come."]},
        ),
        (
            {"event_end": TODAY + timedelta(days=1), "event_start": TODAY + timedelta(days=2)},
            {"event_end": ["The last day of the event is before the first."]},
        ),
        ({"event_end": None}, {"event_end": ["This field cannot be null."]}),
        (
            {"timezone": "Mars/Olympus"},
            {"timezone": [NO_ZONE]},
        ),
        ({"name": ""}, {"name": ["This field cannot be blank."]}),
        (
            {"weekly_minutes": 59},
            {"weekly_minutes": ["Ensure this value is greater than or equal to 60."]},
        ),
        (
            {"weekday_minutes": [90] * 6 + [721]},
            {"weekday_minutes": ["The minutes on Sunday must be 0, or from 20 to 720."]},
        ),
        (
            {"weekday_minutes": [0] * 7},
            {"weekday_minutes": ["Leave at least one day of the week with time to ride."]},
        ),
        (
            {"blackout_dates": ["2026-07-10", "2026-02-30"]},
            {
                "blackout_dates": [
                    "“2026-02-30” is not a date. Write it as year-month-day: 2026-08-15."
                ]
            },
        ),
        (
            {"targets": {"long_ride_minutes": 10}},
            {"targets": ["The target long ride minutes must be a whole number from 20 to 720."]},
        ),
        (
            {"targets": {"watts": 10}},
            {
                "targets": [
                    "The targets are: ctl, long_ride_minutes, climb_minutes, threshold_minutes."
                ]
            },
        ),
        (
            {"prep_start": TODAY + timedelta(days=1)},
            {"prep_start": ["The preparation starts after the event. Choose an earlier day."]},
        ),
        (
            {"min_readiness": 101},
            {"min_readiness": ["Ensure this value is less than or equal to 100."]},
        ),
        (
            {"min_tsb": -61, "force_rest_tsb": -61},
            {"min_tsb": ["Ensure this value is greater than or equal to -60."]},
        ),
        (
            {"points_schema": {"flat": 5}},
            {
                "points_schema": [
                    '"flat" needs a price for each ride mode: gc and breakaway.',
                ]
            },
        ),
    ],
)
def test_mission_tells_what_is_wrong_with_it(
    tester: User, fields: dict[str, object], told: dict[str, list[str]]
) -> None:
    assert faults(new(tester, **fields)) == told


@time_machine.travel(datetime(2026, 7, 5, 2, 0, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("timezone", "is_over"),
    [("Pacific/Honolulu", False), ("Europe/Paris", True), ("Pacific/Auckland", True)],
)
def test_event_is_over_when_its_last_day_is_over_there(
    tester: User, timezone: str, is_over: bool
) -> None:
    told = faults(new(tester, timezone=timezone, event_start=TODAY, event_end=TODAY))

    assert (list(told) == ["event_end"]) is is_over


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            State.TRAINING,
            {"event_end": ["The event is over. Choose dates that are still to come."]},
        ),
        (State.MISSION_COMPLETE, {}),
    ],
)
def test_event_of_a_mission_that_is_not_complete_is_still_to_come(
    tester: User, state: State, told: dict[str, list[str]]
) -> None:
    days = {"event_start": date(2026, 6, 1), "event_end": date(2026, 6, 3)}
    mission = factories.mission(tester, state=state, **days)

    assert faults(mission) == told


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "PAUSED"},
        {"event_start": TODAY, "event_end": TODAY - timedelta(days=1)},
    ],
)
def test_row_that_breaks_a_rule_is_refused_by_the_database(
    tester: User, fields: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError):
        new(tester, **fields).save()


@pytest.mark.parametrize(
    ("states", "is_legal"),
    [
        ([State.TRAINING, State.EVENT_ACTIVE], False),
        ([State.TRAINING, State.TRAINING], False),
        ([State.PREP, State.PREP, State.TRAINING, State.MISSION_COMPLETE], True),
    ],
)
def test_tester_has_at_most_one_live_mission(
    tester: User, stranger: User, states: list[State], is_legal: bool
) -> None:
    factories.mission(stranger)
    for state in states[:-1]:
        new(tester, state=state).save()

    last = new(tester, state=states[-1])

    if is_legal:
        last.save()
    else:
        with pytest.raises(IntegrityError):
            last.save()


@pytest.mark.parametrize("fields", [{"number": 1}, {"date": TODAY}])
def test_mission_has_one_stage_a_number_and_a_day(tester: User, fields: dict[str, object]) -> None:
    mission = factories.mission(tester, event_start=TODAY, event_end=TODAY)
    values = {"number": 9, "date": TODAY + timedelta(days=9), "stage_type": "flat", **fields}

    with pytest.raises(IntegrityError):
        Stage.objects.create(mission=mission, **values)


# --- facts of one mission ----------------------------------------------------------------------


def test_days_to_event_count_down_past_it(mission: Mission) -> None:
    assert [mission.days_to_event(TODAY + timedelta(days=ahead)) for ahead in (0, 30, 31)] == [
        *(30, 0, -1)
    ]


def test_local_date_is_the_missions_own(tester: User) -> None:
    mission = factories.mission(tester, timezone="Pacific/Kiritimati")

    assert mission.local_date(datetime(2026, 7, 4, 10, 0, tzinfo=UTC)) == date(2026, 7, 5)
    assert tester.local_date(datetime(2026, 7, 4, 10, 0, tzinfo=UTC)) == TODAY


def test_stage_of_a_day_is_that_days_or_none(mission: Mission) -> None:
    stage = mission.stage_on(mission.event_start + timedelta(days=1))

    assert stage is not None
    assert (stage.number, str(stage)) == (2, "stage 2 (flat)")
    assert mission.stage_on(TODAY) is None


@pytest.mark.parametrize(
    ("state", "is_live"),
    [("PREP", False), ("TRAINING", True), ("EVENT_ACTIVE", True), ("MISSION_COMPLETE", False)],
)
def test_live_are_training_and_event(tester: User, state: str, is_live: bool) -> None:
    mission = factories.mission(tester, state=state)

    assert mission.is_live is is_live
    assert list(Mission.objects.live()) == ([mission] if is_live else [])


# --- sets of missions --------------------------------------------------------------------------


def test_current_is_the_live_one_then_the_next_then_the_last(tester: User, stranger: User) -> None:
    factories.mission(stranger)
    seen = [Mission.objects.current_for(tester)]
    made = []
    for state, start in [
        (State.MISSION_COMPLETE, date(2026, 5, 1)),
        (State.MISSION_COMPLETE, date(2026, 6, 1)),
        (State.PREP, date(2026, 3, 1)),
        (State.TRAINING, date(2026, 2, 1)),
    ]:
        made.append(factories.mission(tester, state=state, event_start=start, event_end=start))
        seen.append(Mission.objects.current_for(tester))

    assert seen == [None, *made]


def test_current_is_the_last_event_when_all_are_over(tester: User) -> None:
    late, _ = [
        factories.mission(tester, state=State.MISSION_COMPLETE, event_start=day, event_end=day)
        for day in (date(2026, 6, 1), date(2026, 5, 1))
    ]

    assert Mission.objects.current_for(tester) == late


@pytest.mark.parametrize(
    ("state", "first", "last", "is_overtaken"),
    [
        # NOW is 4 July 05:30 UTC: the 5th has begun nowhere yet that it could not begin soon.
        (State.TRAINING, date(2026, 7, 5), date(2026, 7, 9), True),
        (State.TRAINING, date(2026, 7, 6), date(2026, 7, 9), False),
        (State.EVENT_ACTIVE, date(2026, 7, 1), date(2026, 7, 4), True),
        (State.EVENT_ACTIVE, date(2026, 7, 1), date(2026, 7, 5), False),
        (State.PREP, date(2026, 6, 1), date(2026, 6, 2), False),
        (State.MISSION_COMPLETE, date(2026, 6, 1), date(2026, 6, 2), False),
    ],
)
def test_overtaken_are_those_whose_date_may_have_come_somewhere(
    tester: User, state: State, first: date, last: date, is_overtaken: bool
) -> None:
    mission = factories.mission(tester, state=state, event_start=first, event_end=last)

    assert list(Mission.objects.overtaken(NOW)) == ([mission] if is_overtaken else [])


@pytest.mark.parametrize(("days", "is_told"), [(0, True), (1, False)])
def test_next_morning_is_none_after_the_last_day_of_the_event(
    tester: User, days: int, is_told: bool
) -> None:
    mission = factories.mission(tester, event_start=TODAY, event_end=TODAY)
    slot = datetime(2026, 7, 4, 4, tzinfo=UTC) + timedelta(days=days)
    mission.next_run_at = slot

    assert mission.next_morning == (slot if is_told else None)


def test_ride_longer_than_the_whole_week_is_refused(tester: User) -> None:
    mission = new(tester, weekly_minutes=100, weekday_minutes=[0] * 6 + [200])

    with time_machine.travel(NOW, tick=False):
        told = faults(mission)

    assert told == {
        "weekday_minutes": ["One day is more than your whole week. Lower it, or raise the week."]
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event_start": date(9999, 12, 30), "event_end": date(9999, 12, 31)}, "event_start"),
        ({"prep_start": date(1, 1, 1)}, "prep_start"),
    ],
)
def test_event_and_preparation_are_at_most_two_years_away(
    tester: User, changes: dict[str, date], field: str
) -> None:
    mission = factories.mission(tester)
    for name, value in changes.items():
        setattr(mission, name, value)

    with pytest.raises(ValidationError) as refusal:
        mission.full_clean()

    assert field in refusal.value.message_dict
