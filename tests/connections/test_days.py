"""One reading of each metric for each local day, and the same as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from coach import daily_run, record
from coach.models import MissionRun
from connections import precedence
from connections.days import METRICS, Reading, days_between
from connections.models import AppleHealthUpload, DailySample, Night
from connections.sources import Source
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

API = "/api/days"
QUERIES = 7
Kind = DailySample.Kind


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def ago(count: int) -> date:
    return TODAY - timedelta(days=count)


def sample(user: User, kind: str, value: float, **fields: Any) -> None:
    told = {"source": Source.APPLE, "local_date": TODAY, "unit": "x", **fields}
    DailySample.objects.create(user=user, kind=kind, value=value, **told)


def today(user: User) -> dict[str, Any]:
    """What is known of today, without what is not."""
    (day,) = days_between(user, TODAY, TODAY, NOW)
    assert day.local_date == TODAY
    assert tuple(day.readings) == METRICS
    return {metric: one for metric, one in day.readings.items() if one is not None}


def value_of(user: User, metric: str) -> tuple[Any, ...] | None:
    one = today(user).get(metric)
    return None if one is None else (one.value, one.unit, one.source, one.age_h)


def test_day_nobody_told_of_holds_nothing(tester: User) -> None:
    assert today(tester) == {}


def test_day_has_value_unit_source_time_and_age_of_everything(tester: User) -> None:
    woke_at = datetime(2026, 7, 4, 4, 30, tzinfo=UTC)
    factories.night(tester, TODAY)
    midnight = datetime(2026, 7, 4, tzinfo=UTC)
    sample(tester, Kind.READINESS, 81, source=Source.OURA, unit="score", measured_at=midnight)
    sample(
        tester,
        Kind.TEMPERATURE_DEVIATION,
        -0.2,
        source=Source.OURA,
        unit="°C",
        measured_at=midnight,
    )
    for kind, value, unit in (
        (Kind.STEPS, 8123, "steps"),
        (Kind.ACTIVE_ENERGY, 512.5, "kcal"),
        (Kind.WEIGHT, 71.2, "kg"),
        (Kind.RESPIRATORY_RATE, 14.5, "1/min"),
        (Kind.VO2MAX, 55, "mL/min/kg"),
    ):
        sample(tester, kind, value, unit=unit)
    ride = factories.ride(tester, TODAY, started_at=NOW - timedelta(hours=2))

    def reading(metric: Any, value: float, unit: str, source: str, **more: Any) -> Reading:
        told = {"measured_at": None, "age_h": None, **more}
        return Reading(
            local_date=TODAY, metric=metric, value=value, unit=unit, source=source, **told
        )

    of_night = {"measured_at": woke_at, "age_h": 1.0}
    so_far = {"measured_at": NOW, "age_h": 0.0}
    of_ride = {"measured_at": ride.ended_at, "age_h": 1.0}
    assert list(today(tester).values()) == [
        reading("hrv", 52.0625, "ms", "oura", kind="rmssd", **of_night),
        reading("resting_hr", 50.0, "bpm", "oura", **of_night),
        reading("sleep", 7.5, "h", "oura", **of_night),
        reading("readiness", 81.0, "score", "oura", **of_night),
        reading("ride_minutes", 60, "min", "strava", **of_ride),
        reading("ride_count", 1, "rides", "strava", **of_ride),
        reading("steps", 8123.0, "steps", "apple", **so_far),
        reading("active_energy", 512.5, "kcal", "apple", **so_far),
        reading("weight", 71.2, "kg", "apple"),
        reading("temperature_deviation", -0.2, "°C", "oura", **of_night),
        reading("respiratory_rate", 14.5, "1/min", "apple"),
        reading("vo2max", 55.0, "mL/min/kg", "apple"),
    ]


def test_sum_of_a_day_that_is_over_is_as_old_as_its_end(tester: User) -> None:
    sample(tester, Kind.STEPS, 9000, unit="steps", local_date=TODAY - timedelta(days=1))

    [yesterday] = days_between(tester, TODAY - timedelta(days=1), TODAY - timedelta(days=1), NOW)

    steps = yesterday.readings["steps"]
    assert steps is not None
    # Midnight in Paris is 22:00 UTC of the day before.
    assert (steps.measured_at, steps.age_h) == (datetime(2026, 7, 3, 22, tzinfo=UTC), 7.5)


def test_night_that_lacks_a_value_leaves_it_to_the_next_source(tester: User) -> None:
    factories.night(tester, TODAY, hrv_ms=None, hrv_kind="", asleep_s=None)
    factories.night(tester, TODAY, source=Source.APPLE, hrv_ms=80.0, hrv_kind=Night.HrvKind.SDNN)

    found = today(tester)

    assert (found["hrv"].value, found["hrv"].kind, found["hrv"].source) == (80.0, "sdnn", "apple")
    assert (found["resting_hr"].source, found["sleep"].source) == ("oura", "apple")


@pytest.mark.parametrize(
    ("field", "metric", "value"),
    [
        ("hrv_ms", "hrv", 0),
        ("hrv_ms", "hrv", 1001),
        ("resting_hr_bpm", "resting_hr", 0),
        ("resting_hr_bpm", "resting_hr", 301),
        ("asleep_s", "sleep", 25 * 3600),
    ],
)
def test_fault_of_a_source_is_no_reading(
    tester: User, field: str, metric: str, value: float
) -> None:
    factories.night(tester, TODAY, **{field: value})

    assert value_of(tester, metric) is None


def test_night_that_has_not_ended_yet_is_not_told(tester: User) -> None:
    factories.night(tester, TODAY, ended_at=NOW + timedelta(minutes=1))

    assert today(tester) == {}


def test_samples_go_by_the_usual_order(tester: User) -> None:
    sample(tester, Kind.WEIGHT, 71, source=Source.APPLE)
    sample(tester, Kind.WEIGHT, 72, source=Source.OURA)

    assert value_of(tester, "weight") == (72.0, "x", "oura", None)


# --- readiness ---


WATCH_FIRST = ["apple", "oura"]
OWN_SCORE = (81.0, "score", "oura", None)


def watch(user: User, count: int, **tonight: Any) -> None:
    """Today's night of the watch and those before it; Apple Health never tells a readiness."""
    for n in range(1, count):
        factories.night(user, ago(n), source=Source.APPLE)
    factories.night(user, TODAY, source=Source.APPLE, **tonight)


@pytest.mark.parametrize(
    ("order", "readiness"),
    [([], OWN_SCORE), (["oura", "apple"], OWN_SCORE), (WATCH_FIRST, None)],
)
def test_readiness_is_not_another_source_s_where_the_house_score_comes_first(
    tester: User, order: list[str], readiness: Any
) -> None:
    watch(tester, 15)
    sample(tester, Kind.READINESS, 81, source=Source.OURA, unit="score")
    precedence.choose(tester, {"readiness": order})

    assert value_of(tester, "readiness") == readiness


@pytest.mark.parametrize(
    ("count", "tonight", "readiness"),
    [
        (14, {}, OWN_SCORE),
        (15, {"asleep_s": None}, OWN_SCORE),
        (15, {"hrv_ms": None, "hrv_kind": "", "resting_hr_bpm": None}, OWN_SCORE),
        (15, {"ended_at": NOW + timedelta(minutes=1)}, OWN_SCORE),
        (15, {"resting_hr_bpm": None}, None),
        (15, {"hrv_ms": None, "hrv_kind": ""}, None),
    ],
)
def test_night_that_cannot_be_scored_leaves_readiness_to_the_next_source(
    tester: User, count: int, tonight: dict[str, Any], readiness: Any
) -> None:
    watch(tester, count, **tonight)
    sample(tester, Kind.READINESS, 81, source=Source.OURA, unit="score")
    precedence.choose(tester, {"readiness": WATCH_FIRST})

    assert value_of(tester, "readiness") == readiness


# --- rides ---


def rides_of(user: User) -> tuple[Any, ...]:
    found = today(user)
    if "ride_minutes" not in found:
        assert "ride_count" not in found
        return ()
    minutes, count = found["ride_minutes"], found["ride_count"]
    assert (minutes.source, minutes.age_h) == (count.source, count.age_h)
    return minutes.value, count.value, minutes.source


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 7, 4, hour, minute, tzinfo=UTC)


def test_ride_recorded_twice_counts_once_and_another_beside_it(tester: User) -> None:
    factories.ride(tester, TODAY, started_at=at(1))
    factories.ride(tester, TODAY, started_at=at(1, 2), source=Source.APPLE, np_w=None)
    factories.ride(tester, TODAY, started_at=at(4), source=Source.FILE, duration_s=1800)
    factories.ride(tester, ago(1))

    assert rides_of(tester) == (90, 2, "strava+file")
    precedence.choose(tester, {"rides": ["apple", "file", "strava"]})
    assert rides_of(tester) == (90, 2, "apple+file")


@pytest.mark.parametrize(
    ("read_at", "exported_at", "told"),
    [
        (None, None, ()),
        (NOW, None, ()),
        (NOW + timedelta(days=1), None, (0, 0, "strava")),
        (NOW, NOW + timedelta(days=2), (0, 0, "apple")),
        (NOW + timedelta(days=3), NOW + timedelta(days=2), (0, 0, "apple")),
    ],
)
def test_day_without_a_ride_is_rest_only_where_a_source_told_of_all_of_it(
    tester: User, read_at: datetime | None, exported_at: datetime | None, told: tuple[Any, ...]
) -> None:
    factories.ride(tester, ago(3))
    factories.connection(tester, last_success_at=read_at)
    if exported_at:
        AppleHealthUpload.objects.create(
            user=tester,
            file_name="a",
            stored_name="b",
            size_bytes=1,
            status="done",
            exported_at=exported_at,
        )

    assert rides_of(tester) == told


def test_nothing_is_known_of_rest_before_the_first_ride(tester: User) -> None:
    factories.connection(tester, last_success_at=NOW)
    factories.ride(tester, ago(2))

    told = [day.readings["ride_count"] for day in days_between(tester, ago(3), TODAY, NOW)]

    assert [one and one.value for one in told] == [None, 1, 0, None]


# --- all of it ---


def test_days_come_in_order_and_cost_the_same_for_one_and_for_many(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(80):
        factories.night(tester, ago(n), hrv_ms=50.0 + n % 9)
        factories.ride(tester, ago(n))
        sample(tester, Kind.STEPS, 8000 + n, local_date=ago(n))
    factories.connection(tester, last_success_at=NOW)

    for count in (1, 70):
        with django_assert_num_queries(QUERIES):
            found = days_between(tester, ago(count - 1), TODAY, NOW)
        assert [day.local_date for day in found] == [ago(n) for n in reversed(range(count))]
        steps = [one.value for day in found if (one := day.readings["steps"])]
        assert steps == [8000.0 + n for n in reversed(range(count))]


def test_late_data_updates_the_day_and_never_a_brief_that_was_sent(
    tester: User, mission: Mission, stand_ins: StandIns
) -> None:
    factories.night(tester, TODAY, hrv_ms=48.0, source=Source.APPLE, hrv_kind=Night.HrvKind.SDNN)
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    record.keep_artifacts(run.pk)
    before = kept_of(run)
    assert '"hrv": 48.0' in before[0]

    factories.night(tester, TODAY, hrv_ms=63.7)
    factories.ride(tester, TODAY, started_at=NOW - timedelta(hours=2))
    daily_run.run_day(MissionRun.objects.get())
    record.keep_artifacts(run.pk)

    assert value_of(tester, "hrv") == (63.7, "ms", "oura", 1.0)
    assert rides_of(tester) == (60, 1, "strava")
    assert kept_of(run) == before
    assert len(stand_ins.questions()) == 1


def kept_of(run: MissionRun) -> tuple[Any, ...]:
    """The artifact, the row and the mails of a run."""
    (artifact,) = run.mission.owner.artifacts.all()
    with default_storage.open(artifact.key) as stored:
        content = stored.read().decode()
    mails = list(Notification.objects.order_by("pk").values())
    return content, MissionRun.objects.filter(pk=run.pk).values().get(), mails


# --- as JSON ---


def test_days_are_for_their_tester_alone(
    tester: User, client: Client, as_tester: Client, as_stranger: Client
) -> None:
    factories.night(tester, TODAY)

    assert client.get(API).status_code == 401
    own, other = (
        browser.get(API, {"from": str(TODAY), "to": str(TODAY)}).json()["days"][0]
        for browser in (as_tester, as_stranger)
    )
    assert own["hrv"] == {
        "value": 52.0625,
        "unit": "ms",
        "kind": "rmssd",
        "source": "oura",
        "measured_at": "2026-07-04T04:30:00Z",
        "age_h": 1.0,
    }
    assert own["sleep"]["kind"] is None
    nothing: dict[str, None] = dict.fromkeys(METRICS)
    assert other == {"local_date": "2026-07-04", **nothing}


@pytest.mark.parametrize(
    ("asked", "first", "count"),
    [
        ({}, "2026-06-07", 28),
        ({"to": "2026-06-30"}, "2026-06-03", 28),
        ({"from": "2026-07-03"}, "2026-07-03", 2),
        ({"from": "2026-04-04"}, "2026-04-04", 92),
        ({"from": "2000-01-01", "to": "2000-01-01"}, "2000-01-01", 1),
        ({"to": "2000-01-05"}, "2000-01-01", 5),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "9999-12-31", 1),
    ],
)
def test_range_of_days(as_tester: Client, asked: Any, first: str, count: int) -> None:
    told = as_tester.get(API, asked).json()["days"]

    assert (told[0]["local_date"], len(told)) == (first, count)


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"from": "2026-04-03"}, "from", "Ask for 92 days at most."),
        ({"from": "2026-07-05"}, "from", "It is after 2026-07-04, the last day."),
        ({"from": "1999-12-31"}, "from", "Ask for days from 2000-01-01 on."),
        ({"to": "0001-01-01"}, "to", "Ask for days from 2000-01-01 on."),
        (
            {"from": "yesterday"},
            "from",
            "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
        ),
        (
            {"to": ""},
            "to",
            "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
        ),
    ],
)
def test_range_that_is_none_is_a_problem_of_its_field(
    as_tester: Client, asked: Any, field: str, words: str
) -> None:
    answer = as_tester.get(API, asked)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "message": words}]


def test_day_as_json_is_the_day(tester: User, as_tester: Client) -> None:
    factories.night(tester, TODAY)
    factories.ride(tester, ago(1))
    told = as_tester.get(API, {"from": str(ago(1))}).json()["days"]

    for sent, day in zip(told, days_between(tester, ago(1), TODAY, NOW), strict=True):
        assert sent["local_date"] == str(day.local_date)
        for metric, one in day.readings.items():
            assert (sent[metric] is None) is (one is None)
            if one is not None:
                assert sent[metric]["value"] == asdict(one)["value"]
                assert (sent[metric]["unit"], sent[metric]["source"]) == (one.unit, one.source)
