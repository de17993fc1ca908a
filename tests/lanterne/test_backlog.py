from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from coach.models import MissionDraft, MissionRun, ModelPace, Reflection
from connections.models import ProviderEvent, RateBudget, Turn
from lanterne import backlog
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
NAMES = (
    *("runs_waiting", "runs_in_flight", "runs_oldest_wait_seconds"),
    *("runs_put_off", "runs_put_off_oldest_seconds"),
    *("files_waiting", "mails_waiting", "mails_oldest_wait_seconds", "events_waiting"),
    *("turns_taken", "rate_budget_used", "rate_budget_limit", "model_pace_used"),
    *("model_pace_limit", "model_closed_seconds", "scheduler_last_fired_seconds"),
)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def run(mission: Mission, days: int, **fields: Any) -> MissionRun:
    """Due and told to nobody since NOW, unless said otherwise."""
    values = {
        "trigger": "schedule",
        "start_at": NOW,
        "publish_at": NOW,
        "due_at": NOW,
        **fields,
    }
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY - timedelta(days=days), **values
    )


def fill(tester: User) -> None:
    """Something of everything that waits, and of everything that does not."""
    mission = factories.mission(tester)
    run(mission, 0, start_at=NOW - 12 * MINUTE)
    run(mission, 1, start_at=NOW - MINUTE, published=1, publish_at=NOW)
    run(mission, 2, start_at=NOW + MINUTE, publish_at=NOW + MINUTE, wait_until=NOW + 9 * MINUTE)
    run(mission, 3, published=1, publish_at=NOW + MINUTE)
    run(mission, 4, outcome="under_way", lease_until=NOW + MINUTE)
    run(
        mission,
        5,
        outcome="under_way",
        lease_until=NOW - MINUTE,
        start_at=NOW - 3 * MINUTE,
        published=1,
    )
    run(mission, 6, outcome="failed", finished_at=NOW - 11 * MINUTE, file_due_at=NOW + MINUTE)
    run(mission, 7, outcome="failed", finished_at=NOW - 90 * MINUTE)
    later = {"start_at": NOW + MINUTE, "publish_at": NOW + MINUTE}
    run(mission, 8, due_at=NOW - 12 * MINUTE, situation={}, **later)
    run(mission, 9, due_at=NOW - 13 * MINUTE, attempts=1, wait_until=NOW, **later)
    MissionDraft.objects.create(user=tester, file_due_at=NOW, updated_at=NOW - 2 * MINUTE)
    Reflection.objects.create(
        mission=mission, outcome="failed", finished_at=NOW - MINUTE, file_due_at=NOW
    )
    for state, minutes in (("pending", 30), ("sending", 5), ("sent", 60), ("unknown", 60)):
        Notification.objects.create(
            dedupe_key=f"{state}:{tester.pk}",
            kind="brief",
            recipients=[],
            state=state,
            created_at=NOW - minutes * MINUTE,
        )
    connection = factories.connection(tester)
    for number, minutes in enumerate((4, 40)):
        ProviderEvent.objects.create(
            connection=connection,
            object_id=str(number),
            aspect="create",
            happened_at=NOW,
            received_at=NOW - minutes * MINUTE,
            handled_at=NOW if minutes == 40 else None,
        )


def fill_portions() -> None:
    for number in range(4):
        until = (NOW + MINUTE, NOW + MINUTE, NOW - MINUTE, None)[number]
        Turn.objects.create(of="model", number=number, held_until=until)
    Turn.objects.create(of="strava", number=0)
    limits: dict[str, Any] = {"quarter_limit": 100, "day_limit": 1000}
    RateBudget.objects.create(
        source="strava",
        quarter_started_at=NOW - 5 * MINUTE,
        quarter_used=60,
        day=NOW.date(),
        day_used=400,
        **limits,
    )
    RateBudget.objects.create(
        source="oura",
        quarter_started_at=NOW - 15 * MINUTE,
        quarter_used=60,
        day=NOW.date() - timedelta(days=1),
        day_used=400,
        **limits,
    )
    ModelPace.objects.create(
        server="one",
        minute_started_at=NOW,
        requests=7,
        tokens=900,
        requests_limit=500,
        closed_until=NOW + 2 * MINUTE,
    )
    ModelPace.objects.create(
        server="two", minute_started_at=NOW - MINUTE, requests=7, closed_until=NOW - MINUTE
    )


def fire(at: datetime | None) -> None:
    every, _ = CrontabSchedule.objects.get_or_create(minute="*/5")
    PeriodicTask.objects.update_or_create(
        name="sweep", defaults={"task": "coach.sweep", "crontab": every, "last_run_at": at}
    )


def samples(client: Client) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name in NAMES
    }


def test_queues_tell_what_waits_and_since_when(tester: User) -> None:
    fill(tester)

    told = [
        (queue.count, queue.since and (NOW - queue.since) / MINUTE) for queue in backlog.queues(NOW)
    ]

    assert told == [(3, 12), (2, None), (2, 13), (3, 11), (2, 30), (1, 4)]


def test_only_what_waits_for_more_than_ten_minutes_is_stuck(tester: User) -> None:
    fill(tester)

    stuck = [bool(queue.words(NOW)) for queue in backlog.queues(NOW)]

    assert stuck == [True, False, True, True, True, False]
    edge = backlog.Queue("Runs", 1, NOW - backlog.STUCK_AFTER, "Look.")
    assert (edge.words(NOW), edge.words(NOW + MINUTE)) == ("", "Look.")


def test_hint_never_leaves_out_that_there_may_be_no_worker() -> None:
    """Where it is for the model that they wait, a worker has been there and put them off."""
    hints = [queue.hint for queue in backlog.queues(NOW) if queue.hint]

    begins = ("Too few workers, or none; ", "The model", *["No worker runs, or the "] * 3)
    assert [hint.startswith(words) for hint, words in zip(hints, begins, strict=True)] == [True] * 5


def test_empty_service_waits_for_nothing() -> None:
    assert [(queue.count, queue.since, queue.words(NOW)) for queue in backlog.queues(NOW)] == [
        (0, None, "")
    ] * 6


def test_metrics_tell_of_back_pressure(client: Client, tester: User) -> None:
    fill(tester)
    fill_portions()
    fire(NOW - 2 * MINUTE)

    assert samples(client) == {
        ("runs_waiting",): 3,
        ("runs_in_flight",): 2,
        ("runs_oldest_wait_seconds",): 720,
        ("runs_put_off",): 2,
        ("runs_put_off_oldest_seconds",): 780,
        ("files_waiting",): 3,
        ("mails_waiting",): 2,
        ("mails_oldest_wait_seconds",): 1800,
        ("events_waiting",): 1,
        ("turns_taken", "model"): 2,
        ("turns_taken", "strava"): 0,
        ("rate_budget_used", "strava", "quarter"): 60,
        ("rate_budget_limit", "strava", "quarter"): 100,
        ("rate_budget_used", "strava", "day"): 400,
        ("rate_budget_limit", "strava", "day"): 1000,
        ("rate_budget_used", "oura", "quarter"): 0,
        ("rate_budget_limit", "oura", "quarter"): 100,
        ("rate_budget_used", "oura", "day"): 0,
        ("rate_budget_limit", "oura", "day"): 1000,
        ("model_pace_used", "requests", "one"): 7,
        ("model_pace_limit", "requests", "one"): 500,
        ("model_pace_used", "tokens", "one"): 900,
        ("model_pace_used", "requests", "two"): 0,
        ("model_pace_used", "tokens", "two"): 0,
        ("model_closed_seconds", "one"): 120,
        ("model_closed_seconds", "two"): 0,
        ("scheduler_last_fired_seconds",): 120,
    }


def test_scheduler_that_never_fired_has_no_age(client: Client) -> None:
    assert {name for name, *_ in samples(client)} == {
        *("runs_waiting", "runs_in_flight", "runs_oldest_wait_seconds", "files_waiting"),
        *("runs_put_off", "runs_put_off_oldest_seconds"),
        *("mails_waiting", "mails_oldest_wait_seconds", "events_waiting"),
    }


@pytest.mark.parametrize(
    ("fired", "words"),
    [
        (None, "The scheduler has never fired: no morning is opened without it."),
        (
            NOW - 11 * MINUTE,
            "The scheduler has not fired since 2026-07-04 05:19 UTC: no morning is opened",
        ),
        (NOW - 10 * MINUTE, ""),
    ],
)
def test_console_tells_of_a_scheduler_that_stands_still(
    as_operator: Client, fired: datetime | None, words: str
) -> None:
    fire(fired)

    page = as_operator.get("/admin/").content.decode()

    assert (words in page, "The scheduler" in page) == (True, bool(words))


def test_console_shows_what_waits_and_what_is_stuck(as_operator: Client, tester: User) -> None:
    fill(tester)
    fill_portions()

    page = as_operator.get("/admin/").content.decode()
    table = page.partition('<table id="waiting" class="told">')[2].partition("</table>")[0]

    assert table.count("Stuck for more than 10 minutes.") == 4
    since = '<td class="nowrap" data-label="Since (UTC)">2026-07-04 05:18</td>'
    assert f'<td data-label="How many">3</td>{since}' in table
    assert "one wants to be left alone for another 120 seconds." in page


def test_console_asks_the_database_as_often_whatever_waits(
    as_operator: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(15):
        as_operator.get("/admin/")
    fill(tester)
    fill_portions()
    with django_assert_num_queries(15):
        as_operator.get("/admin/")
