from datetime import date, time, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from missions.forms import MissionForm
from missions.models import Mission
from missions.points import default_points_schema
from missions.price_list import PriceList
from tests import factories
from tests.factories import NOW, TODAY
from tests.missions.pages import sent_by

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

WEEK = [60, 90, 0, 90, 60, 180, 120]
ANSWERS = {
    "name": "Tour of the Valleys",
    "mission_type": "road_stage_race",
    "event_style": "breakaway",
    "prep_start": "2026-07-01",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "timezone": "Europe/Paris",
    "send_time": "06:15",
    "wait_minutes": "60",
    "brief_detail": "short",
    "weekly_minutes_min": "240",
    "weekly_minutes": "540",
    **{f"weekday_minutes_{day}": f"{minutes}" for day, minutes in enumerate(WEEK)},
    "blackout_dates": "2026-07-20, 2026-07-11",
    "restrictions": "A sore knee.",
    "min_readiness": "65",
    "min_tsb": "-20",
    "force_rest_readiness": "50",
    "force_rest_tsb": "-30",
    "max_ramp_rate": "6",
    "max_consecutive_hard_days": "1",
    "max_hard_sessions_per_week": "2",
    "max_rhr": "",
    "max_zone": "5",
    "max_days_without_rest": "5",
    "targets_0": "70",
    "targets_2": "45",
    "points_schema_flat_gc": "5",
    "points_schema_flat_breakaway": "8",
    "notes": "Long climbs first.",
}


@pytest.fixture
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def form(owner: User, **answers: str) -> MissionForm:
    """The form as a tester sends it."""
    mission = Mission(owner=owner, timezone=owner.timezone)
    return MissionForm({**ANSWERS, **answers}, instance=mission)


def test_form_makes_the_mission_it_describes(tester: User) -> None:
    mission = form(tester).save()

    stored = Mission.objects.get()
    assert stored == mission
    assert {name: getattr(stored, name) for name in Mission.EDITABLE_FIELDS} == {
        "name": "Tour of the Valleys",
        "mission_type": "road_stage_race",
        "event_style": "breakaway",
        "prep_start": date(2026, 7, 1),
        "event_start": date(2026, 8, 3),
        "event_end": date(2026, 8, 7),
        "timezone": "Europe/Paris",
        "send_time": time(6, 15),
        "wait_minutes": 60,
        "brief_detail": "short",
        "is_brief_mailed": False,
        "weekly_minutes_min": 240,
        "weekly_minutes": 540,
        "weekday_minutes": WEEK,
        "blackout_dates": ["2026-07-11", "2026-07-20"],
        "restrictions": "A sore knee.",
        "min_readiness": 65,
        "min_tsb": -20,
        "force_rest_readiness": 50,
        "force_rest_tsb": -30,
        "max_ramp_rate": 6,
        "max_consecutive_hard_days": 1,
        "max_hard_sessions_per_week": 2,
        "max_rhr": None,
        "max_zone": 5,
        "rhr_rise_bpm": 7,
        "max_days_without_rest": 5,
        "usual_ramp_rate": 5,
        "max_load_pct": 150,
        "max_monotony": 2,
        "new_tester_minutes": 75,
        "jet_lag_hours": 3,
        "targets": {"ctl": 70, "climb_minutes": 45},
        "points_schema": {"flat": {"gc": 5, "breakaway": 8}},
        "notes": "Long climbs first.",
    }
    assert stored.owner == tester
    assert stored.stages.count() == 5


def test_custom_of_coaching_that_is_left_empty_is_the_usual_one(tester: User) -> None:
    mission = form(tester, rhr_rise_bpm="9", max_load_pct="", jet_lag_hours="2").save()

    assert (mission.rhr_rise_bpm, mission.max_load_pct, mission.jet_lag_hours) == (9, 150, 2)


@pytest.mark.parametrize(("answer", "minutes"), [("0", 0), ("240", 240), ("", 120), (None, 120)])
def test_wait_for_the_night_that_is_not_chosen_is_the_usual_one(
    tester: User, answer: str | None, minutes: int
) -> None:
    answers = {name: value for name, value in ANSWERS.items() if name != "wait_minutes"}
    chosen = {} if answer is None else {"wait_minutes": answer}
    typed = MissionForm({**answers, **chosen}, instance=Mission(owner=tester))

    assert typed.save().wait_minutes == minutes


def test_wait_for_the_night_is_one_of_those_offered(tester: User) -> None:
    assert form(tester, wait_minutes="45").errors == {
        "wait_minutes": ["Select a valid choice. 45 is not one of the available choices."]
    }


def test_custom_of_coaching_out_of_its_range_is_refused(tester: User) -> None:
    assert form(tester, max_load_pct="90").errors == {
        "max_load_pct": ["Ensure this value is greater than or equal to 100."]
    }


def test_form_begins_with_the_testers_zone_and_the_defaults(tester: User) -> None:
    blank = MissionForm(instance=Mission(owner=tester, timezone=tester.timezone))

    shown = {name: blank[name].value() for name in Mission.EDITABLE_FIELDS}
    assert shown == {
        "name": "",
        "mission_type": "",
        "event_style": "steady",
        "prep_start": None,
        "event_start": None,
        "event_end": None,
        "timezone": "Europe/Paris",
        "send_time": time(6, 0),
        "wait_minutes": 120,
        "brief_detail": "full",
        "is_brief_mailed": True,
        "weekly_minutes_min": None,
        "weekly_minutes": 420,
        "weekday_minutes": [90] * 7,
        "blackout_dates": "",
        "restrictions": "",
        "min_readiness": 70,
        "min_tsb": -15,
        "force_rest_readiness": 60,
        "force_rest_tsb": -20,
        "max_ramp_rate": 8,
        "max_consecutive_hard_days": 2,
        "max_hard_sessions_per_week": 3,
        "max_rhr": None,
        "max_zone": None,
        "rhr_rise_bpm": 7,
        "max_days_without_rest": 6,
        "usual_ramp_rate": 5,
        "max_load_pct": 150,
        "max_monotony": 2,
        "new_tester_minutes": 75,
        "jet_lag_hours": 3,
        "targets": [None] * 4,
        "notes": "",
        "points_schema": PriceList.of(default_points_schema()).with_offers(),
    }


def test_form_sent_as_it_was_shown_changes_nothing(tester: User) -> None:
    mission = factories.mission(
        tester,
        blackout_dates=["2026-07-11", "2026-07-20"],
        targets={"ctl": 70},
        weekday_minutes=WEEK,
        notes="Two\nlines",
    )

    again = MissionForm(sent_by(str(MissionForm(instance=mission))), instance=Mission.objects.get())

    assert again.is_valid()
    assert again.changed_data == []


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        (
            {"event_end": "2026-08-02"},
            {"event_end": ["The last day of the event is before the first."]},
        ),
        (
            {"event_end": "2026-10-02"},
            {"event_end": ["An event of more than 60 days is more than we can plan."]},
        ),
        (
            {"event_start": "2026-07-01", "event_end": "2026-07-03"},
            {"event_end": ["The event is over. Choose dates that are still to come."]},
        ),
        ({"event_start": "soon"}, {"event_start": ["Enter a valid date."]}),
        ({"event_end": ""}, {"event_end": ["This field is required."]}),
        (
            {"timezone": "Mars/Olympus"},
            {
                "timezone": [
                    "Select a valid choice. Mars/Olympus is not one of the available choices."
                ]
            },
        ),
        ({"send_time": "25:00"}, {"send_time": ["Enter a valid time."]}),
        (
            {"name": "x" * 81},
            {"name": ["Ensure this value has at most 80 characters (it has 81)."]},
        ),
        (
            {"mission_type": "cobbles"},
            {
                "mission_type": [
                    "Select a valid choice. cobbles is not one of the available choices."
                ]
            },
        ),
        (
            {"prep_start": "2026-08-04"},
            {"prep_start": ["The preparation starts after the event. Choose an earlier day."]},
        ),
        (
            {"weekday_minutes_2": "", "weekday_minutes_5": "10", "weekday_minutes_6": "lots"},
            {
                "weekday_minutes": [
                    "The minutes on Wednesday must be 0, or from 20 to 720.",
                    "The minutes on Saturday must be 0, or from 20 to 720.",
                    "The minutes on Sunday must be 0, or from 20 to 720.",
                ]
            },
        ),
        (
            {f"weekday_minutes_{day}": "" for day in range(7)},
            {
                "weekday_minutes": [
                    "Give the minutes of each day of the week; 0 for a day without time."
                ]
            },
        ),
        (
            {"weekly_minutes": "100", "weekly_minutes_min": "200"},
            {
                "weekday_minutes": [
                    "One day is more than your whole week. Lower it, or raise the week."
                ],
                "weekly_minutes_min": ["The least is more than the most."],
            },
        ),
        (
            {"blackout_dates": "2026-07-20\n20 August"},
            {"blackout_dates": ["“20” is not a date. Write it as year-month-day: 2026-08-15."]},
        ),
        (
            {"force_rest_readiness": "66", "force_rest_tsb": "-19"},
            {
                "force_rest_readiness": [
                    "Rest is forced before hard work stops. Make it at most the lowest readiness."
                ],
                "force_rest_tsb": [
                    "Rest is forced before hard work stops. Make it at most the lowest form."
                ],
            },
        ),
        (
            {"targets_0": "500", "targets_1": "long"},
            {
                "targets": [
                    "The target ctl must be a whole number from 1 to 200.",
                ]
            },
        ),
        (
            {"points_schema_flat_gc": "", "points_schema_itt_gc": "4"},
            {
                "points_schema": [
                    "Flat: give points for GC too, or leave both empty.",
                    "Time trial: give points for breakaway too, or leave both empty.",
                ]
            },
        ),
        (
            {"points_schema_flat_gc": "", "points_schema_flat_breakaway": ""},
            {"points_schema": ["Give points for at least one kind of stage."]},
        ),
    ],
)
def test_form_says_which_answer_is_wrong_and_stores_nothing(
    tester: User, answers: dict[str, str], errors: dict[str, list[str]]
) -> None:
    sent = form(tester, **answers)

    assert sent.errors == errors
    assert not Mission.objects.exists()


def test_first_day_and_prices_stand_once_the_event_is_on(tester: User) -> None:
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=TODAY, event_end=TODAY
    )
    later = {"event_start": "2026-07-06", "event_end": "2026-07-07"}

    sent = MissionForm({**ANSWERS, **later}, instance=mission)

    assert sent.is_valid()
    sent.save()
    stored = Mission.objects.get()
    assert (stored.event_start, stored.event_end) == (TODAY, TODAY + timedelta(days=3))
    assert stored.points_schema == default_points_schema()
    assert [stage.number for stage in stored.stages.all()] == [1, 2, 3, 4]


MANY = {
    "flat": {"gc": 0, "breakaway": 1000},
    "bonuses": {
        "all_gc": {"threshold": 3, "points": 30},
        "consecutive_10": {"threshold": 10, "points": 8},
        "consecutive_3": {"threshold": 3, "points": 0},
        "breakaway_1": {"threshold": 1, "points": 2},
        "final_week_complete": {"threshold": 900, "points": 4},
    },
}
NO_BONUSES = {"mtn_itt": {"gc": 6, "breakaway": 9}}


@pytest.mark.parametrize(
    "schema", [default_points_schema(), MANY, NO_BONUSES, {**NO_BONUSES, "bonuses": {}}]
)
def test_points_sent_as_they_were_shown_stay_as_they_were(
    tester: User, schema: dict[str, Any]
) -> None:
    mission = factories.mission(tester, points_schema=schema)

    again = MissionForm(sent_by(str(MissionForm(instance=mission))), instance=Mission.objects.get())

    assert (again.is_valid(), again.changed_data) == (True, [])
    assert again.cleaned_data["points_schema"] == schema


def test_points_of_a_running_event_are_shown_and_cannot_be_typed(tester: User) -> None:
    mission = factories.mission(tester, state=Mission.State.EVENT_ACTIVE, event_start=TODAY)
    shown = str(MissionForm(instance=mission)["points_schema"])

    sent = MissionForm({**ANSWERS, "points_schema_flat_gc": "99"}, instance=mission)

    assert shown.count("<input") == shown.count(" disabled") == 16
    assert "all_gc" not in shown
    assert sent.is_valid()
    assert sent.cleaned_data["points_schema"] == default_points_schema()


def test_bonus_is_added_with_points_and_removed_without(tester: User) -> None:
    mission = factories.mission(tester)
    changed = {
        "points_schema_bonus_0_threshold": "4",
        "points_schema_bonus_1_points": "",
        "points_schema_bonus_2_threshold": "2",
        "points_schema_bonus_2_points": "1",
        "points_schema_bonus_6_points": "50",
    }

    sent = MissionForm({**sent_by(str(MissionForm(instance=mission))), **changed}, instance=mission)

    assert sent.save().points_schema["bonuses"] == {
        "consecutive_4": {"threshold": 4, "points": 5},
        "consecutive_2": {"threshold": 2, "points": 1},
        "all_gc": {"threshold": 60, "points": 50},
    }


def test_points_that_are_stored_now_are_told_in_words(tester: User) -> None:
    mission = factories.mission(tester, points_schema=MANY)

    assert MissionForm(instance=mission).words_for("points_schema") == (
        "GC and breakaway: flat 0 and 1000. Bonuses: 3 stages in a row 0, 10 stages in a row 8, "
        "1 stage in the breakaway 2, Every stage of the last seven days 4, Every stage for GC 30."
    )
