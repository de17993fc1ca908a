from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Ftp
from coach import done, forgetting, results
from coach.models import MissionRun
from coach.replies import WorkoutPlan
from connections import readings
from connections.models import Ride
from connections.sources import Source
from missions.models import Mission
from tests import factories
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY
from tests.policies import set_policy

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)
NOT_RIDDEN = {
    "minutes": 0,
    "load": 0.0,
    "load_method": None,
    "hard_minutes": 0.0,
    "zones": None,
    "minutes_pct": 0,
    "load_pct": 0,
    "ride_key": "",
    "source": "",
    "is_before_brief": False,
    "other_minutes": 0,
}
# The sample's workout is an hour for 42 points; the factory's ride an hour of 64 at this FTP.
RIDDEN = {
    **NOT_RIDDEN,
    "minutes": 60,
    "load": 64.0,
    "load_method": "power",
    "hard_minutes": None,
    "minutes_pct": 100,
    "load_pct": 152,
    "ride_key": "strava:1",
    "source": "strava",
}


@pytest.fixture
def rider(mission: Mission) -> Mission:
    Ftp.objects.create(user=mission.owner, effective_date=TODAY - timedelta(days=90), power_w=200)
    return mission


def decided(mission: Mission, day: date = YESTERDAY, **changes: Any) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=day,
        trigger="schedule",
        outcome="decided",
        finished_at=datetime.combine(day, time(5), tzinfo=UTC),
        situation=situation().model_dump(mode="json"),
        decision=reply(changes),
    )


def look_back(mission: Mission, local_date: date = TODAY) -> list[Any]:
    """What is kept of each run afterwards, oldest first."""
    done.look_back(mission, readings.gather(mission.owner, local_date), local_date=local_date)
    return list(mission.runs.order_by("local_date").values_list("done", flat=True))


def test_ride_that_followed_stands_beside_the_workout(rider: Mission) -> None:
    decided(rider)
    factories.ride(rider.owner, YESTERDAY, external_id="1")

    assert look_back(rider) == [RIDDEN]


def test_zones_and_hard_minutes_come_from_the_stream(rider: Mission) -> None:
    decided(rider)
    stream = [*[0] * 10, 2700, *[0] * 8, 903]
    factories.ride(rider.owner, YESTERDAY, external_id="1", power_histogram=stream)

    (kept,) = look_back(rider)

    none = dict.fromkeys(("Z1", "Z3", "Z5", "Z6", "Z7"), 0.0)
    assert kept == {
        **RIDDEN,
        "zones": {**none, "Z1": 45.0, "Z2": 0.0, "Z4": 15.1},
        "hard_minutes": 15.1,
    }


def test_what_a_ride_does_not_tell_stays_unknown(rider: Mission) -> None:
    decided(rider, YESTERDAY, **{"workout_plan.estimated_load": None})
    no_sensors = {"has_power_meter": False, "np_w": None, "average_hr_bpm": None}
    factories.ride(rider.owner, YESTERDAY, external_id="1", **no_sensors)

    (kept,) = look_back(rider)

    assert kept == {**RIDDEN, "load": None, "load_method": None, "load_pct": None}


def test_two_records_of_a_ride_are_one_and_other_rides_are_told(rider: Mission) -> None:
    decided(rider)
    factories.ride(rider.owner, YESTERDAY, external_id="1")
    factories.ride(rider.owner, YESTERDAY, source=Source.APPLE, np_w=None, has_power_meter=False)
    at_noon = datetime(2026, 7, 3, 10, tzinfo=UTC)
    factories.ride(rider.owner, YESTERDAY, duration_s=1500, elapsed_s=1500, started_at=at_noon)

    assert look_back(rider) == [{**RIDDEN, "other_minutes": 25}]


def test_ride_before_the_brief_is_told_as_such(rider: Mission) -> None:
    decided(rider)
    at_dawn = datetime(2026, 7, 3, 4, tzinfo=UTC)
    factories.ride(rider.owner, YESTERDAY, external_id="1", started_at=at_dawn)

    assert look_back(rider) == [{**RIDDEN, "is_before_brief": True}]


def test_day_without_a_ride_is_known_only_once_it_was_told_to_its_end(rider: Mission) -> None:
    decided(rider)
    assert look_back(rider) == [None]

    strava = factories.connection(rider.owner, last_success_at=NOW - timedelta(days=1))
    assert look_back(rider) == [None]

    strava.last_success_at = NOW
    strava.save()
    assert look_back(rider) == [NOT_RIDDEN]

    factories.ride(rider.owner, YESTERDAY, external_id="1")
    assert look_back(rider) == [RIDDEN]


def test_day_off_the_bike_that_was_ridden_is_told(rider: Mission) -> None:
    decided(rider, action="recover", workout_plan=None)
    factories.ride(rider.owner, YESTERDAY, external_id="1")

    assert look_back(rider) == [{**RIDDEN, "minutes_pct": None, "load_pct": None}]


def test_ride_that_is_kept_no_longer_stays_matched(rider: Mission) -> None:
    """Rides go from here for other reasons than that they never were."""
    decided(rider)
    factories.ride(rider.owner, YESTERDAY, external_id="1")
    look_back(rider)
    factories.connection(rider.owner, last_success_at=NOW)
    Ride.objects.all().delete()

    assert look_back(rider) == [RIDDEN]


@pytest.mark.parametrize("is_matched_before", [True, False])
def test_ride_that_the_coach_may_not_use_is_not_matched(
    rider: Mission, settings: LazySettings, is_matched_before: bool
) -> None:
    decided(rider)
    factories.ride(rider.owner, YESTERDAY, external_id="1")
    if is_matched_before:
        look_back(rider)
    set_policy(settings, Source.STRAVA, IN_PROMPTS=False)

    assert look_back(rider) == [None]

    factories.ride(rider.owner, YESTERDAY, source=Source.FILE, external_id="1")
    assert look_back(rider) == [{**RIDDEN, "ride_key": "file:1", "source": "file"}]


def test_only_briefs_of_the_last_week_are_looked_at(rider: Mission) -> None:
    for days in (8, 7, 1, 0):
        decided(rider, TODAY - timedelta(days=days))
        factories.ride(rider.owner, TODAY - timedelta(days=days), external_id=str(days))
    failed = decided(rider, TODAY - timedelta(days=3))
    MissionRun.objects.filter(pk=failed.pk).update(outcome="failed", decision=None)

    kept = look_back(rider)

    assert [one and one["ride_key"] for one in kept] == [None, "strava:7", None, "strava:1", None]


@pytest.mark.parametrize("days", [1, 7])
def test_look_back_that_finds_nothing_new_costs_the_same_for_a_day_and_a_week(
    rider: Mission, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(1, days + 1):
        decided(rider, TODAY - timedelta(days=n))
        factories.ride(rider.owner, TODAY - timedelta(days=n))
    told = readings.gather(rider.owner, TODAY)
    done.look_back(rider, told, local_date=TODAY)

    # The efforts said, and the runs.
    with django_assert_num_queries(2):
        done.look_back(rider, told, local_date=TODAY)


def test_last_day_of_an_event_is_matched_when_its_results_are_read(rider: Mission) -> None:
    Mission.objects.update(
        state=Mission.State.MISSION_COMPLETE, event_start=YESTERDAY, event_end=YESTERDAY
    )
    rider.refresh_from_db()
    decided(rider)
    factories.ride(rider.owner, YESTERDAY, external_id="1")

    results.settle(rider, NOW)

    assert rider.runs.get().done == RIDDEN


def test_what_was_matched_is_forgotten_with_the_situation(rider: Mission) -> None:
    run = decided(rider)
    MissionRun.objects.filter(pk=run.pk).update(done=RIDDEN)

    forgetting.situations(NOW + timedelta(days=178))
    assert MissionRun.objects.filter(done__isnull=False, situation__isnull=False).count() == 1
    forgetting.situations(NOW + timedelta(days=181))

    assert MissionRun.objects.filter(done__isnull=True, situation__isnull=True).count() == 1


# --- in words ------------------------------------------------------------------------------------


def in_words(ridden: dict[str, Any], *changes: dict[str, Any]) -> list[tuple[str, ...]]:
    told = reply(*changes)["workout_plan"]
    plan = WorkoutPlan.model_validate(told) if told else None
    rows = done.rows(plan, done.Done.model_validate(ridden))
    return [tuple(filter(None, (row.label, row.planned, row.done, row.share))) for row in rows]


def test_rows_say_what_was_planned_and_done_and_what_is_unknown() -> None:
    assert in_words(RIDDEN) == [
        ("Time", "60 min", "60 min", "100 % of it"),
        ("Load", "42 points", "64 points", "152 % of it"),
        ("Hard (Z4 and above)", "0 min", "unknown"),
    ]
    unknown = {**RIDDEN, "load": None, "load_pct": None}
    assert in_words(unknown, {"workout_plan.estimated_load": None})[1] == (
        "Load",
        "unknown",
        "unknown",
    )


def test_rows_have_the_zones_that_were_planned_or_ridden() -> None:
    zones = {"Z1": 5.2, "Z2": 0.0, "Z3": 0.4, "Z4": 12.0, "Z5": 0.0}

    assert in_words({**RIDDEN, "zones": zones, "hard_minutes": 12.0})[2:] == [
        ("Hard (Z4 and above)", "0 min", "12 min"),
        ("Z1 recovery", "20 min", "5 min"),
        ("Z2 endurance", "40 min", "0 min"),
        ("Z4 threshold", "0 min", "12 min"),
    ]


def test_rows_of_a_day_without_a_workout_or_without_a_ride() -> None:
    assert in_words({**RIDDEN, "minutes_pct": None, "load_pct": None}, {"workout_plan": None})[
        :2
    ] == [("Time", "no riding", "60 min"), ("Load", "0 points", "64 points")]
    assert in_words(NOT_RIDDEN)[:2] == [
        ("Time", "60 min", "no ride"),
        ("Load", "42 points", "0 points"),
    ]


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (
            RIDDEN,
            ["The ride that followed this brief.", "152 % of it", "Minutes in each zone"],
        ),
        ({**RIDDEN, "is_before_brief": True}, ["It began before this brief was made."]),
        ({**RIDDEN, "other_minutes": 25}, ["Other rides of the day: 25 min."]),
        (NOT_RIDDEN, ["No ride is known of that day"]),
        (None, ["What you rode that day is not known."]),
    ],
)
def test_run_page_shows_planned_beside_done(
    mission: Mission, as_tester: Client, kept: dict[str, Any] | None, words: list[str]
) -> None:
    run = decided(mission)
    MissionRun.objects.filter(pk=run.pk).update(done=kept)

    with time_machine.travel(NOW, tick=False):
        page = as_tester.get(run.get_absolute_url()).content.decode()

    assert [part for part in ["Planned and done", *words] if part not in page] == []


def test_run_page_of_today_does_not_speak_of_what_is_still_to_be_ridden(
    mission: Mission, as_tester: Client
) -> None:
    run = decided(mission, TODAY)

    with time_machine.travel(NOW, tick=False):
        page = as_tester.get(run.get_absolute_url()).content.decode()

    assert "Planned and done" not in page
