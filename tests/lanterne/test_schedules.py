"""What wakes the mornings, zone by zone, to be read."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from lanterne import schedules
from lanterne.schedules import Zone
from missions import schedule
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LIST = "/admin/django_celery_beat/periodictask/"
LATE = timedelta(minutes=12)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def fill(tester: User, stranger: User) -> None:
    """Paris is behind, Tokyo has no wake-up, and Lima is used no more."""
    factories.mission(tester, next_run_at=NOW - LATE)
    factories.mission(stranger, next_run_at=NOW + LATE, timezone="Asia/Tokyo")
    schedule.keep_wake_up("Europe/Paris")
    PeriodicTask.objects.update(last_run_at=NOW - LATE)
    row = PeriodicTask.objects.get()
    PeriodicTask.objects.create(
        name=f"{schedule.WAKE_UP}America/Lima", task=row.task, crontab=row.crontab, enabled=False
    )


def test_zones_tell_who_waits_and_which_is_behind(
    tester: User, stranger: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill(tester, stranger)

    with django_assert_num_queries(2):
        zones = schedules.zones(NOW)

    assert zones == [
        Zone("Europe/Paris", 1, NOW - LATE, NOW - LATE, is_on=True, behind=LATE),
        Zone("America/Lima", 0, None, None, is_on=False, behind=None),
        Zone("Asia/Tokyo", 1, NOW + LATE, None, is_on=None, behind=None),
    ]
    assert [zone.behind_min for zone in zones] == [12, None, None]


def test_schedules_are_read_and_not_written(
    as_operator: Client, tester: User, stranger: User
) -> None:
    fill(tester, stranger)
    row = PeriodicTask.objects.get(enabled=True)
    before = PeriodicTask.objects.filter(pk=row.pk).values().get()

    page = as_operator.get(LIST).content.decode()
    alone = as_operator.get(f"{LIST}{row.pk}/change/")
    written = [
        as_operator.post(f"{LIST}{end}", {"post": "yes"}).status_code
        for end in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/")
    ]

    told = ("Mornings by time zone", "12 min", "no wake-up", "mornings in Europe/Paris")
    assert [words for words in told if words not in page] == []
    assert (alone.status_code, written) == (200, [403] * 3)
    assert PeriodicTask.objects.filter(pk=row.pk).values().get() == before


def test_list_asks_the_database_as_often_for_many(
    as_operator: Client,
    tester: User,
    stranger: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    fill(tester, stranger)
    row = PeriodicTask.objects.get(enabled=True)
    with django_assert_num_queries(queries := 6):
        as_operator.get(LIST)
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {n}", task="t", crontab=row.crontab) for n in range(200)
    )

    with django_assert_num_queries(queries):
        as_operator.get(LIST)
