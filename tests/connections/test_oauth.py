import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import time_machine
from django.apps import apps
from django.conf import LazySettings
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import Ftp, User
from connections import oauth, sync
from connections.models import Connection
from connections.providers.strava import backend
from connections.providers.strava import client as strava
from connections.providers.strava.asking import Access
from connections.sources import Source
from sandbox.person import rider
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import ATHLETE, Provider, Reply, Visit, reload

BELONGS_TO_ANOTHER = (
    "That Strava account belongs to somebody else here. "
    "Sign in to Strava as yourself and connect again."
)
CALLBACK = "http://127.0.0.1/connect/complete/strava/"
PAIR = {
    "access_token": "canary-access",
    "refresh_token": "canary-refresh",
    "expires_at": 1_800_000_000,
    "athlete": {"id": 77},
}

BROKEN_OFF = oauth.BROKEN_OFF.format(label="Strava")
NO_GOOD_ANSWER = oauth.NO_GOOD_ANSWER.format(label="Strava")
OTHER_VISIT = oauth.OTHER_VISIT.format(label="Strava")
SESSION_LOST = oauth.SESSION_LOST.format(label="Strava")
UNREACHABLE = oauth.UNREACHABLE.format(label="Strava")


@pytest.fixture
def visit(as_tester: Client, stand_ins: StandIns) -> Visit:
    return Visit(as_tester)


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = f"{provider.url}/api/v3"
    settings.STRAVA_OAUTH_URL = f"{provider.url}/oauth"
    return provider


def back_from(address: str, **query: str) -> str:
    """As if Strava had sent the browser back with its own state and this beside it."""
    state = httpx2.URL(address).params["state"]
    return str(httpx2.URL(CALLBACK, params={"state": state, **query}))


def granted(address: str) -> str:
    return back_from(address, code="c", scope="read,activity:read_all")


def every_stored_text() -> str:
    """All rows of all tables, as they stand in the database."""
    found: list[str] = []
    with database.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with ExitStack() as levels:
        for name in (None, "httpx2", "httpcore2", "urllib3", "social", "kombu", "django"):
            levels.enter_context(caplog.at_level(logging.DEBUG, logger=name))
        yield


def test_connecting_keeps_the_tokens_and_has_the_history_read(
    visit: Visit,
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        told = visit.connect()

    assert told == []
    connection = tester.connections.get()
    assert connection.provider == Source.STRAVA
    assert connection.state == Connection.State.OK
    assert connection.external_id == str(ATHLETE)
    assert connection.scopes == "read,activity:read_all,profile:read_all"
    assert connection.expires_at is not None
    assert abs(connection.expires_at - timezone.now() - timedelta(hours=6)) < timedelta(minutes=1)
    assert list(strava.rides_since(Access(connection.access_token), timezone.now())) == []
    # Strava hands a pair out again while it has more than an hour to live.
    assert strava.refresh(connection.refresh_token).access_token == connection.access_token
    assert published == [("connections.sync", [connection.pk])]


def test_consent_is_asked_for_with_our_scopes_and_way_back(visit: Visit) -> None:
    query = dict(httpx2.URL(visit.begin()).params)

    assert len(query.pop("state")) == 32
    assert query == {
        "client_id": "10001",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "read,activity:read_all,profile:read_all",
        "approval_prompt": "auto",
    }


def test_tokens_are_nowhere_but_encrypted_in_the_connection(
    visit: Visit, tester: User, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with everything_logged(caplog):
        visit.connect()
        connection = tester.connections.get()
        sync.sync(connection, timezone.now() - timedelta(days=170))
        pages = [
            admin_client.get(f"/admin/{path}").content.decode()
            for path in (
                f"connections/connection/{connection.pk}/change/",
                "connections/connection/",
                f"social_django/usersocialauth/{tester.social_auth.get().pk}/change/",
            )
        ]

    assert str(ATHLETE) in pages[0]
    for token in (connection.access_token, connection.refresh_token):
        assert len(token) == 40
        assert token not in every_stored_text()
        assert token not in caplog.text
        assert not any(token in page for page in pages)
    assert tester.social_auth.get().extra_data == {}
    assert "/sandbox/strava/oauth/token" in caplog.text


def test_ftp_of_strava_holds_from_the_day_it_was_read(visit: Visit, tester: User) -> None:
    visit.connect()

    [ftp] = tester.ftps.all()
    assert (ftp.power_w, ftp.source) == (rider.FTP_W, Ftp.Source.STRAVA)
    assert ftp.effective_date == tester.local_date()


def test_ftp_of_the_tester_comes_before_strava_s_of_the_same_day(
    visit: Visit, tester: User
) -> None:
    Ftp.objects.create(user=tester, effective_date=tester.local_date(), power_w=251)

    visit.connect()

    assert [(ftp.power_w, ftp.source) for ftp in tester.ftps.all()] == [(251, Ftp.Source.TESTER)]


@pytest.mark.parametrize("ftp", [None, 0, 12, 40_000, "high"])
def test_ftp_that_is_none_is_left_out(
    scripted: Provider, as_tester: Client, tester: User, ftp: Any
) -> None:
    visit = Visit(as_tester)
    athlete = json.dumps({"id": 77, "ftp": ftp}).encode()
    scripted.answers(json.dumps(PAIR).encode(), athlete)

    assert visit.come_back(granted(visit.begin())) == []
    assert not tester.ftps.exists()
    assert tester.connections.get().external_id == "77"


def test_athlete_is_asked_for_with_the_token_in_its_header(
    scripted: Provider, as_tester: Client
) -> None:
    visit = Visit(as_tester)
    scripted.answers(json.dumps(PAIR).encode(), b'{"id": 77}')

    visit.come_back(granted(visit.begin()))

    exchange, athlete = scripted.asked
    assert (exchange.method, exchange.path, exchange.query) == ("POST", "/oauth/token", {})
    assert exchange.form["code"] == "c"
    assert (athlete.path, athlete.query) == ("/api/v3/athlete", {})
    assert athlete.authorization == "Bearer canary-access"


def test_cancel_on_the_consent_page_is_told_and_nothing_kept(visit: Visit, tester: User) -> None:
    told = visit.come_back(visit.consent(visit.begin(), decision="deny"))

    assert told == ["Strava is not connected: you did not allow it on Strava’s page."]
    assert not tester.connections.exists()


def test_unticked_activities_are_told_and_nothing_kept(visit: Visit, tester: User) -> None:
    [told] = visit.connect(granted=("read", "profile:read_all"))

    assert told.startswith(
        "Strava is not connected. “View data about your activities” was not ticked."
    )
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


@pytest.mark.parametrize("scope", ["activity:read", "activity:read_all"])
def test_either_scope_for_activities_is_enough(
    scripted: Provider, as_tester: Client, tester: User, scope: str
) -> None:
    visit = Visit(as_tester)
    scripted.answers(json.dumps(PAIR).encode(), b'{"id": 77}')

    assert visit.come_back(back_from(visit.begin(), code="c", scope=f"read,{scope}")) == []
    assert tester.connections.get().scopes == f"read,{scope}"


def test_account_of_another_tester_is_refused_and_stays_theirs(
    visit: Visit, tester: User, as_stranger: Client, stranger: User
) -> None:
    visit.connect()
    before = reload(tester.connections.get())

    assert Visit(as_stranger).connect() == [BELONGS_TO_ANOTHER]

    assert not stranger.connections.exists()
    assert not stranger.social_auth.exists()
    after = tester.connections.get()
    assert (after.access_token, after.state) == (before.access_token, Connection.State.OK)


def test_account_of_another_tester_is_refused_by_the_connection_alone(
    visit: Visit, tester: User, stranger: User
) -> None:
    factories.connection(stranger, external_id=str(ATHLETE))

    assert visit.connect() == [BELONGS_TO_ANOTHER]

    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_connecting_again_mends_a_broken_connection(visit: Visit, tester: User) -> None:
    visit.connect()
    last_success_at = timezone.now() - timedelta(days=3)
    tester.connections.update(
        state=Connection.State.BROKEN, last_error="dead", last_success_at=last_success_at
    )
    first = tester.connections.get()

    visit.connect()

    second = tester.connections.get()
    assert (second.pk, second.state, second.last_error) == (first.pk, Connection.State.OK, "")
    assert second.access_token != first.access_token
    assert second.last_success_at == last_success_at


def test_another_account_replaces_the_first_and_is_read_from_its_beginning(
    scripted: Provider, as_tester: Client, tester: User, as_stranger: Client, stranger: User
) -> None:
    visit = Visit(as_tester)
    for account in (77, 78):
        scripted.answers(json.dumps(PAIR).encode(), json.dumps({"id": account}).encode())
        assert visit.come_back(granted(visit.begin())) == []
        if account == 77:
            tester.connections.update(last_success_at=timezone.now())

    connection = tester.connections.get()
    assert (connection.external_id, connection.last_success_at) == ("78", None)
    assert [social.uid for social in tester.social_auth.all()] == ["78"]

    scripted.answers(json.dumps(PAIR).encode(), b'{"id": 77}')
    other = Visit(as_stranger)
    assert other.come_back(granted(other.begin())) == []
    assert stranger.connections.get().external_id == "77"


def test_state_that_is_not_ours_is_refused(visit: Visit, tester: User) -> None:
    address = httpx2.URL(visit.consent(visit.begin()))

    told = visit.come_back(str(address.copy_merge_params({"state": "forged"})))

    assert told == [OTHER_VISIT]
    assert not tester.connections.exists()


def test_state_works_once(visit: Visit, tester: User) -> None:
    address = visit.consent(visit.begin())
    assert visit.come_back(address) == []

    assert visit.come_back(address) == [SESSION_LOST]


def test_state_of_another_tester_connects_nothing(
    visit: Visit, tester: User, as_stranger: Client, stranger: User
) -> None:
    address = visit.consent(visit.begin())
    other = Visit(as_stranger)
    other.begin()

    assert other.come_back(address) == [OTHER_VISIT]
    assert not stranger.connections.exists()
    assert not tester.connections.exists()


def test_code_that_has_expired_is_told(visit: Visit, tester: User) -> None:
    with time_machine.travel(timezone.now()) as clock:
        address = visit.consent(visit.begin())
        clock.shift(timedelta(minutes=11))

        assert visit.come_back(address) == [BROKEN_OFF]
    assert not tester.connections.exists()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("server_error", NO_GOOD_ANSWER),
        ("athlete_cap", backend.NO_ROOM),
        ("inactive", backend.SWITCHED_OFF),
    ],
)
def test_strava_refusing_the_exchange_is_told(
    visit: Visit, tester: User, stand_ins: StandIns, mode: str, words: str
) -> None:
    address = visit.consent(visit.begin())
    stand_ins.mode("strava", mode)

    assert visit.come_back(address) == [words]
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(b"<html>maintenance</html>")],
        [Reply(b'{"athlete": {"id": 77}}')],
        [Reply(b'{"access_token": "a", "athlete": {"id": 77}}'), Reply(b'{"id": 77}')],
        [Reply(json.dumps(PAIR).encode()), Reply(b"{}")],
        [Reply(json.dumps(PAIR).encode()), Reply(b"<html>")],
        [Reply(json.dumps(PAIR).encode()), Reply(status=500)],
        [Reply(b"{", is_cut=True)],
    ],
    ids=[
        *("html", "no token", "half a pair", "no athlete", "athlete in html", "athlete 500"),
        "cut off",
    ],
)
def test_strava_answering_nonsense_is_told_and_leaves_nothing(
    scripted: Provider, as_tester: Client, tester: User, replies: list[Reply]
) -> None:
    visit = Visit(as_tester)
    scripted.answers(*replies)

    assert visit.come_back(granted(visit.begin())) == [NO_GOOD_ANSWER]
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_strava_being_down_is_told(
    scripted: Provider, as_tester: Client, tester: User, settings: LazySettings
) -> None:
    visit = Visit(as_tester)
    address = visit.begin()
    settings.STRAVA_OAUTH_URL = "http://127.0.0.1:9/oauth"

    assert visit.come_back(granted(address)) == [UNREACHABLE]
    assert not tester.connections.exists()


def test_half_an_answer_leaves_an_earlier_connection_as_it_was(
    scripted: Provider, as_tester: Client, tester: User
) -> None:
    visit = Visit(as_tester)
    scripted.answers(json.dumps(PAIR).encode(), b'{"id": 77}')
    visit.come_back(granted(visit.begin()))

    scripted.answers(b'{"access_token": "a"}', b'{"id": 77}')
    assert visit.come_back(granted(visit.begin())) == [NO_GOOD_ANSWER]

    assert tester.connections.get().access_token == "canary-access"
    assert tester.social_auth.get().uid == "77"


def test_stranger_to_the_site_is_sent_to_sign_in_and_cannot_connect(
    client: Client, stand_ins: StandIns, db: None
) -> None:
    visit = Visit(client)
    assert visit.begin() == "/connections"

    answer = client.get("/connect/complete/strava/?state=x&code=y&scope=activity:read_all")

    assert answer.headers["location"] == "/connections"
    assert client.get("/connections").headers["location"] == "/auth/login?next=/connections"
    assert not Connection.objects.exists()
    assert not User.objects.exists()


def test_beginning_takes_a_post(as_tester: Client) -> None:
    assert as_tester.get("/connect/login/strava/").status_code == 405
