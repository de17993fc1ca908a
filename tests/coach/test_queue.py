from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from celery import current_app
from django.conf import LazySettings
from django.db import connection
from kombu.exceptions import OperationalError

from coach import claims, queue
from coach.models import MissionRun
from missions.models import Mission
from tests.coach.conftest import Message
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def waiting(mission: Mission, how_many: int, **fields: Any) -> list[MissionRun]:
    """Runs of days that follow each other, the first one due longest."""
    return [
        MissionRun.objects.create(
            mission=mission,
            local_date=TODAY + timedelta(days=n),
            trigger="schedule",
            **{
                "due_at": NOW - MINUTE * (how_many - n),
                "start_at": NOW - MINUTE * (how_many - n),
                "publish_at": NOW - MINUTE * (how_many - n),
                **fields,
            },
        )
        for n in range(how_many)
    ]


@pytest.fixture
def feed(django_capture_on_commit_callbacks: Any) -> Any:
    def feed(now: Any = NOW) -> int:
        with django_capture_on_commit_callbacks(execute=True):
            return queue.feed(now)

    return feed


@pytest.fixture
def window(settings: LazySettings) -> Iterator[LazySettings]:
    settings.RUNS_IN_FLIGHT = 2
    return settings


def days(published: list[Message]) -> list[int]:
    return [(date.fromisoformat(args[2]) - TODAY).days for _, args in published]


def test_workers_are_told_of_the_longest_due_and_of_no_more_than_they_hold(
    mission: Mission, window: Any, feed: Any, published: list[Message]
) -> None:
    waiting(mission, 4)

    assert [feed(), feed()] == [2, 0]

    assert days(published) == [0, 1]
    assert published[0] == (
        "coach.run_mission_day",
        (mission.owner_id, str(mission.pk), TODAY.isoformat()),
    )
    told = MissionRun.objects.filter(published=1, publish_at=NOW + queue.PATIENCE)
    assert told.count() == 2


def test_place_of_a_finished_run_is_given_to_the_next(
    mission: Mission, window: Any, feed: Any, published: list[Message]
) -> None:
    first, *_ = waiting(mission, 4)
    feed()

    MissionRun.objects.filter(pk=first.pk).update(outcome="failed")

    assert [feed(), feed()] == [1, 0]
    assert days(published) == [0, 1, 2]


def test_run_that_was_put_off_gives_its_place_and_comes_again(
    mission: Mission, window: Any, feed: Any, published: list[Message]
) -> None:
    first, *_ = waiting(mission, 3)
    feed()
    claim = claims.take(first, NOW)
    assert claim is not None
    later = NOW + 5 * MINUTE
    claim.hand_back(start_at=later, publish_at=later, published=0)

    assert feed() == 1
    MissionRun.objects.exclude(pk=first.pk).update(outcome="failed")
    assert [feed(later - SECOND), feed(later)] == [0, 1]
    assert days(published) == [0, 1, 2, 0]


def test_message_that_got_lost_is_sent_again_each_time_after_twice_as_long(
    mission: Mission, window: Any, feed: Any, published: list[Message]
) -> None:
    waiting(mission, 1)

    sent = [second for second in range(0, 3600, 10) if feed(NOW + second * SECOND)]

    assert sent == [0, 30, 90, 210, 450, 930, 1530, 2130, 2730, 3330]


def test_lost_message_keeps_its_place_in_the_window_for_a_quarter_of_an_hour(
    mission: Mission, window: Any, feed: Any, published: list[Message]
) -> None:
    """Ever new runs on top of a queue nobody empties would fill the broker without end."""
    waiting(mission, 6)

    for minute in range(15):
        feed(NOW + minute * MINUTE)

    assert set(days(published)) == {0, 1}
    for minute in range(15, 20):
        feed(NOW + minute * MINUTE)
    assert set(days(published)) == {0, 1, 2, 3}


def test_run_whose_worker_was_killed_is_told_of_when_its_lease_is_over(
    mission: Mission, feed: Any, published: list[Message]
) -> None:
    [run] = waiting(mission, 1)
    feed()
    assert claims.take(run, NOW + SECOND) is not None
    over = NOW + SECOND + MissionRun.LEASE

    assert [feed(over), feed(over + SECOND)] == [0, 1]
    assert days(published) == [0, 0]


def test_run_asked_for_by_hand_is_handed_over_though_the_window_is_full(
    mission: Mission,
    window: Any,
    feed: Any,
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    runs = waiting(mission, 4)
    feed()

    with django_capture_on_commit_callbacks(execute=True):
        queue.hand_over(runs[3], NOW)

    assert days(published) == [0, 1, 3]
    assert feed() == 0


def test_nothing_is_sent_before_it_is_marked_for_good(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    """Whoever dies here has marked and not sent: after thirty seconds it is sent."""
    waiting(mission, 1)
    with django_capture_on_commit_callbacks(execute=False):
        assert queue.feed(NOW) == 1
    assert published == []

    with django_capture_on_commit_callbacks(execute=True):
        assert queue.feed(NOW + queue.PATIENCE - SECOND) == 0
        assert queue.feed(NOW + queue.PATIENCE) == 1

    assert days(published) == [0]


@pytest.mark.django_db(transaction=True)
def test_run_that_the_broker_did_not_take_is_told_of_as_soon_as_it_is_back(
    mission: Mission, published: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = waiting(mission, 3)
    before = list(MissionRun.objects.values().order_by("publish_at"))
    tried = []

    def refuse(*_: Any, **options: Any) -> None:
        tried.append(options["args"])
        raise OperationalError("Connection refused")

    with monkeypatch.context() as away:
        away.setattr(current_app, "send_task", refuse)
        for _ in range(3):
            queue.feed(NOW)

    # Once each time: what waits is not tried run by run.
    assert len(tried) == 3
    assert list(MissionRun.objects.values().order_by("publish_at")) == before
    assert queue.feed(NOW) == 3
    assert days(published) == [0, 1, 2]
    assert set(MissionRun.objects.values_list("published", flat=True)) == {1}
    assert len(runs) == 3


@pytest.mark.django_db(transaction=True)
def test_two_who_feed_at_once_tell_of_each_run_once_and_keep_to_the_window(
    mission: Mission, published: list[Message], settings: LazySettings
) -> None:
    settings.RUNS_IN_FLIGHT = 7
    waiting(mission, 20)

    told = at_once(*[partial(queue.feed, NOW)] * 6)

    assert sum(told) == 7
    assert sorted(days(published)) == list(range(7))


def test_feeding_where_nothing_waits_costs_two_questions(
    mission: Mission, feed: Any, django_assert_num_queries: Any
) -> None:
    waiting(mission, 1, publish_at=NOW + MINUTE)

    # And the two of a savepoint.
    with django_assert_num_queries(4):
        assert queue.feed(NOW) == 0


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="asks PostgreSQL for its plan")
@pytest.mark.parametrize("kind", ["waiting", "unheard", "in_flight", "too_late"])
def test_queue_is_read_by_its_indexes(mission: Mission, kind: str) -> None:
    MissionRun.objects.bulk_create(
        MissionRun(
            mission=mission,
            local_date=TODAY + timedelta(days=n),
            trigger="schedule",
            publish_at=NOW,
            give_up_at=NOW + timedelta(hours=12),
            outcome="due" if n % 2 else "failed",
            published=0 if n % 100 else 1,
        )
        for n in range(4_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE coach_missionrun")

    plan = getattr(MissionRun.objects, kind)(NOW)[:100].explain()

    assert "Seq Scan on coach_missionrun" not in plan
    assert "Sort" not in plan or kind != "waiting"
