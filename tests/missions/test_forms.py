from datetime import date, time, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from missions.forms import MissionForm
from missions.models import Mission
from missions.points import default_points_schema
from tests import factories
from tests.factories import NOW, TODAY

NOT_JSON = (
    "This cannot be read any more. Check the brackets and commas, or reload the page to start over."
)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

FLAT = '{"flat": {"gc": 5, "breakaway": 8}}'
ANSWERS = {
    "name": "Tour of the Valleys",
    "mission_type": "road_stage_race",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "timezone": "Europe/Paris",
    "send_time": "06:15",
    "weekly_minutes": "540",
    "daily_minutes": "120",
    "min_readiness": "65",
    "min_tsb": "-20",
    "points_schema": FLAT,
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
        "event_start": date(2026, 8, 3),
        "event_end": date(2026, 8, 7),
        "timezone": "Europe/Paris",
        "send_time": time(6, 15),
        "weekly_minutes": 540,
        "daily_minutes": 120,
        "min_readiness": 65,
        "min_tsb": -20,
        "points_schema": {"flat": {"gc": 5, "breakaway": 8}},
    }
    assert stored.owner == tester
    assert stored.stages.count() == 5


def test_form_begins_with_the_testers_zone_and_the_defaults(tester: User) -> None:
    blank = MissionForm(instance=Mission(owner=tester, timezone=tester.timezone))

    shown = {name: blank[name].value() for name in Mission.EDITABLE_FIELDS}
    assert shown == {
        "name": "",
        "mission_type": "",
        "event_start": None,
        "event_end": None,
        "timezone": "Europe/Paris",
        "send_time": time(6, 0),
        "weekly_minutes": 420,
        "daily_minutes": 90,
        "min_readiness": 70,
        "min_tsb": -15,
        "points_schema": (
            "{\n"
            '  "flat": {"gc": 5, "breakaway": 8},\n'
            '  "hilly": {"gc": 7, "breakaway": 11},\n'
            '  "mountain": {"gc": 10, "breakaway": 15},\n'
            '  "itt": {"gc": 4, "breakaway": 6},\n'
            '  "mtn_itt": {"gc": 6, "breakaway": 9},\n'
            '  "bonuses": {"consecutive_5": {"threshold": 5, "points": 5}, '
            '"breakaway_10": {"threshold": 10, "points": 15}}\n'
            "}"
        ),
    }


def test_form_sent_as_it_was_shown_changes_nothing(tester: User) -> None:
    mission = factories.mission(tester)
    shown = MissionForm(instance=mission)
    answers = {name: shown[name].value() for name in Mission.EDITABLE_FIELDS}

    again = MissionForm(answers, instance=Mission.objects.get())

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
        ({"points_schema": "{"}, {"points_schema": [NOT_JSON]}),
        ({"points_schema": ""}, {"points_schema": ["This field is required."]}),
        (
            {"points_schema": '{"flat": {"gc": NaN, "breakaway": 1e400}}'},
            {
                "points_schema": [
                    'The price of "flat" in gc must be a whole number from 0 to 1000.',
                    'The price of "flat" in breakaway must be a whole number from 0 to 1000.',
                ]
            },
        ),
        (
            {"points_schema": '{"flat": 5, "itt": []}'},
            {
                "points_schema": [
                    '"flat" needs a price for each ride mode: gc and breakaway.',
                    '"itt" needs a price for each ride mode: gc and breakaway.',
                ]
            },
        ),
    ],
)
def test_form_says_which_answer_is_wrong_and_stores_nothing(
    tester: User, answers: dict[str, str], errors: dict[str, list[str]]
) -> None:
    sent = form(tester, **answers)

    assert sent.errors == errors
    assert not Mission.objects.exists()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000], ids=["lists", "objects", "digits"]
)
def test_form_survives_points_that_are_an_attack(tester: User, text: str) -> None:
    sent = form(tester, points_schema=text)

    assert sent.errors == {"points_schema": [NOT_JSON]}
    assert sent["points_schema"].value() == text


@pytest.mark.parametrize(
    ("typed", "shown"), [('{"flat": 5', '{"flat": 5'), ('{"flat": 5}', '{\n  "flat": 5\n}')]
)
def test_form_shows_wrong_points_again(tester: User, typed: str, shown: str) -> None:
    sent = form(tester, points_schema=typed)

    assert not sent.is_valid()
    assert sent["points_schema"].value() == shown


def test_first_day_stands_once_the_event_is_on(tester: User) -> None:
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=TODAY, event_end=TODAY
    )
    later = {"event_start": "2026-07-06", "event_end": "2026-07-07"}

    sent = MissionForm({**ANSWERS, **later}, instance=mission)

    assert sent.is_valid()
    sent.save()
    stored = Mission.objects.get()
    assert (stored.event_start, stored.event_end) == (TODAY, TODAY + timedelta(days=3))
    assert [stage.number for stage in stored.stages.all()] == [1, 2, 3, 4]


def test_default_points_pass_their_own_form(tester: User) -> None:
    shown = MissionForm(instance=Mission(owner=tester))["points_schema"].value()

    sent = form(tester, points_schema=shown)

    assert sent.save().points_schema == default_points_schema()
