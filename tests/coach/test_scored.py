from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Ftp, User
from coach.models import Feedback, MissionRun
from coach.physiology.days import UNKNOWN
from coach.scored import ScoredRide, days_of, game_told, last_read_on, score, settle_stages
from connections import readings
from connections.models import Connection, Ride
from connections.readings import Readings
from connections.sources import Source
from missions.appeals import appeal
from missions.models import EventProgress, Mission, RideMode
from tests import factories
from tests.coach.samples import reply
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def read(user: User) -> Readings:
    return readings.gather(user, TODAY)


def scored(user: User) -> list[ScoredRide]:
    return score(user, read(user))


def ftp(user: User, day: date, power_w: int) -> None:
    Ftp.objects.create(user=user, effective_date=day, power_w=power_w)


def by_heart(**fields: Any) -> dict[str, Any]:
    return {"has_power_meter": False, "np_w": None, "average_power_w": None, **fields}


def test_score_gives_each_ride_the_load_of_the_ftp_of_its_own_day(tester: User) -> None:
    ftp(tester, ago(10), 200)
    ftp(tester, ago(5), 160)
    for days in (11, 10, 6, 5):
        factories.ride(tester, ago(days))

    loads = {one.ride.local_date: one.load.load for one in scored(tester)}
    assert list(loads) == [ago(11), ago(10), ago(6), ago(5)]
    assert loads == pytest.approx({ago(11): None, ago(10): 64.0, ago(6): 64.0, ago(5): 100.0})


def test_score_by_heart_rate_uses_the_tester_s_own_rates_and_recent_nights(tester: User) -> None:
    """An hour at the threshold is 100 points, whatever the other rates and the sex are."""
    tester.lthr_bpm, tester.hr_max_bpm, tester.sex = 165, 184, User.Sex.FEMALE
    factories.night(tester, YESTERDAY, resting_hr_bpm=None)
    factories.night(tester, TODAY)
    factories.ride(tester, YESTERDAY, **by_heart(average_hr_bpm=165.0))

    (one,) = scored(tester)

    assert (one.load.method, one.load.intensity_factor) == ("hrss", None)
    assert one.load.load == pytest.approx(100)
    assert one.load.inputs["hr_rest_bpm"] == 50.0


def test_score_takes_the_median_of_the_last_28_nights_for_the_resting_rate(tester: User) -> None:
    tester.lthr_bpm, tester.hr_max_bpm = 165, 184
    for n in range(40):
        factories.night(tester, ago(n), resting_hr_bpm=90.0 if n >= 28 else 40.0 + n)
    factories.ride(tester, YESTERDAY, **by_heart())

    (one,) = scored(tester)

    assert one.load.inputs["hr_rest_bpm"] == 53.5


def test_score_without_any_night_does_not_guess_a_resting_rate(tester: User) -> None:
    tester.lthr_bpm, tester.hr_max_bpm = 165, 184
    factories.ride(tester, YESTERDAY, **by_heart())

    (one,) = scored(tester)

    assert (one.load.load, one.load.method, one.is_hard) == (None, None, None)


def test_score_counts_a_ride_of_two_sources_once_and_prefers_power(tester: User) -> None:
    ftp(tester, ago(10), 200)
    started_at = datetime(2026, 7, 3, 16, tzinfo=UTC)
    apple = by_heart(source=Source.APPLE, started_at=started_at, elapsed_s=4_000)
    factories.ride(tester, YESTERDAY, **apple)
    strava = factories.ride(tester, YESTERDAY, started_at=started_at + timedelta(minutes=2))

    (one,) = scored(tester)
    assert (one.ride, one.load.method) == (strava, "power")


def test_score_keeps_rides_of_a_day_that_only_follow_each_other(tester: User) -> None:
    factories.ride(tester, YESTERDAY, started_at=datetime(2026, 7, 3, 7, tzinfo=UTC))
    factories.ride(tester, YESTERDAY, started_at=datetime(2026, 7, 3, 16, tzinfo=UTC))

    assert len(scored(tester)) == 2


@pytest.mark.parametrize(
    ("ride", "is_hard", "z4plus_minutes"),
    [
        ({"np_w": 169.9}, False, 0.0),
        ({"np_w": 170.0}, True, 60.0),
        # Its load an hour says the same of a ride that has no power.
        (by_heart(average_hr_bpm=None, suffer_score=107.0), False, 0.0),
        (by_heart(average_hr_bpm=None, suffer_score=108.0), True, 60.0),
        (by_heart(average_hr_bpm=None), None, None),
        ({"duration_s": 0}, None, None),
    ],
)
def test_ride_is_hard_from_an_intensity_of_85_percent(
    tester: User, ride: dict[str, Any], is_hard: bool | None, z4plus_minutes: float | None
) -> None:
    ftp(tester, ago(10), 200)
    factories.ride(tester, YESTERDAY, **ride)

    (one,) = scored(tester)

    assert (one.is_hard, one.z4plus_minutes) == (is_hard, z4plus_minutes)


def test_minutes_of_a_ride_are_those_in_motion(tester: User) -> None:
    ride = Ride(duration_s=5_370, elapsed_s=9_000)

    assert ScoredRide(ride, load=None).minutes == 90  # type: ignore[arg-type]


def test_days_add_up_their_rides_and_know_which_are_unknown(tester: User) -> None:
    ftp(tester, ago(10), 200)
    factories.connection(tester, last_success_at=NOW - timedelta(days=3))
    for hour in (7, 16):
        factories.ride(tester, ago(4), started_at=datetime(2026, 6, 30, hour, tzinfo=UTC))
    factories.ride(tester, ago(2), source=Source.APPLE)

    days = days_of(tester, scored(tester), read(tester), TODAY)

    assert {day: found.atl_load for day, found in days.items()} == pytest.approx(
        {ago(4): 128.0, ago(3): 0.0, ago(2): 64.0, YESTERDAY: 0.0}
    )
    assert [day for day, found in days.items() if found == UNKNOWN] == [ago(3), YESTERDAY]


def test_days_before_today_are_known_when_the_source_was_read_today(tester: User) -> None:
    factories.connection(tester, last_success_at=NOW)

    assert days_of(tester, [], read(tester), TODAY) == {}


def test_yesterday_is_unknown_without_any_source(tester: User) -> None:
    assert days_of(tester, [], read(tester), TODAY) == {YESTERDAY: UNKNOWN}


def test_rides_were_read_last_when_their_source_said_or_when_the_last_row_was_written(
    tester: User,
) -> None:
    assert last_read_on(tester, read(tester)) is None

    factories.ride(tester, ago(9), read_at=NOW - timedelta(days=6))
    # 23:30 UTC on the 30th is the 1st in Paris.
    factories.ride(tester, ago(8), read_at=datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    assert last_read_on(tester, read(tester)) == date(2026, 7, 1)

    factories.connection(tester, last_success_at=NOW)
    assert last_read_on(tester, read(tester)) == TODAY


@pytest.fixture
def event(tester: User) -> Mission:
    """Stages from three days ago to tomorrow, all flat, the second a rest day."""
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=ago(3), event_end=ago(-1)
    )
    mission.stages.filter(number=2).update(is_rest_day=True)
    ftp(tester, ago(100), 200)
    return mission


def settled(mission: Mission) -> list[tuple[Any, ...]]:
    return [
        (row.stage.number, row.ride_mode, row.points, row.ride_key, row.completed_at)
        for row in mission.progress.select_related("stage")
    ]


def test_settle_stages_writes_how_each_past_stage_was_ridden(event: Mission) -> None:
    factories.connection(event.owner, last_success_at=NOW)
    hard = factories.ride(event.owner, ago(3), np_w=180.0, external_id="11")
    factories.ride(event.owner, ago(2), external_id="12")
    steady = factories.ride(event.owner, YESTERDAY, external_id="13")
    factories.ride(
        event.owner, YESTERDAY, started_at=NOW - timedelta(hours=22), duration_s=2_000, np_w=190.0
    )
    factories.ride(event.owner, TODAY, started_at=NOW - timedelta(hours=2), external_id="14")

    settle_stages(event, read(event.owner), local_date=TODAY, now=NOW)

    assert settled(event) == [
        (1, "breakaway", 8, "strava:11", hard.ended_at),
        (3, "gc", 5, "strava:13", steady.ended_at),
    ]


def test_settle_stages_calls_a_stage_missed_only_when_its_whole_day_was_told(
    event: Mission,
) -> None:
    factories.connection(event.owner, last_success_at=NOW - timedelta(days=1))

    settle_stages(event, read(event.owner), local_date=TODAY, now=NOW)

    assert settled(event) == [(1, "rest", 0, "", None)]


def test_settle_stages_leaves_every_stage_open_without_any_source(event: Mission) -> None:
    settle_stages(event, read(event.owner), local_date=TODAY, now=NOW)

    assert settled(event) == []


# --- settled again ------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
LATER = NOW + HOUR


@pytest.fixture
def ridden(event: Mission) -> Mission:
    """The event with its first stage ridden, its third missed, and a source that was read later."""
    connection = factories.connection(event.owner, last_success_at=NOW)
    factories.ride(event.owner, ago(3), external_id="11", np_w=180.0)
    settle_stages(event, read(event.owner), local_date=TODAY, now=NOW)
    Connection.objects.filter(pk=connection.pk).update(
        connected_at=NOW - timedelta(days=30), last_success_at=LATER
    )
    assert counted(event) == {1: ("breakaway", "strava:11"), 3: ("rest", "")}
    return event


def counted(mission: Mission) -> dict[int, tuple[str, str]]:
    rows = mission.progress.select_related("stage")
    return {row.stage.number: (row.ride_mode, row.ride_key) for row in rows}


def settle_again(mission: Mission, now: datetime = LATER) -> dict[int, tuple[str, str]]:
    settle_stages(mission, read(mission.owner), local_date=TODAY, now=now)
    return counted(mission)


def test_settle_stages_again_changes_nothing(
    ridden: Mission, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    before = list(EventProgress.objects.values())
    gathered = read(ridden.owner)

    # The FTPs, the efforts said, the connections; the transaction, the mission, its stages; for the
    # bonuses its stages and awards.
    with django_assert_num_queries(8):
        settle_stages(ridden, gathered, local_date=TODAY, now=LATER)

    assert list(EventProgress.objects.values()) == before


def test_ride_that_comes_late_is_counted(ridden: Mission) -> None:
    factories.ride(ridden.owner, YESTERDAY, external_id="13")

    assert settle_again(ridden)[3] == ("gc", "strava:13")


def test_longer_ride_of_the_day_replaces_the_shorter(ridden: Mission) -> None:
    morning = datetime.combine(ago(3), time(6), tzinfo=UTC)
    factories.ride(ridden.owner, ago(3), external_id="12", started_at=morning, duration_s=3_601)

    assert settle_again(ridden)[1] == ("gc", "strava:12")


def test_shorter_ride_that_comes_late_changes_nothing(ridden: Mission) -> None:
    morning = datetime.combine(ago(3), time(6), tzinfo=UTC)
    factories.ride(ridden.owner, ago(3), external_id="12", started_at=morning, duration_s=3_599)

    assert settle_again(ridden)[1] == ("breakaway", "strava:11")


def test_ride_that_its_source_has_no_more_makes_its_stage_missed(ridden: Mission) -> None:
    Ride.objects.all().delete()

    assert settle_again(ridden)[1] == ("rest", "")


def test_ride_that_its_source_has_no_more_gives_way_to_the_next(ridden: Mission) -> None:
    Ride.objects.all().delete()
    factories.ride(ridden.owner, ago(3), external_id="12", duration_s=2_000)

    assert settle_again(ridden)[1] == ("gc", "strava:12")


@pytest.mark.parametrize(
    "fields",
    [{"last_success_at": NOW}, {"last_error": "Strava did not answer."}, {"state": "broken"}],
    ids=["not read since", "failing", "broken"],
)
def test_ride_that_is_gone_without_its_source_s_word_stays_counted(
    ridden: Mission, fields: dict[str, Any]
) -> None:
    Connection.objects.update(**fields)
    Ride.objects.all().delete()
    # Another ride of that day is no reason either: it may well be the shorter one.
    factories.ride(ridden.owner, ago(3), external_id="12", source=Source.APPLE)

    assert settle_again(ridden)[1] == ("breakaway", "strava:11")


def test_ride_that_was_purged_stays_counted(ridden: Mission) -> None:
    Ride.objects.all().delete()

    assert settle_again(ridden, LATER + timedelta(days=8))[1] == ("breakaway", "strava:11")


def test_ride_of_a_source_that_is_disconnected_stays_counted(ridden: Mission) -> None:
    ridden.owner.connections.all().delete()
    Ride.objects.all().delete()

    assert settle_again(ridden)[1] == ("breakaway", "strava:11")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"np_w": 150.0}, ("gc", "strava:11")),
        ({"duration_s": 1_700}, ("rest", "")),
        ({"sport": "Run"}, ("rest", "")),
    ],
)
def test_ride_that_its_rider_mended_is_judged_anew(
    ridden: Mission, change: dict[str, Any], outcome: tuple[str, str]
) -> None:
    Ride.objects.update(**change)

    assert settle_again(ridden)[1] == outcome


def test_better_record_of_the_ride_that_counts_is_no_other_ride(ridden: Mission) -> None:
    """The phone's record came first; the one with power is preferred, but an appeal must hold."""
    Ride.objects.update(source=Source.APPLE, has_power_meter=False, np_w=None)
    EventProgress.objects.filter(ride_key="strava:11").update(ride_key="apple:11", ride_mode="gc")
    factories.ride(ridden.owner, ago(3), external_id="12", np_w=180.0)

    assert settle_again(ridden)[1] == ("gc", "apple:11")


def test_appeal_holds_until_another_ride_counts(ridden: Mission) -> None:
    appeal(ridden, 1, to=RideMode.GC, reason="I sat in.", by=ridden.owner, now=NOW)
    assert settle_again(ridden)[1] == ("gc", "strava:11")

    morning = datetime.combine(ago(3), time(6), tzinfo=UTC)
    factories.ride(
        *(ridden.owner, ago(3)), external_id="12", started_at=morning, duration_s=4_000, np_w=180.0
    )

    assert settle_again(ridden)[1] == ("breakaway", "strava:12")


def test_imported_mission_is_never_settled(event: Mission) -> None:
    Mission.objects.update(imported_from="tour.toml")
    factories.connection(event.owner, last_success_at=NOW)
    factories.ride(event.owner, ago(3))
    event.refresh_from_db()

    assert settle_again(event) == {}


def test_stage_in_another_zone_is_settled_from_the_day_it_was_ridden_there(tester: User) -> None:
    """Nine in the morning in Auckland is the evening before at the rider's home in Paris."""
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        timezone="Pacific/Auckland",
        event_start=YESTERDAY,
        event_end=TODAY,
    )
    stage_day = datetime(2026, 7, 2, 21, 0, tzinfo=UTC)
    factories.ride(tester, stage_day.date(), started_at=stage_day)
    factories.connection(tester, last_success_at=NOW)

    settle_stages(mission, read(tester), local_date=TODAY, now=NOW)

    assert list(EventProgress.objects.values_list("stage__number", "ride_mode")) == [(1, "gc")]


def test_ride_that_counts_stays_with_its_stage_when_the_event_moves_to_another_zone(
    tester: User,
) -> None:
    """Seven in the evening in Los Angeles is the next morning in Paris."""
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        timezone="America/Los_Angeles",
        event_start=ago(3),
        event_end=TODAY,
    )
    for days in (3, 2):
        started_at = datetime.combine(ago(days - 1), time(2), tzinfo=UTC)
        factories.ride(tester, ago(days - 1), started_at=started_at, external_id=str(days))
    factories.connection(tester, last_success_at=NOW)
    before = settle_again(mission, NOW)
    assert before == {1: ("gc", "strava:3"), 2: ("gc", "strava:2")}

    Mission.objects.update(timezone="Europe/Paris")
    mission.refresh_from_db()

    assert settle_again(mission).items() >= before.items()


def test_coach_s_own_game_keeps_a_ride_with_its_stage_when_the_event_moves_to_another_zone(
    tester: User, settings: LazySettings
) -> None:
    """Strava is kept back, so what is stored is not told; the rides are Apple Health's."""
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        timezone="America/Los_Angeles",
        event_start=ago(3),
        event_end=TODAY,
    )
    for days in (3, 2):
        started_at = datetime.combine(ago(days - 1), time(2), tzinfo=UTC)
        apple = {"source": Source.APPLE, "started_at": started_at, "external_id": str(days)}
        factories.ride(tester, ago(days - 1), **apple)
    factories.connection(tester, last_success_at=NOW)
    before = settle_again(mission, NOW)
    assert before == {1: ("gc", "apple:3"), 2: ("gc", "apple:2")}
    strava = {**settings.SOURCES[Source.STRAVA], "IN_PROMPTS": False}
    settings.SOURCES = {**settings.SOURCES, Source.STRAVA: strava}

    Mission.objects.update(timezone="Europe/Paris")
    mission.refresh_from_db()
    told = game_told(mission, read(tester), local_date=TODAY)

    rows = {one.stage.number: one.row for one in told.stages if one.row is not None}
    # Not stored: the coach's own game it is.
    assert {row.pk for row in rows.values()} == {None}
    assert {number: (row.ride_mode, row.ride_key) for number, row in rows.items()} == {
        **before,
        3: ("rest", ""),
    }


@pytest.mark.parametrize("days", [2, 20])
def test_settle_stages_whose_rides_are_gone_costs_the_same_for_few_and_for_many(
    tester: User, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=ago(days), event_end=TODAY
    )
    connection = factories.connection(tester, last_success_at=NOW)
    for number in range(1, days + 1):
        factories.ride(tester, ago(number), external_id=str(number))
    settle_stages(mission, read(tester), local_date=TODAY, now=NOW)
    Ride.objects.all().delete()
    Connection.objects.filter(pk=connection.pk).update(last_success_at=NOW)

    with django_assert_num_queries(15):
        settle_stages(mission, read(tester), local_date=TODAY, now=LATER)

    assert mission.progress.filter(ride_mode="gc").count() == days


def test_mission_that_is_deleted_meanwhile_is_not_settled(ridden: Mission) -> None:
    gathered = read(ridden.owner)
    Mission.objects.all().delete()

    settle_stages(ridden, gathered, local_date=TODAY, now=LATER)

    assert EventProgress.objects.count() == 0


# --- the stream, and the tester's own word -------------------------------------------------------


def histogram(**seconds_at: int) -> list[int]:
    """Seconds by watts, as in w155=600."""
    told = {int(name[1:]) // 10: seconds for name, seconds in seconds_at.items()}
    return [told.get(index, 0) for index in range(max(told) + 1)]


def test_hard_minutes_are_counted_where_the_stream_is_known(tester: User) -> None:
    ftp(tester, ago(10), 200)
    rides: list[dict[str, Any]] = [
        {"power_histogram": histogram(w105=3300, w195=300)},
        {"power_histogram": histogram(w105=3299, w195=301)},
        # Hard over its whole length it would be, and was below Z4 all the time.
        {"power_histogram": histogram(w155=3600), "np_w": 170.0},
        # Its power is not that of a meter.
        {"power_histogram": histogram(w305=3600), "has_power_meter": False},
        {"power_histogram": None},
    ]
    for days, fields in enumerate(rides, start=1):
        factories.ride(tester, ago(9 - days), **fields)

    found = scored(tester)

    assert [one.measured_hard_minutes for one in found] == [
        5.0,
        pytest.approx(301 / 60),
        0.0,
        None,
        None,
    ]
    assert [one.z4plus_minutes for one in found][2:] == [0.0, None, 0.0]
    assert [one.is_hard for one in found] == [False, True, False, None, False]
    assert found[4].zone_minutes is None


def test_zones_are_those_of_the_ftp_of_the_day(tester: User) -> None:
    ftp(tester, ago(10), 200)
    ftp(tester, ago(2), 260)
    for days in (3, 1):
        factories.ride(tester, ago(days), power_histogram=histogram(w185=3600))

    zones = [one.zone_minutes for one in scored(tester)]

    assert [{zone: m for zone, m in (told or {}).items() if m} for told in zones] == [
        {"Z4": 60.0},
        {"Z2": 60.0},
    ]


def rated(mission: Mission, days: int, rpe: int | None, word: str = "done") -> Feedback:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=ago(days),
        trigger="schedule",
        outcome="decided",
        finished_at=datetime.combine(ago(days), time(5), tzinfo=UTC),
        decision=reply(),
    )
    return Feedback.objects.create(run=run, word=word, rpe=rpe)


def test_effort_gives_the_load_of_a_ride_without_sensors(mission: Mission) -> None:
    """Five hours of 64 points at efforts of 4, 4, 4, 5 and 8: in the middle 64 / 240 a minute."""
    tester = mission.owner
    ftp(tester, ago(20), 200)
    for days, rpe in zip((10, 9, 8, 7, 6), (4, 4, 4, 5, 8), strict=True):
        factories.ride(tester, ago(days))
        rated(mission, days, rpe)
    factories.ride(tester, ago(3), **by_heart(average_hr_bpm=None, suffer_score=100.0))
    rated(mission, 3, 6)
    factories.ride(tester, ago(2), **by_heart(average_hr_bpm=None))
    rated(mission, 2, None)

    by_effort, unrated = scored(tester)[-2:]

    assert by_effort.load.method == "session_rpe"
    assert by_effort.load.load == pytest.approx(6 * 60 * 64 / 240)
    assert (unrated.load.load, unrated.load.method) == (None, None)
    assert scored(tester)[0].load.method == "power"

    Feedback.objects.filter(run__local_date=ago(10)).delete()
    too_few = scored(tester)[-2]
    assert too_few.load.method == "suffer_score"
    assert too_few.load.load == pytest.approx(67.0)


@pytest.mark.parametrize("days", [2, 20])
def test_score_asks_once_for_all_the_efforts(
    mission: Mission, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(1, days + 1):
        factories.ride(mission.owner, ago(n))
        rated(mission, n, 5)
    told = read(mission.owner)

    with django_assert_num_queries(1):
        assert len(score(mission.owner, told)) == days
