import uuid
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import sync
from connections.consent import AccountTaken
from connections.models import AppleHealthUpload, Connection
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, Visit, reload
from tests.connections.uploads import export, upload

pytestmark = pytest.mark.usefixtures("_upload_folder")

Status = AppleHealthUpload.Status
Published = list[tuple[str, list[Any]]]
OURA_TOKEN = "oura-sandbox-one"
# The signed-in tester's own two, the panel's two, and those of the page around it.
# The page says as well which source counts for what.
PAGE_QUERIES = {"/connections": 9, "/connections/cards": 6}


def messages_of(client: Client) -> list[str]:
    return [str(message) for message in client.get("/connections").context["messages"]]


# --- Who may ---

NOBODYS = uuid.UUID(int=1)
PAGES = ["/connections", "/connections/cards"]
POSTS = [
    "/connections/apple-health",
    "/connections/oura/token",
    "/connections/strava/sync",
    "/connections/strava/disconnect",
]


@pytest.mark.parametrize("path", [*PAGES, f"/connections/apple-health/{NOBODYS}"])
def test_page_sends_the_anonymous_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path).headers["location"] == f"/auth/login?next={path}"


@pytest.mark.parametrize("path", POSTS)
def test_action_sends_the_anonymous_to_sign_in_and_does_nothing(
    client: Client, tester: User, path: str
) -> None:
    connection = factories.connection(tester)

    answer = client.post(path, {"token": OURA_TOKEN, "file": export()})

    assert answer.headers["location"] == f"/auth/login?next={path}"
    assert Connection.objects.get() == connection
    assert not AppleHealthUpload.objects.exists()


@pytest.mark.parametrize("path", [*PAGES, f"/connections/apple-health/{NOBODYS}"])
def test_page_takes_get_only(as_tester: Client, path: str) -> None:
    assert as_tester.post(path).headers["allow"] == "GET"


@pytest.mark.parametrize("path", POSTS)
def test_action_takes_post_only(as_tester: Client, tester: User, path: str) -> None:
    factories.connection(tester)

    assert as_tester.get(path).headers["allow"] == "POST"
    assert tester.connections.exists()


@pytest.mark.parametrize("path", POSTS)
def test_action_takes_a_form_of_ours_only(tester: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    factories.connection(tester)

    assert client.post(path, {"token": OURA_TOKEN, "file": export()}).status_code == 403
    assert tester.connections.count() == 1
    assert not tester.apple_uploads.exists()


@pytest.mark.parametrize("action", ["sync", "disconnect"])
def test_action_on_a_connection_of_somebody_else_finds_none(
    as_stranger: Client, tester: User, published: Published, action: str
) -> None:
    connection = factories.connection(tester)

    assert as_stranger.post(f"/connections/strava/{action}").status_code == 404
    assert Connection.objects.get() == connection
    assert published == []


# --- The page ---


def test_page_shows_the_sources_and_both_forms(as_tester: Client, tester: User) -> None:
    factories.connection(tester, last_success_at=timezone.now())

    page = as_tester.get("/connections").content.decode()
    for action in ("connections/apple-health", "connections/oura/token", "connections/strava/sync"):
        assert f'action="/{action}' in page
    assert 'name="file"' in page
    assert 'name="token"' in page


def test_page_never_shows_a_token(as_tester: Client, tester: User) -> None:
    factories.connection(tester, access_token="canary-a", refresh_token="canary-r")
    factories.connection(tester, Source.OURA, access_token="canary-o")

    for path in PAGES:
        assert "canary" not in as_tester.get(path).content.decode()


def test_cards_ask_again_only_while_something_is_under_way(as_tester: Client, tester: User) -> None:
    connection = factories.connection(tester)
    assert 'hx-get="/connections/cards"' in as_tester.get("/connections/cards").content.decode()

    Connection.objects.filter(pk=connection.pk).update(last_success_at=timezone.now())
    assert "hx-get" not in as_tester.get("/connections/cards").content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_page_asks_the_same_number_of_queries_for_one_row_and_for_many(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    factories.connection(tester, Source.STRAVA)
    upload(tester, status=Status.DONE, finished_at=timezone.now())
    with django_assert_num_queries(PAGE_QUERIES[path]):
        as_tester.get(path)

    factories.connection(tester, Source.OURA)
    for _ in range(5):
        upload(tester, status=Status.DONE, finished_at=timezone.now())
    with django_assert_num_queries(PAGE_QUERIES[path]):
        as_tester.get(path)


# --- Oura ---


def test_oura_token_is_validated_kept_and_read(
    as_tester: Client,
    tester: User,
    stand_ins: StandIns,
    published: Published,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post("/connections/oura/token", {"token": f"  {OURA_TOKEN} "})

    assert answer.headers["location"] == "/connections#main"
    connection = tester.connections.get()
    assert (connection.provider, connection.access_token) == (Source.OURA, OURA_TOKEN)
    assert published == [("connections.sync", [connection.pk])]


TROUBLE = "Strava has trouble of its own just now."
REFUSES = (
    "Oura refuses to share your data: the membership has ended or the token lacks permission. "
    "Check both in the Oura app."
)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            Reply(status=401),
            "Oura does not accept this token. Copy all of it and try again.",
        ),
        (
            Reply(status=403),
            f"{REFUSES} The token was not kept.",
        ),
        (
            Reply(status=429),
            "Oura asks us to wait: too many requests. The token was not kept.",
        ),
        (
            Reply(status=500),
            "Oura has trouble of its own just now. The token was not kept.",
        ),
        (Reply(b"{}"), "Oura sent an answer we could not read. The token was not kept."),
        (Reply(b"", is_cut=True), "Oura could not be reached. The token was not kept."),
    ],
    ids=["401", "403", "429", "500", "odd", "cut off"],
)
def test_oura_token_that_does_not_work_is_told_and_not_kept(
    as_tester: Client,
    tester: User,
    provider: Provider,
    settings: LazySettings,
    reply: Reply,
    words: str,
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(reply)
    known = factories.connection(tester, Source.OURA, access_token="before")

    answer = as_tester.post("/connections/oura/token", {"token": "canary"})

    assert answer.status_code == 400
    assert answer.context["token_forms"][0].errors["token"] == [words]
    assert "canary" not in answer.content.decode()
    assert reload(known).access_token == "before"


@pytest.mark.parametrize("token", ["", "two words", "“quoted”", "tokén", "a\nb", "t" * 201])
def test_oura_token_that_cannot_be_one_is_not_sent(
    as_tester: Client, tester: User, provider: Provider, settings: LazySettings, token: str
) -> None:
    settings.OURA_API_URL = provider.url

    answer = as_tester.post("/connections/oura/token", {"token": token})

    assert answer.status_code == 400
    assert "token" in answer.context["token_forms"][0].errors
    assert provider.asked == []
    assert not tester.connections.exists()


def test_oura_account_of_another_tester_is_refused(
    as_tester: Client, tester: User, stranger: User, provider: Provider, settings: LazySettings
) -> None:
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"id": "theirs"}')
    factories.connection(stranger, Source.OURA, external_id="theirs")

    answer = as_tester.post("/connections/oura/token", {"token": OURA_TOKEN})

    assert answer.status_code == 400
    assert answer.context["token_forms"][0].errors["token"] == [str(AccountTaken("oura"))]
    assert not tester.connections.exists()


# --- Reading now, and disconnecting ---


def test_sync_now_asks_a_worker(
    as_tester: Client,
    tester: User,
    published: Published,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    connection = factories.connection(tester)

    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post("/connections/strava/sync")

    assert answer.headers["location"] == "/connections"
    assert published == [("connections.sync", [connection.pk])]
    assert messages_of(as_tester) == ["Strava is being read."]


@pytest.mark.parametrize("path", ["/connections/oura/sync", "/connections/polar/disconnect"])
def test_action_on_what_is_not_connected_finds_nothing(
    as_tester: Client, tester: User, path: str
) -> None:
    factories.connection(tester)

    assert as_tester.post(path).status_code == 404
    assert tester.connections.exists()


def test_disconnecting_strava_takes_the_access_back(
    as_tester: Client, tester: User, stand_ins: StandIns
) -> None:
    Visit(as_tester).connect()
    before = tester.connections.get()

    answer = as_tester.post("/connections/strava/disconnect")

    assert answer.headers["location"] == "/connections"
    assert messages_of(as_tester) == ["Strava is disconnected."]
    assert not tester.connections.exists()
    again = factories.connection(
        tester, access_token=before.access_token, refresh_token=before.refresh_token
    )
    assert sync.sync(again, timezone.now()).error.startswith("Strava no longer accepts our access.")


def test_disconnecting_waits_for_strava(
    as_tester: Client, tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(status=500))
    connection = factories.connection(tester)

    as_tester.post("/connections/strava/disconnect")

    assert messages_of(as_tester) == [
        f"{TROUBLE} Strava stays connected; try again in a few minutes.",
    ]
    assert tester.connections.get() == connection


def test_disconnecting_one_source_leaves_the_other(as_tester: Client, tester: User) -> None:
    factories.connection(tester, Source.OURA)
    strava = factories.connection(tester, Source.STRAVA)

    as_tester.post("/connections/oura/disconnect")

    assert list(tester.connections.all()) == [strava]
