from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connections import panel
from connections.models import AppleHealthUpload, Connection, RideFile, SyncAttempt
from connections.panel import SourceState
from connections.sources import Source
from tests import factories
from tests.factories import NOW, TODAY

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
            SourceState(
                source="oura",
                label="Oura",
                state="none",
                words="not connected",
                next_step="Connect Oura on the Connections page.",
                needs_connecting=True,
                backend="oura",
                takes_pasted_token=True,
            ),
            SourceState(
                source="apple",
                label="Apple Health",
                state="none",
                words="no export uploaded",
                next_step="Upload an export of the Health app.",
            ),
            SourceState(
                source="strava",
                label="Strava",
                state="none",
                words="not connected",
                next_step="Connect Strava on the Connections page.",
                needs_connecting=True,
                backend="strava",
            ),
            SourceState(
                source="file",
                label="Ride files",
                state="none",
                words="no file sent",
                next_step="Send a FIT, TCX or GPX file of a ride.",
            ),
        ],
        "latest_upload": None,
        "is_anything_connected": False,
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
            "Strava could not be reached. We keep trying by ourselves.",
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
    factories.connection(tester, **fields)

    context = panel.context_for(tester)

    told = next(state for state in context["sources"] if state.source == "strava")
    assert (told.state, told.words) == (state, words)
    assert (told.is_connected, told.needs_connecting) == (True, needs_connecting)
    assert told.last_success_at == fields.get("last_success_at")
    assert context["is_under_way"] is (state == "pending")


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"status": Status.WAITING}, "pending", "export.zip waits to be read"),
        ({"status": Status.READING}, "pending", "reading export.zip"),
        (
            {"status": Status.READING, "bytes_read": 42, "bytes_total": 100},
            "pending",
            "reading export.zip, 42 %",
        ),
        (
            {"status": Status.READING, "bytes_read": 100, "bytes_total": 100},
            "pending",
            "keeping what is new in export.zip",
        ),
        ({"status": Status.FAILED, "error": "No export."}, "broken", "No export."),
        ({"status": Status.DONE, "days": 790}, "ok", "790 days imported"),
    ],
    ids=["waiting", "reading", "half read", "read", "failed", "done"],
)
def test_upload_says_its_state(
    tester: User, fields: dict[str, Any], state: str, words: str
) -> None:
    row = upload(tester, **fields)

    context = panel.context_for(tester)

    assert (context["sources"][1].state, context["sources"][1].words) == (state, words)
    assert context["latest_upload"] == row
    assert context["is_under_way"] is (state == "pending")


def test_failed_upload_still_tells_when_the_one_before_was_imported(tester: User) -> None:
    upload(tester, status=Status.DONE, finished_at=YESTERDAY)
    upload(tester, status=Status.FAILED, finished_at=NOW, error="No export.")

    assert states(tester)["apple"] == SourceState(
        source="apple",
        label="Apple Health",
        state="ok",
        words="0 days imported; export.zip was refused",
        last_success_at=YESTERDAY,
        is_connected=True,
    )


def test_panel_shows_the_tester_s_own_sources_only(tester: User, stranger: User) -> None:
    factories.connection(stranger, Source.STRAVA)
    factories.connection(stranger, Source.OURA)
    upload(stranger)

    assert {state.state for state in states(tester).values()} == {"none"}


def test_panel_asks_four_queries_or_five_after_a_failed_upload(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):
        panel.context_for(tester)
    for provider in (Source.STRAVA, Source.OURA):
        factories.connection(tester, provider)
    for _ in range(3):
        upload(tester, status=Status.DONE)
    with django_assert_num_queries(4):
        panel.context_for(tester)
    upload(tester, status=Status.FAILED)
    with django_assert_num_queries(5):
        panel.context_for(tester)


@pytest.mark.parametrize(
    ("fields", "rides", "state", "words"),
    [
        ({"status": RideFile.Status.WAITING}, 2, "pending", "reading a.fit"),
        ({"status": RideFile.Status.DONE}, 2, "ok", "2 rides from your files"),
        ({"status": RideFile.Status.FAILED}, 1, "ok", "1 ride from your files"),
        ({"status": RideFile.Status.FAILED}, 0, "broken", "a.fit could not be read"),
        ({"status": RideFile.Status.DONE}, 0, "none", "no file sent"),
    ],
    ids=["waiting", "read", "one refused", "refused", "none any more"],
)
def test_ride_files_say_their_state(
    tester: User, fields: dict[str, Any], rides: int, state: str, words: str
) -> None:
    RideFile.objects.create(
        user=tester, file_name="a.fit", size_bytes=10, uploaded_at=NOW, **fields
    )
    for days in range(rides):
        factories.ride(tester, TODAY - timedelta(days=days), source=Source.FILE)

    told = states(tester)["file"]

    assert (told.state, told.words, told.is_connected) == (state, words, bool(rides))


def test_source_that_was_read_in_part_says_so(tester: User) -> None:
    connection = factories.connection(tester, last_success_at=NOW)
    connection.attempts.create(started_at=NOW, is_success=True, reason=SyncAttempt.INCOMPLETE)

    told = states(tester)["strava"]

    assert (told.state, told.words) == (
        "ok",
        "connected; a part could not be read last time and is tried again",
    )
