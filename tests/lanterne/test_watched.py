"""What a task breaks off of becomes an incident, whose words hold nothing of the error's own."""

import logging
from datetime import timedelta

import pytest
from billiard.exceptions import WorkerLostError
from celery.exceptions import TimeLimitExceeded
from celery.signals import task_failure, task_rejected, task_unknown
from django.conf import LazySettings
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import ContentDisallowed

from coach.models import Incident
from lanterne import watched
from lanterne.celery import app
from lanterne.watched import SET_ASIDE
from notifications.models import Notification
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HEALTH = "HRV of 57 ms"


def incidents() -> list[tuple[str, str, str]]:
    return [
        (one.kind, one.task, one.detail)
        for one in Incident.objects.order_by("task", "detail")
        if one.run is None
    ]


def broken(error: BaseException) -> BaseException:
    """The error as it is after it was raised in our own code."""
    try:
        raise error
    except type(error):
        return error


@pytest.fixture(autouse=True)
def _ready(settings: LazySettings) -> None:
    app.loader.import_default_modules()
    settings.OPERATOR_EMAILS = ["ops@example.org"]


def test_failed_task_leaves_an_incident_and_an_alert_without_a_value() -> None:
    error = broken(ValueError(HEALTH))

    task_failure.send(sender=app.tasks["coach.sweep"], exception=error)

    assert [(kind, task) for kind, task, _ in incidents()] == [("task", "coach.sweep")]
    detail = Incident.objects.get().detail
    assert detail.startswith("ValueError at tests/lanterne/test_watched.py:")
    alert = Notification.objects.get()
    assert (alert.kind, alert.recipients) == ("alert", ["ops@example.org"])
    assert alert.subject == "Lanterne Rouge alert: a task broke off: coach.sweep"
    assert HEALTH not in f"{detail} {alert.subject} {alert.text}"
    assert "/admin/coach/incident/?kind__exact=task\n" in alert.text


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (WorkerLostError("signal 9"), "WorkerLostError."),
        (TimeLimitExceeded(3600), "TimeLimitExceeded."),
    ],
)
def test_killed_process_and_time_limit_are_told_by_their_kind(
    error: Exception, detail: str
) -> None:
    task_failure.send(sender=app.tasks["accounts.export"], exception=error)

    assert incidents() == [("task", "accounts.export", detail)]


def test_task_that_is_unknown_here_is_set_aside() -> None:
    task_unknown.send(sender=None, name="coach.of_tomorrow" + "!" * 200, message=None, exc=None)

    name = ("coach.of_tomorrow" + "!" * 200)[:120]
    assert incidents() == [("task", name, f"This worker knows no such task. {SET_ASIDE}")]


def test_messages_that_cannot_be_read_are_set_aside() -> None:
    task_rejected.send(sender=None, message=None, exc=None)
    task_rejected.send(sender=None, message=None, exc=ContentDisallowed(HEALTH))

    assert incidents() == [
        ("task", watched.UNREADABLE, f"ContentDisallowed. {SET_ASIDE}"),
        ("task", watched.UNREADABLE, f"It is no task's. {SET_ASIDE}"),
    ]


def test_same_again_is_no_news_for_an_hour() -> None:
    for minutes in (0, 1, 59):
        watched.note("coach.sweep", "ValueError.", NOW + timedelta(minutes=minutes))
    watched.note("coach.sweep", "TypeError.", NOW)
    watched.note("missions.sweep", "ValueError.", NOW)

    assert incidents() == [
        ("task", "coach.sweep", "TypeError."),
        ("task", "coach.sweep", "ValueError."),
        ("task", "missions.sweep", "ValueError."),
    ]
    keys = Notification.objects.order_by("dedupe_key").values_list("dedupe_key", flat=True)
    assert list(keys) == [
        f"alert:task:{task}:{NOW:%Y-%m-%dT%H}" for task in ("coach.sweep", "missions.sweep")
    ]


def test_it_is_news_again_after_an_hour_or_once_an_operator_resolved_it() -> None:
    watched.note("coach.sweep", "ValueError.", NOW)
    Incident.objects.update(resolved_at=NOW)
    watched.note("coach.sweep", "ValueError.", NOW + timedelta(minutes=10))
    watched.note("coach.sweep", "ValueError.", NOW + timedelta(minutes=71))

    assert Incident.objects.count() == 3
    assert Notification.objects.count() == 2


def test_database_that_is_away_costs_the_incident_and_not_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError(HEALTH)

    with connection.execute_wrapper(refuse):
        watched.note("coach.sweep", "ValueError.", NOW)

    assert [line.getMessage() for line in caplog.records] == [
        "coach.sweep broke off, which could not be recorded: OperationalError"
    ]
    assert incidents() == []


def test_line_of_celery_tells_the_kind_and_the_place_and_no_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As celery.app.trace writes it."""
    error = broken(ValueError(HEALTH))
    context = {"id": "7", "name": "coach.sweep", "exc": repr(error), "args": HEALTH}
    context |= {"traceback": HEALTH, "kwargs": HEALTH, "description": "raised unexpected"}

    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] %(description)s: %(exc)s",
        context,
        exc_info=(type(error), error, error.__traceback__),
        extra={"data": context},
    )

    (line,) = caplog.records
    told = line.getMessage()
    assert told.startswith("Task coach.sweep[7] raised unexpected: ValueError at tests/lanterne/")
    assert line.exc_info is None
    assert HEALTH not in repr(vars(line)) + told


def test_line_about_a_broken_message_tells_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    error = broken(ContentDisallowed(HEALTH))

    logging.getLogger("celery.worker.consumer.consumer").error(
        "Refused %r: body %s", error, HEALTH, exc_info=(type(error), error, error.__traceback__)
    )

    (line,) = caplog.records
    assert line.getMessage().startswith("A message could not be used: ContentDisallowed at tests/")
    assert HEALTH not in repr(vars(line))


def test_worker_reads_with_what_tells_of_the_unreadable() -> None:
    assert app.conf.worker_consumer == "lanterne.watched:Reader"


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_database_that_went_away_is_no_fault_of_a_task(kind: type[Exception]) -> None:
    task_failure.send(sender=app.tasks["coach.sweep"], exception=kind(HEALTH))

    assert not Incident.objects.exists()
