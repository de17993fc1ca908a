from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.signals import after_task_publish
from django.conf import LazySettings, settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from coach import daily_run
from coach.models import MissionRun
from connections import budget, panel, readings, slots, sync, tasks
from connections.budget import Usage, Window
from connections.models import Connection, FailureTally, RateBudget, SyncAttempt
from connections.providers.http import ProviderBusy
from connections.providers.strava.asking import usage_in
from connections.sources import Source
from lanterne import settings as as_delivered
from missions.models import Mission
from tests import factories
from tests.conftest import StandIns
from tests.connections.athletes import at_strava, connected
from tests.connections.conftest import Provider, Reply, reload
from tests.factories import NOW, TODAY
from tests.policies import set_policy
from tests.threads import at_once

QUARTER = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
NEXT_QUARTER = datetime(2026, 7, 4, 5, 45, tzinfo=UTC)
NEXT_DAY = datetime(2026, 7, 5, tzinfo=UTC)
AT = QUARTER + timedelta(minutes=3, seconds=10)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(settings: LazySettings) -> None:
    set_policy(settings, "strava", RATE_LIMIT=(10, 25))


def test_settings_hold_the_limits_of_a_new_application() -> None:
    limits = {name: entry["RATE_LIMIT"] for name, entry in as_delivered.SOURCES.items()}

    assert limits == {"oura": None, "apple": None, "strava": (100, 1_000), "file": None}


def test_any_source_is_counted_by_the_limits_in_its_entry(settings: LazySettings) -> None:
    set_policy(settings, "oura", RATE_LIMIT=(2, 100))
    budget.take(Source.OURA, AT)
    budget.take(Source.OURA, AT)

    with pytest.raises(ProviderBusy, match=r"^Oura asks us to wait") as caught:
        budget.take(Source.OURA, AT)

    assert caught.value.retry_at == NEXT_QUARTER


def test_source_without_limits_cannot_be_counted() -> None:
    with pytest.raises(ImproperlyConfigured, match="'oura' of SOURCES has no RATE_LIMIT"):
        budget.take(Source.OURA, AT)

    assert not RateBudget.objects.exists()


def counted(row: RateBudget | None = None) -> tuple[int, int]:
    row = row or RateBudget.objects.get()
    return row.quarter_used, row.day_used


def take(count: int, now: datetime = AT, **options: Any) -> int:
    """How many of so many requests may be made."""
    for made in range(count):
        try:
            budget.take(Source.STRAVA, now, **options)
        except ProviderBusy:
            return made
    return count


def refused(now: datetime = AT, **options: Any) -> ProviderBusy:
    with pytest.raises(ProviderBusy) as caught:
        budget.take(Source.STRAVA, now, **options)
    return caught.value


def usage(quarter_used: int, day_used: int, quarter_limit: int = 10, day_limit: int = 25) -> Usage:
    return Usage(Window(quarter_limit, quarter_used), Window(day_limit, day_used))


def test_first_request_begins_the_count_with_the_limits_of_a_new_application() -> None:
    budget.take(Source.STRAVA, AT)

    row = RateBudget.objects.get()
    assert (row.source, row.quarter_started_at, row.day) == ("strava", QUARTER, date(2026, 7, 4))
    assert (row.quarter_limit, row.quarter_used) == (10, 1)
    assert (row.day_limit, row.day_used) == (25, 1)


def test_request_costs_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    budget.take(Source.STRAVA, AT)

    with django_assert_num_queries(1):
        budget.take(Source.STRAVA, AT)
    with django_assert_num_queries(1):
        budget.learn(Source.STRAVA, usage(2, 2), AT)


def test_quarter_that_is_used_up_waits_for_the_next_one() -> None:
    assert take(11) == 10

    busy = refused()
    assert busy.retry_at == NEXT_QUARTER
    assert str(busy) == (
        "Strava asks us to wait: too many requests for now. We go on in 12 minutes."
    )
    assert counted() == (10, 10)
    assert take(11, NEXT_QUARTER) == 10
    assert counted() == (10, 20)


def test_day_that_is_used_up_waits_for_midnight_in_utc() -> None:
    for quarter in range(3):
        take(10, QUARTER + quarter * timedelta(minutes=15))
    assert counted() == (5, 25)

    later = QUARTER + timedelta(minutes=45)
    busy = refused(later)
    assert busy.retry_at == NEXT_DAY
    assert str(busy).endswith("We go on in about 18 hours.")
    assert take(1, NEXT_DAY) == 1
    assert counted() == (1, 1)


@pytest.mark.parametrize(
    ("at", "retry_at"),
    [
        (datetime(2026, 7, 4, 5, 44, 59, 999_999, tzinfo=UTC), NEXT_QUARTER),
        (NEXT_QUARTER, datetime(2026, 7, 4, 6, tzinfo=UTC)),
        (datetime(2026, 7, 4, 23, 50, tzinfo=UTC), NEXT_DAY),
    ],
)
def test_quarters_are_those_of_the_clock(at: datetime, retry_at: datetime) -> None:
    take(10, at)

    assert refused(at).retry_at == retry_at


def test_whoever_can_wait_leaves_room_for_those_who_cannot() -> None:
    assert take(10, share=0.7) == 7
    assert refused(share=0.7).retry_at == NEXT_QUARTER
    assert take(10) == 3
    assert counted() == (10, 10)


def test_room_is_left_for_the_rest_of_the_day_too() -> None:
    for quarter in range(3):
        take(7, QUARTER + quarter * timedelta(minutes=15), share=0.7)

    later = QUARTER + timedelta(minutes=45)
    assert refused(later, share=0.7).retry_at == NEXT_DAY
    assert take(9, later) == 25 - 18


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_get_no_more_than_there_is() -> None:
    def ten() -> int:
        return take(10)

    assert sum(at_once(*[ten] * 4)) == 10
    assert counted() == (10, 10)


def test_clock_that_is_behind_counts_into_the_window_there_is() -> None:
    take(4, NEXT_QUARTER)

    assert take(7, AT) == 6
    assert counted() == (10, 10)
    assert refused(AT).retry_at == datetime(2026, 7, 4, 6, tzinfo=UTC)


# --- What an answer tells ---


def test_higher_count_of_the_provider_is_adopted_and_a_lower_one_is_not() -> None:
    take(3)

    budget.learn(Source.STRAVA, usage(8, 20), AT)
    assert counted() == (8, 20)
    budget.learn(Source.STRAVA, usage(5, 6), AT)
    assert counted() == (8, 20)
    assert take(10) == 2


def test_limits_that_have_grown_are_adopted() -> None:
    take(10)

    budget.learn(Source.STRAVA, usage(10, 10, quarter_limit=200, day_limit=2000), AT)

    row = RateBudget.objects.get()
    assert (row.quarter_limit, row.day_limit) == (200, 2000)
    assert take(200) == 190


def test_count_of_a_window_that_is_over_says_nothing_of_the_next() -> None:
    take(1, NEXT_DAY)

    budget.learn(Source.STRAVA, usage(9, 24), AT)

    assert counted() == (1, 1)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {
                "X-RateLimit-Limit": "200,2000",
                "X-RateLimit-Usage": "12,900",
                "X-ReadRateLimit-Limit": "100,1000",
                "X-ReadRateLimit-Usage": "11,899",
            },
            Usage(Window(100, 11), Window(1000, 899)),
        ),
        (
            {
                "X-RateLimit-Limit": "200,2000",
                "X-RateLimit-Usage": "198,1950",
                "X-ReadRateLimit-Limit": "100,1000",
                "X-ReadRateLimit-Usage": "11,899",
            },
            Usage(Window(200, 198), Window(2000, 1950)),
        ),
        (
            {"X-ReadRateLimit-Limit": "100,1000", "X-ReadRateLimit-Usage": "101,500"},
            Usage(Window(100, 101), Window(1000, 500)),
        ),
        ({}, None),
        ({"X-RateLimit-Limit": "200,2000"}, None),
        ({"X-RateLimit-Limit": "many", "X-RateLimit-Usage": "1,2"}, None),
        ({"X-RateLimit-Limit": "1,2,3", "X-RateLimit-Usage": "1,2,3"}, None),
    ],
    ids=["reads", "overall", "reads only", "none", "half", "words", "three"],
)
def test_tighter_count_of_each_window_is_told(headers: dict[str, str], told: Usage | None) -> None:
    lower = {name.lower(): value for name, value in headers.items()}

    assert usage_in(lower) == told


# --- Strava, over real HTTP ---


@time_machine.travel(AT, tick=False)
def test_limits_of_the_stand_in_are_learnt_with_the_first_answer(
    tester: User, stand_ins: StandIns
) -> None:
    at_strava("limits", quarter=150, day=700)
    connection = connected(tester)

    assert sync.sync(connection, AT).is_success

    row = RateBudget.objects.get()
    # Two pages here, and one request for who it is before: Strava counts that too.
    assert (row.quarter_limit, row.day_limit) == (150, 700)
    assert counted(row) == (3, 3)


@time_machine.travel(AT, tick=False)
def test_used_up_budget_sends_nothing_and_is_no_failure(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    connection = factories.connection(tester, last_success_at=AT, history_read_at=AT)
    take(10)

    attempt = sync.sync(connection, AT)

    after = reload(connection)
    assert provider.asked == []
    assert (attempt.is_success, attempt.reason) == (False, "busy")
    assert (after.state, after.last_error, after.failing_since) == (Connection.State.OK, "", None)
    assert after.next_read_at == slots.after_busy(connection.pk, NOW, NEXT_QUARTER)
    assert FailureTally.objects.get(source="strava", reason="busy").count == 1


@time_machine.travel(AT, tick=False)
def test_refusal_by_strava_uses_the_window_up_for_every_connection(
    tester: User, stranger: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(Reply(status=429))

    for user in (tester, stranger):
        assert sync.sync(factories.connection(user), AT, is_urgent=True).reason == "busy"

    assert len(provider.asked) == 1
    assert counted() == (10, 1)


@time_machine.travel(AT, tick=False)
def test_refusal_that_tells_of_the_day_waits_for_the_next_one(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    told = {"X-ReadRateLimit-Limit": "100,1000", "X-ReadRateLimit-Usage": "3,1001"}
    provider.answers(Reply(status=429, headers=told))
    connection = factories.connection(tester)

    sync.sync(connection, AT)

    assert reload(connection).next_read_at == slots.after_busy(connection.pk, NOW, NEXT_DAY)


@time_machine.travel(AT, tick=False)
def test_morning_may_use_what_an_hourly_reading_leaves(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(b"[]")
    connection = factories.connection(tester)
    take(7)

    assert sync.sync(connection, AT).reason == "busy"
    assert sync.sync(connection, AT, is_urgent=True).is_success
    assert settings.STRAVA_BACKGROUND_SHARE == 0.7


@time_machine.travel(AT, tick=False)
def test_budget_that_ends_between_two_pages_is_read_again_later_as_a_whole(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    ride = b'{"id": 7, "start_date": "2026-07-03T22:30:00Z", "moving_time": 60, "elapsed_time": 60}'
    provider.answers(b"[" + ride + b"]", b"[]")
    connection = factories.connection(tester)
    take(9)

    assert sync.sync(connection, AT, is_urgent=True).reason == "busy"
    assert not tester.rides.exists()
    with time_machine.travel(NEXT_QUARTER, tick=False):
        provider.answers(b"[" + ride + b"]", b"[]")
        assert sync.sync(connection, NEXT_QUARTER, is_urgent=True).is_success
    assert [ride.external_id for ride in tester.rides.all()] == ["7"]


def test_tokens_are_not_counted(stand_ins: StandIns, tester: User) -> None:
    connection = connected(tester, expires_at=NOW)
    assert settings.STRAVA_OAUTH_URL

    sync.fresh_token(connection, NOW)

    assert not RateBudget.objects.exists()


# --- Whose turn it is ---


def test_those_who_wait_come_one_after_the_other_and_in_another_order_each_time() -> None:
    def order(retry_at: datetime) -> list[int]:
        return sorted(range(50), key=lambda pk: slots.after_busy(pk, NOW, retry_at))

    turns = {slots.after_busy(pk, NOW, NEXT_QUARTER) for pk in range(50)}
    assert len(turns) > 40
    assert min(turns) >= NEXT_QUARTER
    assert max(turns) < NEXT_QUARTER + timedelta(minutes=10)
    assert slots.after_busy(7, NOW, NEXT_QUARTER) == slots.after_busy(7, NOW, NEXT_QUARTER)
    assert order(NEXT_QUARTER) != order(NEXT_DAY)


@pytest.mark.parametrize(
    ("last_success_at", "state"), [(None, "pending"), (NOW - timedelta(hours=1), "ok")]
)
@time_machine.travel(AT, tick=False)
def test_page_says_until_when_it_waits(
    tester: User,
    last_success_at: datetime | None,
    state: str,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    connection = factories.connection(
        tester, last_success_at=last_success_at, history_read_at=last_success_at
    )
    take(10)
    sync.sync(connection, AT)
    again_at = reload(connection).next_read_at
    assert again_at is not None

    told = panel.state_of(tester, Source.STRAVA)

    paris = again_at + timedelta(hours=2)
    assert told.state == state
    words = f"Strava asks us to wait; we read it again at about {paris:%H:%M}"
    assert told.words == f"connected; {words}"
    with time_machine.travel(again_at):
        assert "asks us to wait" not in panel.state_of(tester, Source.STRAVA).words


@time_machine.travel(NEXT_DAY - timedelta(hours=3), tick=False)
def test_page_says_when_the_wait_lasts_until_tomorrow(tester: User) -> None:
    now = NEXT_DAY - timedelta(hours=3)
    connection = factories.connection(tester, last_success_at=now, history_read_at=now)
    SyncAttempt.objects.create(connection=connection, started_at=now, reason="busy")
    Connection.objects.update(next_read_at=NEXT_DAY + timedelta(minutes=4))
    words = "connected; Strava asks us to wait; we read it again at about"

    told = panel.state_of(tester, Source.STRAVA).words
    User.objects.update(timezone="Asia/Tokyo")
    in_tokyo = panel.state_of(User.objects.get(), Source.STRAVA).words

    assert told == f"{words} 02:04 tomorrow"
    assert in_tokyo == f"{words} 09:04"


@time_machine.travel(AT, tick=False)
def test_first_reading_that_waits_is_not_asked_for_again_before_its_turn(tester: User) -> None:
    connection = factories.connection(tester)
    take(10)
    sync.sync(connection, AT)
    turn = reload(connection).next_read_at
    assert turn is not None

    assert not Connection.objects.due(turn - timedelta(seconds=1)).exists()
    assert Connection.objects.due(turn).exists()


@time_machine.travel(AT, tick=False)
def test_run_says_what_it_could_not_ask_for_and_no_longer_once_it_was_read(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(b"[]")
    connection = factories.connection(tester, last_success_at=AT, history_read_at=AT)

    def report() -> tuple[bool, str]:
        [told] = readings.gather(tester, AT.date()).sources
        return told.is_working, told.problem

    take(10)
    sync.sync(connection, AT, is_urgent=True)
    assert report() == (
        True,
        "Strava could not be asked in time. What you did there last may be missing today.",
    )
    with time_machine.travel(NEXT_QUARTER, tick=False):
        sync.sync(reload(connection), NEXT_QUARTER, is_urgent=True)
    assert report() == (True, "")


# --- Who is in a hurry ---


@time_machine.travel(NOW, tick=False)
def test_morning_s_run_takes_what_the_hourly_readings_left(
    mission: Mission, stand_ins: StandIns, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(b"[]")
    connection = factories.connection(mission.owner)
    take(7, NOW)

    daily_run.run_day(daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE))

    assert reload(connection).last_success_at == NOW


@time_machine.travel(AT, tick=False)
def test_tester_s_own_click_does_too(
    tester: User,
    as_tester: Client,
    provider: Provider,
    settings: LazySettings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.STRAVA_API_URL = provider.url
    provider.answers(b"[]")
    connection = factories.connection(tester)
    take(7)
    messages: list[tuple[list[Any], dict[str, Any]]] = []

    def note(sender: str, body: tuple[list[Any], dict[str, Any], Any], **_: Any) -> None:
        messages.append((list(body[0]), dict(body[1])))

    after_task_publish.connect(note)
    with django_capture_on_commit_callbacks(execute=True):
        as_tester.post("/connections/strava/sync")
        sync.request(connection)
    after_task_publish.disconnect(note)

    clicked, by_itself = messages
    tasks.sync(*by_itself[0], **by_itself[1])
    assert reload(connection).last_success_at is None
    tasks.sync(*clicked[0], **clicked[1])
    assert reload(connection).last_success_at == AT
