from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Ftp, User
from coach.physiology.days import UNKNOWN
from coach.scored import ScoredRide, days_of, last_read_on, score, settle_stages
from connections import readings
from connections.models import Ride, Source
from connections.readings import Readings
from missions.models import EventProgress, Mission
from tests import factories
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

    settle_stages(event, read(event.owner), local_date=TODAY)

    assert settled(event) == [
        (1, "breakaway", 8, "strava:11", hard.ended_at),
        (3, "gc", 5, "strava:13", steady.ended_at),
    ]


def test_settle_stages_calls_a_stage_missed_only_when_its_whole_day_was_told(
    event: Mission,
) -> None:
    factories.connection(event.owner, last_success_at=NOW - timedelta(days=1))

    settle_stages(event, read(event.owner), local_date=TODAY)

    assert settled(event) == [(1, "rest", 0, "", None)]


def test_settle_stages_leaves_every_stage_open_without_any_source(event: Mission) -> None:
    settle_stages(event, read(event.owner), local_date=TODAY)

    assert settled(event) == []


def test_settle_stages_again_changes_nothing(event: Mission) -> None:
    factories.connection(event.owner, last_success_at=NOW)
    settle_stages(event, read(event.owner), local_date=TODAY)
    before = list(EventProgress.objects.values())
    factories.ride(event.owner, YESTERDAY)

    settle_stages(event, read(event.owner), local_date=TODAY)

    assert list(EventProgress.objects.values()) == before
    assert len(before) == 2


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

    settle_stages(mission, read(tester), local_date=TODAY)

    assert list(EventProgress.objects.values_list("stage__number", "ride_mode")) == [(1, "gc")]
