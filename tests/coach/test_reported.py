from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.models import User
from coach.models import CheckIn
from coach.observe import draw_up
from coach.reported import travel_of
from coach.situation import Health, Situation
from connections import readings
from connections.models import DailySample
from connections.sources import Source
from missions.models import Mission
from tests import factories
from tests.factories import NOW, TODAY
from tests.policies import set_policy

pytestmark = pytest.mark.django_db


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def situation(mission: Mission) -> Situation:
    read = readings.gather(mission.owner, TODAY)
    return draw_up(mission, read, local_date=TODAY, now=NOW)


def check_in(user: User, local_date: date = TODAY, **answers: Any) -> CheckIn:
    return CheckIn.objects.create(user=user, local_date=local_date, **answers)


def test_check_in_of_the_morning_is_told_in_full(mission: Mission) -> None:
    mission.owner.has_reds = True
    check_in(
        mission.owner,
        feel=2,
        soreness=1,
        illness="above_neck",
        injury_place="knee",
        injury_pain=5,
        red_flags=["chest pain or pressure"],
        note="Slept badly.",
    )

    told = situation(mission)

    assert told.health == Health(
        is_checked_in=True,
        feel=2,
        soreness=1,
        red_flags=("chest pain or pressure",),
        illness="above_neck",
        injury="knee, pain 5 of 10",
        reds_flag=True,
    )
    assert told.untrusted == (f"mission: {mission.name}", "check_in: Slept badly.")


def test_feeling_of_another_morning_and_another_rider_say_nothing_of_today(
    mission: Mission,
) -> None:
    check_in(mission.owner, ago(1), feel=1, soreness=2, minutes_today=0, note="Yesterday.")
    check_in(factories.tester("other@example.org"), feel=1, illness="fever")

    told = situation(mission)

    assert told.health == Health(is_checked_in=False)
    assert told.untrusted == (f"mission: {mission.name}",)


BAD = {
    "illness": "fever",
    "injury_place": "knee",
    "injury_pain": 5,
    "red_flags": ["chest pain or pressure"],
}


@pytest.mark.parametrize(("days", "holds"), [(1, True), (3, True), (4, False)])
def test_silence_is_no_recovery_for_three_days(mission: Mission, days: int, holds: bool) -> None:
    check_in(mission.owner, ago(days), feel=1, **BAD)

    health = situation(mission).health

    told = (health.illness, health.injury, health.red_flags, health.illness_resolved_days)
    assert told == (
        ("fever", "knee, pain 5 of 10", ("chest pain or pressure",), None)
        if holds
        else (None, None, (), days)
    )
    assert (health.is_checked_in, health.feel) == (False, None)


def test_one_word_of_a_link_takes_nothing_else_back_and_the_whole_form_does(
    mission: Mission,
) -> None:
    check_in(mission.owner, ago(1), **BAD)
    today = check_in(mission.owner, feel=2, source=CheckIn.Source.LINK)
    by_link = situation(mission).health
    today.source = CheckIn.Source.PAGE
    today.save()
    by_form = situation(mission).health

    assert (by_link.illness, by_link.injury) == ("fever", "knee, pain 5 of 10")
    assert by_link.red_flags == ("chest pain or pressure",)
    assert by_form == Health(is_checked_in=True, feel=2, illness_resolved_days=1)


def test_what_was_left_out_stays_unknown_and_not_ill_is_no_illness(mission: Mission) -> None:
    row = check_in(mission.owner)
    empty = situation(mission).health
    row.illness = "none"
    row.save()
    well = situation(mission).health

    assert empty == well == Health(is_checked_in=True)


def test_days_since_an_illness_count_from_the_last_report_of_it(mission: Mission) -> None:
    check_in(mission.owner, ago(9), illness="fever")
    check_in(mission.owner, ago(2), illness="above_neck")
    check_in(mission.owner, ago(1), illness="none")
    without = situation(mission).health.illness_resolved_days
    today = check_in(mission.owner, illness="none")
    well = situation(mission).health.illness_resolved_days
    today.illness = "above_neck"
    today.save()
    ill = situation(mission).health.illness_resolved_days

    assert (without, well, ill) == (2, 2, None)


@pytest.mark.parametrize(("days", "resolved"), [(14, 14), (15, None)])
def test_illness_of_more_than_two_weeks_ago_is_over(
    mission: Mission, days: int, resolved: int | None
) -> None:
    check_in(mission.owner, ago(days), illness="fever")

    assert situation(mission).health.illness_resolved_days == resolved


@pytest.mark.parametrize(
    ("said", "today"),
    [(None, (90, False)), (0, (0, True)), (30, (30, False)), (240, (240, False))],
)
def test_time_they_say_they_have_goes_before_their_week(
    mission: Mission, said: int | None, today: tuple[int, bool]
) -> None:
    check_in(mission.owner, minutes_today=said)

    free = situation(mission).mission.availability

    assert (free.today_minutes, free.blocked_today) == today


def test_time_on_a_day_away_and_more_than_any_day_has(mission: Mission) -> None:
    mission.blackout_dates = [TODAY.isoformat()]
    row = check_in(mission.owner, minutes_today=45)
    away = situation(mission).mission.availability
    CheckIn.objects.filter(pk=row.pk).update(minutes_today=1_000)
    far = situation(mission).mission.availability

    assert (away.today_minutes, away.blocked_today) == (45, False)
    assert far.today_minutes == 720


def test_ring_tells_its_temperature_and_that_it_rests(mission: Mission) -> None:
    def sample(kind: str, day: date, value: float) -> None:
        DailySample.objects.create(
            user=mission.owner, source=Source.OURA, local_date=day, kind=kind, value=value, unit=""
        )

    sample(DailySample.Kind.TEMPERATURE_DEVIATION, ago(1), 1.25)
    sample(DailySample.Kind.REST_MODE, ago(1), 1)
    yesterday = situation(mission)
    sample(DailySample.Kind.TEMPERATURE_DEVIATION, TODAY, -0.204)
    sample(DailySample.Kind.REST_MODE, TODAY, 1)
    today = situation(mission)

    assert (yesterday.metrics.temperature_deviation, yesterday.health.is_rest_mode) == (None, None)
    assert (today.metrics.temperature_deviation, today.health.is_rest_mode) == (-0.2, True)


def test_ring_that_is_kept_from_the_coach_tells_nothing(
    mission: Mission, settings: LazySettings
) -> None:
    kinds = DailySample.Kind
    for kind in (kinds.TEMPERATURE_DEVIATION, kinds.REST_MODE):
        DailySample.objects.create(
            user=mission.owner, source=Source.OURA, local_date=TODAY, kind=kind, value=1, unit=""
        )
    set_policy(settings, "oura", IN_PROMPTS=False)

    told = situation(mission)

    assert told.kept_back == ("oura",)
    assert (told.metrics.temperature_deviation, told.health.is_rest_mode) == (None, None)


def test_tired_rider_with_a_good_score_is_a_conflict(mission: Mission) -> None:
    midnight = datetime.combine(TODAY, NOW.timetz()) - timedelta(hours=5)
    DailySample.objects.create(
        user=mission.owner,
        source=Source.OURA,
        local_date=TODAY,
        kind=DailySample.Kind.READINESS,
        value=85,
        unit="score",
        measured_at=midnight,
    )
    before = situation(mission).metrics
    check_in(mission.owner, feel=1)

    assert (before.readiness, before.conflict) == (85, False)
    assert situation(mission).metrics.conflict is True


@pytest.mark.parametrize(
    ("zone", "days", "told"),
    [
        ("Asia/Tokyo", 0, (7.0, 0)),
        ("Asia/Kathmandu", 3, (3.75, 3)),
        ("America/New_York", 2, (-6.0, 2)),
        ("Europe/Madrid", 1, (0.0, 1)),
        ("Asia/Tokyo", 4, (None, None)),
    ],
)
def test_journey_is_the_change_of_their_time_zone(
    tester: User, zone: str, days: int, told: tuple[float | None, int | None]
) -> None:
    tester.timezone = zone
    tester.save()
    tester.timezone_changed_at = NOW - timedelta(days=days)

    travelled = travel_of(tester, tester.local_date(NOW), NOW)

    assert (travelled["tz_shift_hours"], travelled["days_since_travel"]) == told


def test_journey_is_in_the_situation_of_the_morning_after(mission: Mission) -> None:
    mission.owner.timezone = "America/New_York"
    mission.owner.save()
    assert timezone.now() - (mission.owner.timezone_changed_at or NOW) < timedelta(minutes=1)
    mission.owner.timezone_changed_at = NOW - timedelta(hours=8)

    today = situation(mission).today

    assert (today.tz_shift_hours, today.days_since_travel) == (-6.0, 1)
