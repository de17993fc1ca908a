from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Ftp, User
from coach.observe import draw_up, phase_on
from coach.situation import Metrics, Situation, Week
from connections import readings
from connections.models import AppleHealthUpload, DailySample, Night
from connections.sources import Source
from missions.models import Mission, RideMode, StageType
from missions.progress import StageRidden, settle
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)
# An hour at 160 W with an FTP of 200 W.
RIDE_LOAD = 64.0


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def situation(mission: Mission, local_date: date = TODAY, now: datetime = NOW) -> Situation:
    read = readings.gather(mission.owner, local_date)
    return draw_up(mission, read, local_date=local_date, now=now)


def metrics(mission: Mission, **when: Any) -> dict[str, Any]:
    return situation(mission, **when).metrics.model_dump()


@pytest.fixture
def ftp(tester: User) -> Ftp:
    return Ftp.objects.create(user=tester, effective_date=ago(200), power_w=200)


@pytest.fixture
def strava(tester: User) -> Any:
    return factories.connection(tester, last_success_at=NOW - timedelta(minutes=6))


def nights(user: User, count: int = 20, **fields: Any) -> None:
    """Nights up to today's: HRV 50 to 54 ms, 48 to 50 bpm, 7.5 or 7 hours, by turns."""
    for n in range(count):
        values = {"hrv_ms": 50.0 + n % 5, "resting_hr_bpm": 48.0 + n % 3}
        asleep_s = 27_000 - 1_800 * (n % 2)
        factories.night(user, ago(n), **{"asleep_s": asleep_s, **values, **fields})


def oura_score(user: User, day: date, value: float = 77.0, **fields: Any) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    DailySample.objects.create(
        user=user,
        source=Source.OURA,
        local_date=day,
        kind=DailySample.Kind.READINESS,
        value=value,
        unit="score",
        **{"measured_at": midnight, **fields},
    )


def test_situation_of_known_rides_and_nights_has_exactly_these_numbers(
    mission: Mission, ftp: Ftp, strava: Any
) -> None:
    for days in (1, 2, 5, 12, 50):
        factories.ride(mission.owner, ago(days))
    nights(mission.owner)

    drawn_up = situation(mission)

    assert drawn_up.drawn_up_at == NOW
    assert drawn_up.metrics == Metrics(
        readiness=84,
        readiness_source="lr_readiness_v1",
        readiness_age_h=1.0,
        readiness_reason=None,
        tsb=-16.5,
        ctl=6.0,
        atl=22.5,
        ramp_7d=4.1,
        ctl_status="settling",
        hrv=50.0,
        hrv_kind="rmssd",
        hrv_baseline=52.1,
        hrv_7d_z=-0.38,
        rhr=48.0,
        rhr_baseline=49.0,
        sleep_h=7.5,
        sleep_7d_h=7.3,
        night_source="oura",
        night_age_h=1.0,
        load_7d=192.0,
        load_source="strava",
        load_age_h=0.1,
        monotony=0.8,
        strain=154.0,
        projected_ctl=6.3,
        projected_tsb=1.2,
        max_load_30d=64.0,
        history_days=50,
        unknown_days=0,
        consecutive_hard_days=0,
        days_since_rest=2,
        conflict=False,
        hrv_source="oura",
        hrv_age_h=1.0,
        rhr_source="oura",
        rhr_age_h=1.0,
        sleep_source="oura",
        sleep_age_h=1.0,
    )
    assert drawn_up.week == Week(
        minutes_done=180, hard_sessions_done=0, pre_taper_session_minutes=None
    )
    assert drawn_up.missing() == ()


def test_situation_of_a_mission_tells_its_dates_and_limits(mission: Mission, ftp: Ftp) -> None:
    mission.owner.lthr_bpm, mission.owner.hr_max_bpm, mission.owner.birth_year = 166, 184, 1985
    mission.event_style, mission.targets = "breakaway", {"ctl": 60}

    drawn_up = situation(mission)

    told = drawn_up.for_model()

    assert told["mission"] == {
        "state": "TRAINING",
        "type": "road_stage_race",
        "timezone": "Europe/Paris",
        "phase": "Build",
        "event_start": "2026-08-03",
        "event_end": "2026-08-07",
        "constraints": {
            "min_readiness": 70,
            "min_tsb": -15,
            "force_rest_readiness": 60,
            "force_rest_tsb": -20,
            "max_ramp_rate": 8.0,
            "max_consecutive_hard_days": 2,
            "max_hard_sessions_per_week": 3,
            "rhr_rise_bpm": 7,
            "max_days_without_rest": 6,
            "usual_ramp_rate": 5,
            "max_load_pct": 150,
            "max_monotony": 2,
            "new_tester_minutes": 75,
            "jet_lag_hours": 3,
        },
        "availability": {"weekly_minutes": 420, "today_minutes": 90, "blocked_today": False},
        "points_schema": {
            kind: prices for kind, prices in mission.points_schema.items() if kind != "bonuses"
        },
        "bonuses": {
            name: bonus["points"] for name, bonus in mission.points_schema["bonuses"].items()
        },
        "detection": {"min_minutes": 30, "gc_if": 0.7, "breakaway_if": 0.85},
        "event_style": "breakaway",
        "targets": {"ctl": 60},
    }
    assert told["athlete"] == {
        "sport": "cycling",
        "ftp": 200,
        "lthr": 166,
        "hr_max": 184,
        "age": 40,
    }
    assert told["today"] == {
        "date": "2026-07-04",
        "weekday": "Saturday",
        "days_to_event": 30,
        "is_rest_day": False,
    }
    assert "progress" not in told
    assert drawn_up.mission.goal == mission.name


def test_limits_are_the_mission_s_own(mission: Mission) -> None:
    own = {
        "min_readiness": 50,
        "min_tsb": -30,
        "force_rest_readiness": 40,
        "force_rest_tsb": -35,
        "max_ramp_rate": 6,
        "max_consecutive_hard_days": 1,
        "max_hard_sessions_per_week": 2,
        "max_rhr": 58,
        "max_zone": 3,
        "rhr_rise_bpm": 5,
        "max_days_without_rest": 10,
        "usual_ramp_rate": 4,
        "max_load_pct": 120,
        "max_monotony": 3,
        "new_tester_minutes": 45,
        "jet_lag_hours": 5,
    }
    for name, value in own.items():
        setattr(mission, name, value)

    assert situation(mission).mission.constraints.model_dump(exclude_none=True) == own


def test_day_without_time_is_blocked(mission: Mission) -> None:
    mission.weekday_minutes = [0 if day == TODAY.weekday() else 75 for day in range(7)]
    no_time = situation(mission).mission.availability
    mission.weekday_minutes, mission.blackout_dates = [75] * 7, [TODAY.isoformat()]
    away = situation(mission).mission.availability
    mission.blackout_dates = []
    free = situation(mission).mission.availability

    assert [(one.today_minutes, one.blocked_today) for one in (no_time, away, free)] == [
        (0, True),
        (0, True),
        (75, False),
    ]


def test_restrictions_are_told_as_what_somebody_typed(mission: Mission) -> None:
    mission.restrictions = "Left knee hurts above 90 minutes."

    assert situation(mission).untrusted == (
        f"mission: {mission.name}",
        "restrictions: Left knee hurts above 90 minutes.",
    )


def test_tester_without_any_history_has_no_numbers_and_a_status(mission: Mission) -> None:
    drawn_up = situation(mission)

    known = {name: value for name, value in drawn_up.metrics if value is not None}
    assert known == {
        "readiness_reason": "no_reading",
        "ctl_status": "no_history",
        "history_days": 0,
        "unknown_days": 0,
        "conflict": False,
    }
    assert drawn_up.week == Week(
        minutes_done=None, hard_sessions_done=None, pre_taper_session_minutes=None
    )
    assert (drawn_up.athlete.ftp, drawn_up.recent_activities, drawn_up.sources) == (None, (), ())
    assert drawn_up.missing() == (
        "metrics.readiness",
        "metrics.tsb",
        "metrics.hrv",
        "metrics.rhr",
        "metrics.sleep_h",
        "athlete.ftp",
    )


def test_source_that_told_of_no_ride_yet_says_zero_minutes(mission: Mission, strava: Any) -> None:
    drawn_up = situation(mission)

    assert (drawn_up.week.minutes_done, drawn_up.week.hard_sessions_done) == (0, 0)
    assert (drawn_up.metrics.tsb, drawn_up.metrics.ctl_status) == (None, "no_history")


def test_ride_of_today_does_not_move_the_morning(mission: Mission, ftp: Ftp, strava: Any) -> None:
    factories.ride(mission.owner, ago(3))
    before = situation(mission)
    factories.ride(mission.owner, TODAY, started_at=NOW - timedelta(hours=2))

    after = situation(mission)

    assert after.metrics == before.metrics
    assert after.week == before.week
    assert [ride.date for ride in after.recent_activities] == [TODAY, ago(3)]


@pytest.mark.parametrize(
    ("days_silent", "unknown_days", "status", "since_rest"),
    [
        (0, 0, "settled", 0),
        # Of the day of the last reading only the morning was told.
        (1, 1, "settled", None),
        (2, 2, "settled", None),
        (3, 3, "gap_unexplained", None),
        (9, 9, "gap_unexplained", None),
    ],
)
def test_days_after_a_source_fell_silent_are_unknown_and_no_rest(
    mission: Mission, ftp: Ftp, days_silent: int, unknown_days: int, status: str, since_rest: Any
) -> None:
    factories.connection(mission.owner, last_success_at=NOW - timedelta(days=days_silent))
    for days in range(10, 140):
        factories.ride(mission.owner, ago(days))

    told = metrics(mission)

    assert (told["unknown_days"], told["ctl_status"]) == (unknown_days, status)
    assert (told["days_since_rest"], told["consecutive_hard_days"]) == (since_rest, since_rest)
    assert told["load_age_h"] == 24.0 * days_silent


def test_ride_of_the_day_the_source_fell_silent_still_counts(mission: Mission, ftp: Ftp) -> None:
    factories.connection(mission.owner, last_success_at=NOW - timedelta(days=1))
    factories.ride(mission.owner, YESTERDAY)

    told = metrics(mission)

    assert (told["unknown_days"], told["days_since_rest"], told["load_7d"]) == (0, 1, RIDE_LOAD)


def test_days_after_the_last_reading_of_a_disconnected_source_are_unknown(
    mission: Mission, ftp: Ftp
) -> None:
    read_at = NOW - timedelta(days=4)
    for days in (5, 6, 7):
        factories.ride(mission.owner, ago(days), read_at=read_at)

    told = metrics(mission)

    assert (told["unknown_days"], told["days_since_rest"], told["load_age_h"]) == (4, None, None)


def test_ride_recorded_by_strava_and_apple_counts_once(
    mission: Mission, ftp: Ftp, strava: Any
) -> None:
    started_at = datetime(2026, 7, 3, 16, tzinfo=UTC)
    factories.ride(mission.owner, YESTERDAY, started_at=started_at)
    factories.ride(
        mission.owner,
        YESTERDAY,
        started_at=started_at + timedelta(seconds=50),
        source=Source.APPLE,
        has_power_meter=False,
        np_w=None,
        average_power_w=None,
    )

    drawn_up = situation(mission)

    assert drawn_up.metrics.load_7d == RIDE_LOAD
    assert drawn_up.metrics.load_source == "strava"
    assert drawn_up.week.minutes_done == 60
    assert [(one.source, one.load) for one in drawn_up.recent_activities] == [("strava", 64.0)]


def test_rides_of_two_sources_name_both_and_the_age_of_the_fresher(
    mission: Mission, ftp: Ftp
) -> None:
    factories.connection(mission.owner, last_success_at=NOW - timedelta(days=2))
    AppleHealthUpload.objects.create(
        user=mission.owner,
        file_name="export.zip",
        stored_name="1",
        size_bytes=1,
        status=AppleHealthUpload.Status.DONE,
        exported_at=NOW - timedelta(hours=3),
        finished_at=NOW,
    )
    factories.ride(mission.owner, ago(4))
    factories.ride(mission.owner, ago(3), source=Source.APPLE)

    told = metrics(mission)

    assert (told["load_source"], told["load_age_h"]) == ("apple+strava", 3.0)


@pytest.mark.parametrize(
    ("score_of", "expected"),
    [
        (TODAY, (77, "oura", 1.0, None)),
        # Last night's own score is missing; yesterday's is 25 hours old, which is fresh enough.
        (YESTERDAY, (77, "oura", 25.0, None)),
        (ago(2), (84, "lr_readiness_v1", 1.0, None)),
    ],
)
def test_score_of_oura_is_used_up_to_36_hours(
    mission: Mission, score_of: date, expected: tuple[Any, ...]
) -> None:
    nights(mission.owner)
    oura_score(mission.owner, score_of)

    told = situation(mission).metrics

    assert (
        told.readiness,
        told.readiness_source,
        told.readiness_age_h,
        told.readiness_reason,
    ) == expected


def test_score_of_oura_without_its_night_is_as_old_as_its_stamp(mission: Mission) -> None:
    oura_score(mission.owner, TODAY, 76.5)

    told = situation(mission).metrics

    assert (told.readiness, told.readiness_source, told.readiness_age_h) == (76, "oura", 5.5)


def test_score_of_oura_without_a_time_is_not_taken_for_fresh(mission: Mission) -> None:
    oura_score(mission.owner, TODAY, measured_at=None)

    told = situation(mission).metrics

    assert (told.readiness, told.readiness_reason) == (None, "no_reading")


def test_night_of_more_than_36_hours_ago_leaves_no_value_but_its_age(mission: Mission) -> None:
    nights(mission.owner)
    later = NOW + timedelta(hours=36)

    told = situation(mission, local_date=TODAY + timedelta(days=1), now=later).metrics

    assert (told.readiness, told.readiness_reason, told.readiness_age_h) == (
        None,
        "stale_reading",
        37.0,
    )
    assert (told.hrv, told.hrv_kind, told.rhr, told.sleep_h) == (None, None, None, None)
    assert (told.night_source, told.night_age_h) == ("oura", 37.0)


def test_hrv_of_apple_keeps_its_own_kind(mission: Mission) -> None:
    nights(mission.owner, source=Source.APPLE, hrv_kind=Night.HrvKind.SDNN)

    told = situation(mission).metrics

    assert (told.hrv, told.hrv_kind, told.night_source) == (50.0, "sdnn", "apple")


def test_night_without_hrv_says_what_its_score_did_without(mission: Mission) -> None:
    nights(mission.owner, hrv_ms=None, hrv_kind="")

    told = situation(mission).metrics

    assert told.readiness_source == "lr_readiness_v1:no_hrv"
    assert (told.hrv, told.hrv_kind, told.hrv_baseline, told.hrv_7d_z) == (None, None, None, None)


def test_night_that_ended_without_a_time_counts_from_when_it_was_read(mission: Mission) -> None:
    nights(mission.owner, ended_at=None, read_at=NOW - timedelta(hours=2))

    assert situation(mission).metrics.night_age_h == 2.0


def test_ftp_is_the_one_of_its_day_and_never_rescales_earlier_rides(
    mission: Mission, ftp: Ftp, strava: Any
) -> None:
    Ftp.objects.create(user=mission.owner, effective_date=ago(2), power_w=250)
    Ftp.objects.create(user=mission.owner, effective_date=TODAY + timedelta(days=1), power_w=300)
    for days in (3, 2, 1):
        factories.ride(mission.owner, ago(days))

    drawn_up = situation(mission)

    assert drawn_up.athlete.ftp == 250
    assert [
        (ride.date, ride.load, ride.intensity_factor) for ride in drawn_up.recent_activities
    ] == [
        (ago(1), 41.0, 0.64),
        (ago(2), 41.0, 0.64),
        (ago(3), 64.0, 0.8),
    ]


def test_ride_that_cannot_be_scored_makes_its_day_unknown(mission: Mission, strava: Any) -> None:
    factories.ride(mission.owner, YESTERDAY, average_hr_bpm=None)

    drawn_up = situation(mission)

    (ride,) = drawn_up.recent_activities
    assert (ride.load, ride.load_method, ride.intensity_factor) == (None, None, None)
    assert drawn_up.metrics.tsb is None
    assert (drawn_up.week.minutes_done, drawn_up.week.hard_sessions_done) == (60, None)


def test_week_counts_minutes_on_the_bike_from_monday_to_yesterday(
    mission: Mission, ftp: Ftp, strava: Any
) -> None:
    monday = date(2026, 6, 29)
    factories.ride(mission.owner, monday - timedelta(days=1))
    factories.ride(mission.owner, monday, duration_s=1_790)
    factories.ride(mission.owner, YESTERDAY, np_w=170.0)
    factories.ride(mission.owner, YESTERDAY, sport="Walk")
    factories.ride(mission.owner, TODAY, started_at=NOW - timedelta(hours=2))

    week = situation(mission).week

    assert (week.minutes_done, week.hard_sessions_done) == (90, 1)


def test_hard_days_in_a_row_are_counted_backwards_from_yesterday(
    mission: Mission, ftp: Ftp, strava: Any
) -> None:
    for days, np_w in ((1, 180.0), (2, 170.0), (3, 150.0), (4, 180.0)):
        factories.ride(mission.owner, ago(days), np_w=np_w)

    assert metrics(mission)["consecutive_hard_days"] == 2


def test_recent_rides_are_the_last_week_s_newest_first_and_at_most_twelve(
    mission: Mission, ftp: Ftp
) -> None:
    factories.ride(mission.owner, ago(8), name="too long ago")
    for hour in range(13):
        started_at = datetime(2026, 7, 3, hour, tzinfo=UTC)
        factories.ride(
            mission.owner, YESTERDAY, started_at=started_at, elapsed_s=1_800, name=f"ride {hour}"
        )
    factories.ride(mission.owner, TODAY, started_at=NOW - timedelta(hours=1), name="")

    drawn_up = situation(mission)

    assert len(drawn_up.recent_activities) == 12
    assert drawn_up.untrusted == (
        "mission: Tour of the Valleys",
        *(f"ride 2026-07-03: ride {hour}" for hour in range(12, 1, -1)),
    )


def test_source_that_does_not_work_is_told_with_its_problem(tester: User, mission: Mission) -> None:
    factories.connection(
        tester,
        provider=Source.OURA,
        last_success_at=NOW - timedelta(days=3),
        last_error="Oura did not answer in time.",
    )

    (source,) = situation(mission).sources

    assert source.model_dump() == {
        "source": "oura",
        "label": "Oura",
        "is_working": False,
        "last_success_at": NOW - timedelta(days=3),
        "problem": "Oura did not answer in time.",
        "is_news": True,
        "is_withheld": False,
        "is_retried": True,
        "waits": False,
    }


@pytest.fixture
def event(tester: User) -> Mission:
    """Five days, the second of them today: a mountain stage."""
    mission = factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=YESTERDAY, event_end=ago(-3)
    )
    mission.stages.filter(number=2).update(stage_type=StageType.MOUNTAIN)
    return mission


@pytest.mark.parametrize(("own", "told"), [(1, 1), (2, 3), (4, 4)])
def test_event_allows_three_hard_days_in_a_row_and_keeps_a_limit_of_ones_own(
    event: Mission, own: int, told: int
) -> None:
    event.max_consecutive_hard_days = own

    assert situation(event).mission.constraints.max_consecutive_hard_days == told


def test_event_day_tells_the_stage_and_where_the_game_stands(event: Mission) -> None:
    ridden = StageRidden(RideMode.BREAKAWAY, "strava:1", NOW)
    settle(event, event.stages.get(number=1), ridden, now=NOW)

    drawn_up = situation(event)

    told = drawn_up.for_model()
    assert told["today"] == {
        "date": "2026-07-04",
        "weekday": "Saturday",
        "days_into_event": 2,
        "stage": {"number": 2, "type": "mountain", "completed": False},
        "is_rest_day": False,
    }
    assert told["mission"]["phase"] == "Event"
    assert told["mission"]["constraints"]["max_consecutive_hard_days"] == 3
    assert drawn_up.progress == {
        "total_points": 8,
        "stages_total": 5,
        "stages_completed": 1,
        "stages_missed": 0,
        "remaining_stages": 4,
        "consecutive_stages": 1,
        "breakaway_count": 1,
        "mountain_breakaway": 0,
        "mountain_not_breakaway": 0,
        "remaining_mountain": 1,
        "final_week_missed": False,
        "bonuses_earned": [],
        "bonuses_attainable": ["consecutive_5"],
        "stages": [
            {
                "number": 1,
                "stage_type": "flat",
                "ride_mode": "breakaway",
                "points": 8,
                "is_completed": True,
            }
        ],
        "bonus_progress": {"consecutive_5": {"count": 1, "needed": 5, "points": 5}},
        "best_line": {
            "what": "best total still possible under the limits",
            "points": None,
            "reason": "no_form",
        },
    }
    assert "stages" not in told["progress"]


@pytest.mark.parametrize(("minutes", "is_completed"), [(29, False), (30, True)])
def test_stage_that_was_ridden_today_is_completed(
    event: Mission, minutes: int, is_completed: bool
) -> None:
    factories.ride(event.owner, TODAY, started_at=NOW - timedelta(hours=1), duration_s=60 * minutes)

    stage = situation(event).today.stage

    assert stage is not None
    assert stage.completed is is_completed


def test_rest_day_of_the_event_has_no_stage(event: Mission) -> None:
    event.stages.filter(number=2).update(is_rest_day=True)

    today = situation(event).today

    assert (today.stage, today.is_rest_day) == (None, True)


@pytest.mark.parametrize(
    ("days_to_event", "phase"),
    [
        (43, "Base"),
        (42, "Build"),
        (22, "Build"),
        (21, "Peak"),
        (8, "Peak"),
        (7, "Taper"),
        (1, "Taper"),
        (0, "Event"),
        (-4, "Event"),
        (-5, None),
    ],
)
def test_phase_is_counted_from_the_days_to_the_event(
    mission: Mission, days_to_event: int, phase: str | None
) -> None:
    assert phase_on(mission, mission.event_start - timedelta(days=days_to_event)) == phase


@pytest.mark.parametrize(
    ("timezone", "now", "age_h"),
    [
        # The same instant is 4 July in both; half-hour and far zones change no age.
        ("Pacific/Honolulu", NOW + timedelta(hours=10), 11.0),
        ("Asia/Kolkata", NOW, 1.0),
        # The night of 25 October is an hour longer, and so is what has passed since.
        ("Europe/Paris", datetime(2026, 10, 25, 6, tzinfo=UTC), 1.5),
    ],
)
def test_ages_are_of_instants_whatever_the_zone(
    tester: User, timezone: str, now: datetime, age_h: float
) -> None:
    mission = factories.mission(tester, timezone=timezone)
    factories.night(tester, now.date())

    told = situation(mission, local_date=mission.local_date(now), now=now).metrics

    assert told.night_age_h == age_h


def test_night_that_ends_only_later_is_not_known_yet(mission: Mission) -> None:
    factories.night(mission.owner, TODAY, ended_at=NOW + timedelta(minutes=1))

    assert situation(mission).metrics.night_source is None


def test_day_of_the_last_reading_is_the_tester_s_own(mission: Mission, ftp: Ftp) -> None:
    """Half past midnight in Paris on 4 July is still the 3rd in UTC."""
    factories.connection(mission.owner, last_success_at=datetime(2026, 7, 3, 22, 30, tzinfo=UTC))
    factories.ride(mission.owner, ago(5))

    assert metrics(mission)["unknown_days"] == 0


def test_numbers_that_round_to_zero_have_no_sign(mission: Mission, ftp: Ftp, strava: Any) -> None:
    factories.ride(mission.owner, ago(170), duration_s=60)

    told = situation(mission).metrics

    assert f"{told.tsb:g} {told.ramp_7d:g} {told.atl:g}" == "0 0 0"
