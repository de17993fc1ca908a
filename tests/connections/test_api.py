from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.test import Client, RequestFactory
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import tokens
from accounts.models import User
from connections import consent
from connections.models import AppleHealthUpload, Connection
from connections.sources import Source
from tests import factories
from tests.connections.conftest import Provider, Reply
from tests.connections.uploads import export, upload
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning", "_upload_folder")]

TROUBLE = "Strava has trouble of its own just now."
STATUS, OURA, STRAVA = (f"/api/connections/{end}" for end in ("status", "oura", "strava"))
UPLOAD = "/api/apple-health/upload"
PROBLEM = "application/problem+json"
Status = AppleHealthUpload.Status


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def of(row: AppleHealthUpload) -> str:
    return f"/api/apple-health/uploads/{row.pk}"


def paste(client: Client, token: str) -> Any:
    return client.post(OURA, {"token": token}, "application/json")


def detail(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == PROBLEM
    return answer.status_code, answer.json()["detail"]


# --- who may -----------------------------------------------------------------------------------


def test_sources_are_for_those_who_are_signed_in(client: Client, tester: User) -> None:
    connection, row = factories.connection(tester), upload(tester)
    calls = [
        client.get(STATUS),
        paste(client, "token"),
        client.delete(STRAVA),
        client.post(UPLOAD, {"file": export()}),
        client.get(of(row)),
    ]

    assert {(one.status_code, one["Content-Type"]) for one in calls} == {(401, PROBLEM)}
    assert (Connection.objects.get(), AppleHealthUpload.objects.get()) == (connection, row)


def test_stranger_finds_neither_connection_nor_upload(as_stranger: Client, tester: User) -> None:
    factories.connection(tester)
    row = upload(tester)
    calls = [
        as_stranger.delete(STRAVA),
        as_stranger.get(of(row)),
        as_stranger.get(f"/api/apple-health/uploads/{uuid4()}"),
    ]

    assert {(one.status_code, one["Content-Type"]) for one in calls} == {(404, PROBLEM)}
    assert tester.connections.exists()
    states = {one["state"] for one in as_stranger.get(STATUS).json()["sources"]}
    assert states == {"none"}


def test_access_token_sends_an_upload(client: Client, tester: User) -> None:
    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access

    answer = client.post(UPLOAD, {"file": export()}, headers={"Authorization": f"Bearer {access}"})

    assert answer.status_code == 202
    assert tester.apple_uploads.exists()


def test_session_sends_an_upload_only_with_the_csrf_token(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value

    refused = browser.post(UPLOAD, {"file": export()})
    allowed = browser.post(UPLOAD, {"file": export()}, headers={"X-CSRFToken": token})

    assert (refused.status_code, allowed.status_code) == (403, 202)


# --- how they stand ----------------------------------------------------------------------------


def test_sources_that_were_never_connected_say_what_to_do(as_tester: Client) -> None:
    nothing = {
        "state": "none",
        "last_success_at": None,
        "failing_since": None,
        "last_error": None,
        "rides": 0,
        "nights": 0,
    }
    assert as_tester.get(STATUS).json() == {
        "sources": [
            {
                "source": "oura",
                "label": "Oura",
                **nothing,
                "next_step": "Connect Oura on the Connections page.",
            },
            {
                "source": "apple",
                "label": "Apple Health",
                **nothing,
                "next_step": "Upload an export of the Health app.",
            },
            {
                "source": "strava",
                "label": "Strava",
                **nothing,
                "next_step": "Connect Strava on the Connections page.",
            },
            {
                "source": "file",
                "label": "Ride files",
                **nothing,
                "next_step": "Send a FIT, TCX or GPX file of a ride.",
            },
        ]
    }


def test_sources_tell_their_last_success_their_error_and_the_next_step(
    as_tester: Client, tester: User
) -> None:
    factories.connection(tester, last_success_at=NOW)
    factories.connection(
        tester, Source.OURA, state=Connection.State.BROKEN, last_error="Make a new token."
    )
    upload(tester, status=Status.FAILED, error="No export inside.")

    told = [
        (one["state"], one["last_success_at"], one["last_error"], one["next_step"])
        for one in as_tester.get(STATUS).json()["sources"]
    ]

    again = "Export again in the Health app and upload the new file."
    assert told == [
        ("broken", None, "Make a new token.", "Connect Oura on the Connections page."),
        ("broken", None, "No export inside.", again),
        ("ok", "2026-07-04T05:30:00Z", None, None),
        ("none", None, None, "Send a FIT, TCX or GPX file of a ride."),
    ]


def test_sources_never_tell_a_token(as_tester: Client, tester: User) -> None:
    factories.connection(tester, access_token="canary-a", refresh_token="canary-r")

    assert "canary" not in as_tester.get(STATUS).content.decode()


# --- Oura --------------------------------------------------------------------------------------


def test_oura_token_that_oura_accepts_is_kept(
    as_tester: Client, tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"id": "mine"}')

    answer = paste(as_tester, "  good ")

    assert answer.status_code == 200
    assert answer.json() == {
        "source": "oura",
        "label": "Oura",
        "state": "pending",
        "last_success_at": None,
        "failing_since": None,
        "rides": 0,
        "nights": 0,
        "last_error": None,
        "next_step": None,
    }
    kept = tester.connections.get()
    assert (kept.provider, kept.external_id, kept.access_token) == ("oura", "mine", "good")
    assert [one.authorization for one in provider.asked] == ["Bearer good"]


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (Reply(status=401), 400, "Oura does not accept our access."),
        (Reply(status=429), 502, "Oura asks us to wait: too many requests."),
        (Reply(status=500), 502, "Oura has trouble of its own just now."),
        (Reply(b"", is_cut=True), 502, "Oura could not be reached."),
    ],
    ids=["refused", "busy", "broken", "cut off"],
)
def test_oura_token_that_was_not_accepted_is_not_kept(
    as_tester: Client,
    tester: User,
    provider: Provider,
    settings: LazySettings,
    reply: Reply,
    status: int,
    words: str,
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(reply)

    code, told = detail(paste(as_tester, "canary"))

    assert code == status
    assert told.startswith(words)
    assert told.endswith("The token was not kept.")
    assert "canary" not in told
    assert not tester.connections.exists()


@pytest.mark.parametrize("token", ["", "two words", "tokén", "t" * 201])
def test_oura_token_that_cannot_be_one_is_not_sent(
    as_tester: Client, provider: Provider, settings: LazySettings, token: str
) -> None:
    settings.OURA_API_URL = provider.url

    answer = paste(as_tester, token)

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["token"]
    assert provider.asked == []


def test_oura_account_of_another_tester_is_a_conflict(
    as_tester: Client, tester: User, stranger: User, provider: Provider, settings: LazySettings
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"id": "theirs"}')
    factories.connection(stranger, Source.OURA, external_id="theirs")

    assert detail(paste(as_tester, "good")) == (409, str(consent.AccountTaken("oura")))
    assert not tester.connections.exists()


# --- disconnecting -----------------------------------------------------------------------------


def test_disconnected_source_is_revoked_there_and_gone_here(
    as_tester: Client, tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    factories.connection(tester, refresh_token="mine")

    first, second = as_tester.delete(STRAVA), as_tester.delete(STRAVA)

    assert (first.status_code, first.content, second.status_code) == (204, b"", 404)
    assert [(one.path, one.form["token"]) for one in provider.asked] == [("/revoke", "mine")]
    assert not tester.connections.exists()


def test_source_that_could_not_be_told_stays_connected(
    as_tester: Client, tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(status=500))
    factories.connection(tester)

    assert detail(as_tester.delete(STRAVA)) == (
        502,
        f"{TROUBLE} Strava stays connected; try again in a few minutes.",
    )
    assert tester.connections.exists()


def test_oura_is_disconnected_at_the_address_it_was_connected_at(
    as_tester: Client, tester: User
) -> None:
    factories.connection(tester, Source.OURA)

    assert as_tester.delete(OURA).status_code == 204
    assert not tester.connections.exists()


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 12])
def test_sources_and_uploads_ask_the_database_as_often_for_many_rows(
    as_tester: Client, tester: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for provider in (Source.STRAVA, Source.OURA)[:rows]:
        factories.connection(tester, provider)
    uploads = [upload(tester, status=Status.FAILED) for _ in range(rows)]

    with django_assert_num_queries(7):
        as_tester.get(STATUS)
    with django_assert_num_queries(3):
        as_tester.get(of(uploads[0]))
