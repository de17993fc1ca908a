"""What the console shows of sources, and its one action: to read chosen connections now."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import tallies
from connections.models import (
    Connection,
    FailureTally,
    ProviderEvent,
    PushSubscription,
    RateBudget,
    SyncAttempt,
)
from connections.sources import Source
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

CONNECTIONS = "/admin/connections/connection/"
MODELS = ("syncattempt", "failuretally", "ratebudget", "pushsubscription", "providerevent")


def fill(tester: User) -> Connection:
    connection = factories.connection(
        tester,
        access_token="sesame-1",
        refresh_token="sesame-2",
        failing_since=NOW - timedelta(hours=3),
        next_read_at=NOW,
        last_error="Strava could not be reached.",
    )
    SyncAttempt.objects.create(
        connection=connection,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=2),
        samples=11,
        reason="unavailable",
        error="Strava could not be reached.",
    )
    FailureTally.objects.create(source="strava", reason="unavailable", count=41)
    RateBudget.objects.create(
        source="strava",
        quarter_started_at=NOW,
        quarter_limit=100,
        quarter_used=97,
        day=TODAY,
        day_limit=1000,
    )
    PushSubscription.objects.create(source="strava", external_id="120475")
    ProviderEvent.objects.create(
        connection=connection,
        object_id="1360128428",
        aspect="create",
        happened_at=NOW,
        received_at=NOW,
    )
    return connection


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("connection", ["Strava", "connected", "2:30 a.m.", "5:30 a.m.", "unavailable"]),
        ("syncattempt", ["tester@example.org", "Strava", "0:00:02", "11", "unavailable"]),
        ("failuretally", ["Strava", "unavailable", "41"]),
        ("ratebudget", ["97", "100", "1000"]),
        ("pushsubscription", ["Strava", "120475"]),
        ("providerevent", ["1360128428", "create"]),
    ],
)
def test_list_tells_how_it_stands(
    as_operator: Client, tester: User, model: str, told: list[str]
) -> None:
    fill(tester)

    page = text_of(as_operator, f"/admin/connections/{model}/")

    assert [word for word in told if word not in page] == []


def test_attempts_are_filtered_by_the_reasons_there_can_be(
    as_operator: Client, tester: User
) -> None:
    connection = fill(tester)
    SyncAttempt.objects.create(connection=connection, started_at=NOW, is_success=True)
    path = "/admin/connections/syncattempt/"

    page = text_of(as_operator, path)
    kept = as_operator.get(path, {"reason": "unavailable"}).context["cl"].queryset

    assert sorted(re.findall(r'href="\?reason=(\w+)"', page)) == sorted(
        (*tallies.REASONS, "incomplete")
    )
    assert [attempt.reason for attempt in kept] == ["unavailable"]


def test_no_page_of_the_console_shows_a_token(as_operator: Client, tester: User) -> None:
    connection = fill(tester)

    pages = text_of(as_operator, CONNECTIONS) + text_of(
        as_operator, f"{CONNECTIONS}{connection.pk}/change/"
    )

    assert "sesame" not in pages
    assert ("Access token" in pages, "Refresh token" in pages) == (False, False)


@pytest.mark.parametrize("model", MODELS)
def test_records_are_for_reading(as_operator: Client, tester: User, model: str) -> None:
    fill(tester)
    row = apps.get_model("connections", model)._default_manager.get()
    base = f"/admin/connections/{model}/"

    paths = (f"{base}add/", f"{base}{row.pk}/change/", f"{base}{row.pk}/delete/")

    assert [as_operator.post(path, {"post": "yes"}).status_code for path in paths] == [403] * 3


@pytest.mark.parametrize("model", ["connection", "syncattempt", "providerevent"])
def test_list_asks_the_database_as_often_for_many(
    as_operator: Client,
    tester: User,
    stranger: User,
    model: str,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    fill(tester)
    path = f"/admin/connections/{model}/"
    as_operator.get(path)
    # How its sources stand is two more.
    with django_assert_num_queries(queries := 6 if model == "connection" else 4):
        as_operator.get(path)
    for user in (stranger, factories.tester("third@example.org")):
        another = factories.connection(user)
        SyncAttempt.objects.create(connection=another, started_at=NOW)
        ProviderEvent.objects.create(
            connection=another, object_id="1", aspect="update", happened_at=NOW, received_at=NOW
        )
    with django_assert_num_queries(queries):
        as_operator.get(path)


def test_chosen_connections_are_read_now_but_for_those_that_wait_for_their_tester(
    as_operator: Client,
    tester: User,
    stranger: User,
    published: list[tuple[str, list[int]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    working = factories.connection(tester)
    broken = factories.connection(tester, Source.OURA, state=Connection.State.BROKEN)
    forbidden = factories.connection(stranger)
    User.objects.filter(pk=stranger.pk).update(health_consent_at=None)
    chosen = [working.pk, broken.pk, forbidden.pk]

    with django_capture_on_commit_callbacks(execute=True):
        answer = as_operator.post(CONNECTIONS, {"action": "read_now", "_selected_action": chosen})

    assert published == [("connections.sync", [working.pk])]
    words = [str(message) for message in get_messages(answer.wsgi_request)]
    assert words == ["1 of 3 chosen are being read."]


def test_operator_who_may_only_look_has_no_such_action(tester: User) -> None:
    looker = factories.tester("looker@example.org", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_connection"))
    connection = factories.connection(tester)

    client = signed_in(looker)

    assert "Read now" not in text_of(client, CONNECTIONS)
    client.post(CONNECTIONS, {"action": "read_now", "_selected_action": [connection.pk]})
    assert Connection.objects.get().asked_at is None
