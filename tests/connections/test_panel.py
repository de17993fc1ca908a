from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connections import panel
from connections.models import AppleHealthUpload, Connection, Source
from connections.panel import SourceState
from tests import factories
from tests.factories import NOW

Status = AppleHealthUpload.Status
YESTERDAY = NOW - timedelta(days=1)
BROKEN = "Connect Strava again."


def upload(user: User, **fields: Any) -> AppleHealthUpload:
    values = {"file_name": "export.zip", "stored_name": "x", "size_bytes": 10, **fields}
    return AppleHealthUpload.objects.create(user=user, **values)


def states(user: User) -> dict[str, SourceState]:
    return {source.source: source for source in panel.context_for(user)["sources"]}


def test_nothing_connected_names_each_source_and_waits_for_nothing(tester: User) -> None:
    context = panel.context_for(tester)

    assert context == {
        "sources": [
            SourceState("strava", "Strava", "none", "not connected", None, False, True),
            SourceState("oura", "Oura", "none", "not connected", None, False, True),
            SourceState("apple", "Apple Health", "none", "no export uploaded", None),
        ],
        "strava": None,
        "oura": None,
        "latest_upload": None,
        "is_under_way": False,
    }


@pytest.mark.parametrize(
    ("fields", "state", "words", "needs_connecting"),
    [
        ({"last_success_at": NOW}, "ok", "connected", False),
        ({}, "pending", "connected; reading your history now", False),
        (
            {"last_error": "Strava could not be reached.", "last_success_at": NOW},
            "broken",
            "Strava could not be reached. We try again with the next run.",
            False,
        ),
        (
            {"state": Connection.State.BROKEN, "last_error": BROKEN, "last_success_at": NOW},
            "broken",
            BROKEN,
            True,
        ),
    ],
    ids=["working", "being read", "failing for now", "broken"],
)
def test_connection_says_its_state_and_the_next_step(
    tester: User, fields: dict[str, Any], state: str, words: str, needs_connecting: bool
) -> None:
    connection = factories.connection(tester, **fields)

    context = panel.context_for(tester)

    told = context["sources"][0]
    assert (told.state, told.words) == (state, words)
    assert (told.is_connected, told.needs_connecting) == (True, needs_connecting)
    assert told.last_success_at == fields.get("last_success_at")
    assert context["strava"] == connection
    assert context["is_under_way"] is (state == "pending")


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"status": Status.WAITING}, "pending", "reading export.zip"),
        ({"status": Status.READING}, "pending", "reading export.zip"),
        ({"status": Status.FAILED, "error": "No export."}, "broken", "No export."),
        ({"status": Status.DONE, "days": 790}, "ok", "790 days imported"),
    ],
    ids=["waiting", "reading", "failed", "done"],
)
def test_upload_says_its_state(
    tester: User, fields: dict[str, Any], state: str, words: str
) -> None:
    row = upload(tester, **fields)

    context = panel.context_for(tester)

    assert (context["sources"][2].state, context["sources"][2].words) == (state, words)
    assert context["latest_upload"] == row
    assert context["is_under_way"] is (state == "pending")


def test_failed_upload_still_tells_when_the_one_before_was_imported(tester: User) -> None:
    upload(tester, status=Status.DONE, finished_at=YESTERDAY)
    upload(tester, status=Status.FAILED, finished_at=NOW, error="No export.")

    assert states(tester)["apple"] == SourceState(
        *("apple", "Apple Health", "ok", "0 days imported; export.zip was refused", YESTERDAY)
    )


def test_panel_shows_the_tester_s_own_sources_only(tester: User, stranger: User) -> None:
    factories.connection(stranger, Source.STRAVA)
    factories.connection(stranger, Source.OURA)
    upload(stranger)

    assert {state.state for state in states(tester).values()} == {"none"}


def test_panel_asks_two_queries_or_three_after_a_failed_upload(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        panel.context_for(tester)
    for provider in (Source.STRAVA, Source.OURA):
        factories.connection(tester, provider)
    for _ in range(3):
        upload(tester, status=Status.DONE)
    with django_assert_num_queries(2):
        panel.context_for(tester)
    upload(tester, status=Status.FAILED)
    with django_assert_num_queries(3):
        panel.context_for(tester)
