"""How each source stands, all testers together."""

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connections import condition
from connections.condition import Condition
from connections.models import Connection, SyncAttempt
from connections.sources import Source
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def fill(tester: User, stranger: User) -> None:
    factories.connection(tester, last_success_at=NOW, next_read_at=NOW + HOUR)
    failing = factories.connection(stranger, failing_since=NOW - HOUR, next_read_at=NOW)
    SyncAttempt.objects.create(connection=failing, started_at=NOW - HOUR, reason="busy")
    SyncAttempt.objects.create(connection=failing, started_at=NOW, reason="unavailable")
    factories.connection(tester, Source.OURA, state=Connection.State.BROKEN)


def test_sources_are_told_with_their_troubles(
    tester: User, stranger: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill(tester, stranger)

    with django_assert_num_queries(2):
        found = condition.of_the_sources()

    assert found == [
        Condition("oura", "Oura", 0, 0, 1, (("unknown", 1),), None, None, None),
        Condition("strava", "Strava", 1, 1, 0, (("unavailable", 1),), NOW - HOUR, NOW, NOW),
    ]


def test_console_shows_them_above_the_list(
    as_operator: Client, tester: User, stranger: User
) -> None:
    fill(tester, stranger)

    page = as_operator.get("/admin/connections/connection/").content.decode()

    told = ("By source", "1 unavailable", "2026-07-04 04:30", "Need their tester")
    assert [words for words in told if words not in page] == []
