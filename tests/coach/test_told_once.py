"""A source that fails is named in one brief, not in every one; the page says it all the time."""

from datetime import date, timedelta

import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import User
from coach import brief, daily_run
from coach.models import MissionRun
from connections import panel, sync
from connections.models import Connection
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, provider, reload
from tests.factories import NOW, TODAY

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GOOD, DOWN = Reply(b"[]"), Reply(status=500)
FAILS = "Strava has trouble of its own just now. We keep trying."
RECONNECT = "Strava no longer accepts our access. Connect Strava again."


@pytest.fixture
def strava(provider: Provider, settings: LazySettings, stand_ins: StandIns) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    return provider


@pytest.fixture
def connection(mission: Mission) -> Connection:
    return factories.connection(mission.owner, last_success_at=NOW - DAY, history_read_at=NOW)


def morning(mission: Mission, day: int) -> list[str]:
    """What the brief of a day says about sources that fail."""
    with time_machine.travel(NOW + day * DAY, tick=False):
        run = daily_run.open_run(mission, day_of(day), MissionRun.Trigger.SCHEDULE)
        daily_run.run_day(run)
    run = MissionRun.objects.get(pk=run.pk)
    told = brief.of(run, NOW + day * DAY)
    return list(told.problems) if told else ["no brief"]


def day_of(day: int) -> date:
    return TODAY + day * DAY


def hours(connection: Connection, day: int, count: int = 20) -> None:
    """The hourly readings until the next morning."""
    for hour in range(1, count + 1):
        sync.sync(reload(connection), NOW + day * DAY + hour * HOUR)


def words_on_the_page(user: User) -> tuple[str, str]:
    state = panel.state_of(user, "strava")
    return state.state, state.words


def test_source_that_fails_for_three_days_is_told_in_one_brief(
    mission: Mission, connection: Connection, strava: Provider
) -> None:
    strava.answers(DOWN)
    told = []
    for day in range(3):
        told.append(morning(mission, day))
        hours(connection, day)
        state, words = words_on_the_page(mission.owner)
        assert (state, words.startswith(FAILS.removesuffix("."))) == ("broken", True)

    assert told == [[FAILS], [], []]
    assert [mail.kind for mail in Notification.objects.all()] == ["brief"] * 3
    first, *others = [mail.text for mail in Notification.objects.order_by("pk")]
    assert (FAILS in first, [FAILS in text for text in others]) == (True, [False, False])
    assert reload(connection).told_at == NOW


def test_source_that_recovers_and_fails_again_is_told_again(
    mission: Mission, connection: Connection, strava: Provider
) -> None:
    strava.answers(DOWN)
    told = [morning(mission, 0)]
    strava.answers(GOOD)
    hours(connection, 0, count=1)
    told.append(morning(mission, 1))
    strava.answers(DOWN)
    told += [morning(mission, 2), morning(mission, 3)]

    assert told == [[FAILS], [], [FAILS], []]


def test_source_that_now_needs_its_tester_is_told_anew(
    mission: Mission, connection: Connection, strava: Provider
) -> None:
    strava.answers(DOWN)
    told = [morning(mission, 0)]
    strava.answers(Reply(status=401))
    hours(connection, 0, count=1)
    told += [morning(mission, 1), morning(mission, 2)]

    assert told == [[FAILS], [RECONNECT], []]
    assert words_on_the_page(mission.owner) == ("broken", RECONNECT)


def test_kind_of_failure_that_comes_and_goes_is_told_once(
    mission: Mission, connection: Connection, strava: Provider
) -> None:
    told = []
    for day in range(4):
        strava.answers(DOWN if day % 2 else Reply(status=403))
        told.append(bool(morning(mission, day)))

    assert told == [True, False, False, False]


def test_morning_that_fails_leaves_the_news_for_the_next_brief(
    mission: Mission, connection: Connection, strava: Provider, stand_ins: StandIns
) -> None:
    strava.answers(DOWN)
    stand_ins.mode("openai", "refusal")
    told = [morning(mission, 0)]
    assert reload(connection).told_at is None
    stand_ins.mode("openai", "ok")
    told += [morning(mission, 1), morning(mission, 2)]

    assert told == [["no brief"], [FAILS], []]


def test_what_has_changed_since_the_situation_is_still_news(
    mission: Mission, connection: Connection, strava: Provider, stand_ins: StandIns
) -> None:
    """Between the reading and the brief the failure became one that needs the tester."""
    strava.answers(DOWN)
    stand_ins.mode("openai", "refusal")
    morning(mission, 0)
    run = mission.runs.get()
    MissionRun.objects.update(outcome="due", finished_at=None, fence=0)
    strava.answers(Reply(status=401))
    hours(connection, 0, count=1)
    stand_ins.mode("openai", "ok")
    run.refresh_from_db()
    daily_run.run_day(run)

    assert reload(connection).told_at is None
    assert morning(mission, 1) == [RECONNECT]


def test_brief_from_before_news_were_told_once_still_shows_its_problems(
    mission: Mission, connection: Connection, strava: Provider
) -> None:
    strava.answers(DOWN)
    morning(mission, 0)
    run = mission.runs.get()
    assert run.situation is not None
    for source in run.situation["sources"]:
        del source["is_news"]
    run.save()

    told = brief.of(run, NOW)

    assert told is not None
    assert told.problems == [FAILS]
