from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Ftp, User
from coach.observe import draw_up
from coach.recovery import rounded
from coach.trends import FormTrend, ReadinessTrend, form_trend, readiness_trend
from connections import readings
from connections.models import DailySample
from connections.sources import Source
from missions.models import Mission
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

ONE_DAY = timedelta(days=1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def score(user: User, day: date, value: float = 77.0, **fields: Any) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    values = {"source": Source.OURA, "measured_at": midnight, "unit": "score", **fields}
    kind = DailySample.Kind.READINESS
    DailySample.objects.create(user=user, local_date=day, kind=kind, value=value, **values)


def nights(user: User, *days_ago: int, **fields: Any) -> None:
    for n in days_ago:
        values = {"hrv_ms": 50.0 + n % 5, "resting_hr_bpm": 48.0 + n % 3}
        factories.night(user, ago(n), **{**values, **fields})


def readiness(mission: Mission, local_date: date = TODAY, now: datetime = NOW) -> ReadinessTrend:
    owner = mission.owner
    read = readings.gather(owner, local_date)
    scores = readings.scores_between(owner, local_date - 27 * ONE_DAY, local_date, read.kept_back)
    return readiness_trend(mission, read, scores, local_date=local_date, now=now)


def scored(trend: ReadinessTrend) -> dict[int, int]:
    """What is known, by how many days ago."""
    return {(TODAY - day.local_date).days: day.score for day in trend.days if day.score is not None}


def form(mission: Mission, local_date: date = TODAY) -> FormTrend:
    return form_trend(mission, readings.gather(mission.owner, local_date), local_date=local_date)


def rides(user: User, *days_ago: int, **fields: Any) -> None:
    for n in days_ago:
        factories.ride(user, ago(n), **fields)


@pytest.fixture
def _ftp(tester: User) -> None:
    Ftp.objects.create(user=tester, effective_date=ago(300), power_w=200)


@pytest.fixture
def _strava(tester: User) -> None:
    factories.connection(tester, last_success_at=NOW)


# --- readiness ------------------------------------------------------------------------------------


def test_readiness_is_28_days_up_to_the_one_asked_for(mission: Mission) -> None:
    days = readiness(mission).days

    assert [day.local_date for day in days] == [ago(n) for n in range(27, -1, -1)]
    assert {day.readiness.reason for day in days} == {"no_reading"}


def test_each_day_has_its_own_score_and_a_day_without_one_is_a_gap(mission: Mission) -> None:
    for days_ago, value in ((0, 81.0), (1, 74.0), (3, 66.0), (27, 70.0), (28, 99.0)):
        score(mission.owner, ago(days_ago), value)

    trend = readiness(mission)

    assert scored(trend) == {0: 81, 1: 74, 3: 66, 27: 70}
    assert {day.readiness.source for day in trend.known} == {"oura"}


def test_night_of_yesterday_is_not_the_readiness_of_today(mission: Mission) -> None:
    nights(mission.owner, *range(1, 30))

    assert readiness(mission).days[-1].readiness.reason == "no_reading"
    assert set(scored(readiness(mission))) == set(range(1, 15 + 1))


def test_nights_carry_the_score_of_the_house_from_their_fifteenth_on(mission: Mission) -> None:
    nights(mission.owner, *range(20))

    trend = readiness(mission)

    assert set(scored(trend)) == set(range(6))
    assert {day.readiness.source for day in trend.known} == {"lr_readiness_v1"}
    assert trend.days[-7].readiness.reason == "baseline_too_short"


def test_today_is_what_the_situation_of_the_morning_says(mission: Mission) -> None:
    nights(mission.owner, *range(40))
    read = readings.gather(mission.owner, TODAY)

    told = draw_up(mission, read, local_date=TODAY, now=NOW).metrics

    newest = readiness(mission).days[-1].readiness
    assert (newest.score, newest.source_label) == (told.readiness, told.readiness_source)
    assert told.readiness is not None


def test_source_that_is_kept_from_the_coach_has_no_scores(mission: Mission) -> None:
    score(mission.owner, TODAY)

    def told(kept_back: frozenset[str]) -> list[float]:
        found = readings.scores_between(mission.owner, ago(27), TODAY, kept_back)
        return [one.value for one in found]

    assert (told(frozenset()), told(frozenset({Source.OURA}))) == ([77.0], [])


def test_change_compares_the_last_seven_days_with_those_before(mission: Mission) -> None:
    for days_ago in range(14):
        score(mission.owner, ago(days_ago), 60.0 if days_ago < 7 else 70.0)

    trend = readiness(mission)

    assert (trend.change, trend.below) == (-10.0, 7)


def test_too_few_days_on_one_side_compare_with_nothing(mission: Mission) -> None:
    for days_ago in range(9):
        score(mission.owner, ago(days_ago))

    assert readiness(mission).change is None


# --- form -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_ftp", "_strava")
def test_last_morning_is_the_form_of_the_situation(mission: Mission) -> None:
    rides(mission.owner, 1, 2, 5, 12, 50)
    read = readings.gather(mission.owner, TODAY)

    told = draw_up(mission, read, local_date=TODAY, now=NOW).metrics
    trend = form(mission)

    last = trend.mornings[-1]
    assert last.local_date == TODAY
    assert (rounded(last.form.ctl), rounded(last.form.tsb)) == (told.ctl, told.tsb)
    assert trend.ahead is not None
    at_the_event = (rounded(trend.ahead.ctl), rounded(trend.ahead.tsb))
    assert at_the_event == (told.projected_ctl, told.projected_tsb)
    assert (trend.way[0], trend.way[-1].local_date) == (last.form, mission.event_start - ONE_DAY)


@pytest.mark.usefixtures("_ftp", "_strava")
def test_short_history_begins_with_its_first_load(mission: Mission) -> None:
    rides(mission.owner, 3)

    mornings = form(mission).mornings

    assert [one.local_date for one in mornings] == [ago(2), ago(1), TODAY]
    assert [rounded(one.load) for one in mornings] == [64.0, 0.0, 0.0]


@pytest.mark.usefixtures("_ftp", "_strava")
def test_no_more_than_120_mornings_are_shown(mission: Mission) -> None:
    rides(mission.owner, 1, 170)

    mornings = form(mission).mornings

    assert (len(mornings), mornings[0].local_date) == (120, ago(119))


@pytest.mark.usefixtures("_ftp")
@pytest.mark.parametrize(("silent_days", "is_gap"), [(2, False), (3, True)])
def test_three_unknown_days_in_a_row_are_a_gap_and_fewer_are_marked(
    mission: Mission, silent_days: int, is_gap: bool
) -> None:
    rides(mission.owner, *range(5, 30))
    factories.connection(mission.owner, last_success_at=NOW - timedelta(days=silent_days))

    mornings = form(mission).mornings[-silent_days - 1 :]

    assert [one.is_gap for one in mornings] == [False] + [is_gap] * silent_days
    assert [one.load for one in mornings] == [0.0] + [None] * silent_days


@pytest.mark.usefixtures("_ftp", "_strava")
def test_ride_without_a_load_makes_its_day_unknown(mission: Mission) -> None:
    rides(mission.owner, 1, 3)
    unscored = {"np_w": None, "average_power_w": None, "average_hr_bpm": None}
    rides(mission.owner, 2, **unscored, has_power_meter=False)

    loads = [rounded(one.load) for one in form(mission).mornings]
    assert loads == [64.0, None, 64.0]


def test_nothing_is_known_without_a_ride(mission: Mission) -> None:
    trend = form(mission)

    assert (trend.mornings, trend.way) == ((), ())


@pytest.mark.usefixtures("_ftp", "_strava")
@pytest.mark.parametrize("state", [Mission.State.PREP, Mission.State.MISSION_COMPLETE])
def test_only_training_leads_to_an_event(tester: User, state: str) -> None:
    rides(tester, 1)

    assert form(factories.mission(tester, state=state)).ahead is None
