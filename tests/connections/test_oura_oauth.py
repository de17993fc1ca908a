"""Connecting Oura through its consent page, and what is ticked there."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import time_machine
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import sync
from connections.models import Connection, DailySample
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, nights_to_read
from tests.connections.oura_visits import (
    ACCOUNT,
    ASKED,
    CALLBACK,
    OWNER,
    PAIR,
    PASTED,
    OuraVisit,
    answer,
    come_back_to,
    opens,
)
from tests.connections.test_oauth import every_stored_text, everything_logged
from tests.factories import NOW

BELONGS_TO_ANOTHER = (
    "That Oura account belongs to somebody else here. "
    "Sign in to Oura as yourself and connect again."
)


@pytest.fixture
def visit(as_tester: Client, stand_ins: StandIns) -> OuraVisit:
    return OuraVisit(as_tester)


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings, as_tester: Client) -> Provider:
    """Token host and API are one server that answers as a test says; the consent page is not."""
    settings.OURA_TOKEN_URL = f"{provider.url}/token"
    settings.OURA_API_URL = f"{provider.url}/api"
    return provider


def test_consent_page_is_asked_for_what_is_read(visit: OuraVisit) -> None:
    address = httpx2.URL(visit.begin())

    assert str(address.copy_with(query=None)) == django_settings.OURA_CONSENT_URL
    state = address.params["state"]
    assert len(state) == 32
    assert dict(address.params) == {
        "client_id": "oura-sandbox",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "personal daily heartrate stress heart_health",
        "state": state,
    }


def test_connecting_keeps_the_tokens_and_has_the_history_read(
    visit: OuraVisit,
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert visit.connect() == []

    [connection] = tester.connections.all()
    assert (connection.provider, connection.external_id) == (Source.OURA, ACCOUNT)
    assert (connection.state, connection.scopes) == (Connection.State.OK, " ".join(ASKED))
    assert connection.expires_at is not None
    assert abs(connection.expires_at - timezone.now() - timedelta(days=1)) < timedelta(minutes=1)
    assert opens(connection.access_token)
    assert connection.refresh_token.startswith("oura-refresh-")
    [social] = tester.social_auth.all()
    assert (social.provider, social.uid, social.extra_data) == ("oura", ACCOUNT, {})
    assert published == [("connections.sync", [connection.pk])]


def test_tokens_are_nowhere_but_encrypted_in_the_connection(
    visit: OuraVisit, tester: User, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with everything_logged(caplog):
        visit.connect()
        connection = tester.connections.get()
        sync.sync(connection, timezone.now())
        before = connection.access_token, connection.refresh_token
        sync.fresh_token(connection, timezone.now(), refused=connection.access_token)
        connection = tester.connections.get()
        admin = admin_client.get(f"/admin/connections/connection/{connection.pk}/change/")

    stored, shown = every_stored_text(), admin.content.decode()
    assert ACCOUNT in shown
    for token in (*before, connection.access_token, connection.refresh_token):
        assert len(token) > 40
        assert token not in stored
        assert token not in caplog.text
        assert token not in shown
    assert "sandbox/oura-token/oauth/v2/ext/oauth-token" in caplog.text
    assert "sandbox-oura-secret" not in caplog.text


def test_scopes_are_kept_by_the_names_the_api_knows(
    visit: OuraVisit, tester: User, stand_ins: StandIns
) -> None:
    stand_ins.mode("oura", "prefixed_scopes")

    assert visit.connect("personal", "daily") == []

    assert tester.connections.get().granted_scopes == {"personal", "daily"}


def test_answer_that_names_no_scopes_has_given_all(
    scripted: Provider, as_tester: Client, tester: User
) -> None:
    told = {name: value for name, value in PAIR.items() if name != "scope"}

    assert come_back_to(as_tester, scripted, json.dumps(told).encode(), OWNER) == []

    connection = tester.connections.get()
    assert (connection.external_id, connection.granted_scopes) == ("ring-77", frozenset(ASKED))


def test_answer_that_tells_no_end_is_kept_until_it_is_refused(
    scripted: Provider, as_tester: Client, tester: User
) -> None:
    assert come_back_to(as_tester, scripted, answer(expires_in=None), OWNER) == []

    connection = tester.connections.get()
    assert (connection.refresh_token, connection.expires_at) == ("canary-refresh", None)


@pytest.mark.parametrize("in_header", [False, True])
def test_secret_of_the_service_travels_where_its_app_needs_it(
    scripted: Provider, as_tester: Client, settings: LazySettings, in_header: bool
) -> None:
    settings.OURA_USES_BASIC_AUTH = in_header

    assert come_back_to(as_tester, scripted, answer(), OWNER) == []

    exchange, owner = scripted.asked
    code = {"grant_type": "authorization_code", "code": "c", "redirect_uri": CALLBACK}
    secret = {"client_id": "oura-sandbox", "client_secret": "sandbox-oura-secret"}
    basic = base64.b64encode(b"oura-sandbox:sandbox-oura-secret").decode()
    assert (exchange.method, exchange.path, exchange.query) == ("POST", "/token", {})
    assert exchange.form == (code if in_header else {**code, **secret})
    assert exchange.authorization == (f"Basic {basic}" if in_header else "")
    assert (owner.path, owner.query) == ("/api/v2/usercollection/personal_info", {})
    assert owner.authorization == "Bearer canary-access"


def test_beginning_takes_a_post(as_tester: Client) -> None:
    assert as_tester.get("/connect/login/oura/").status_code == 405


def test_nobody_signed_in_is_sent_to_sign_in_and_cannot_connect(
    client: Client, stand_ins: StandIns, db: None
) -> None:
    assert OuraVisit(client).begin() == "/connections"

    back = client.get("/connect/complete/oura/?state=x&code=y")

    assert back.headers["location"] == "/connections"
    assert client.get("/connections").headers["location"] == "/auth/login?next=/connections"
    assert not Connection.objects.exists()
    assert not User.objects.exists()


def test_tester_who_has_not_allowed_it_is_told_so(
    visit: OuraVisit, tester: User, stand_ins: StandIns
) -> None:
    User.objects.update(health_consent_at=None)

    [told] = visit.connect()

    assert told.startswith("Oura is not connected. ")
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


# --- Who it is, and what was ticked ---


@pytest.mark.parametrize(
    ("granted", "words"),
    [
        (
            ("personal", "heartrate", "stress"),
            (
                "“Daily” was not ticked. Connect again and leave it ticked; the coach reads your "
                "nights through it."
            ),
        ),
        (
            ("daily",),
            (
                "“Personal” was not ticked. Connect again and leave it ticked; the coach reads "
                "your nights through it."
            ),
        ),
        (
            ("stress",),
            (
                "“Personal” and “Daily” were not ticked. Connect again and leave them ticked; the "
                "coach reads your nights through them."
            ),
        ),
    ],
)
def test_scope_that_is_needed_is_told_and_nothing_kept(
    visit: OuraVisit, tester: User, granted: tuple[str, ...], words: str
) -> None:
    assert visit.connect(*granted) == [f"Oura is not connected. {words}"]
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_nothing_ticked_is_told_as_what_was_needed(
    scripted: Provider, as_tester: Client, tester: User
) -> None:
    [told] = come_back_to(as_tester, scripted, answer(scope=""), OWNER)

    assert told.startswith("Oura is not connected. “Personal” and “Daily” were not ticked.")
    assert [asked.path for asked in scripted.asked] == ["/token"]
    assert not tester.connections.exists()


@time_machine.travel(NOW + timedelta(hours=6), tick=True)  # the night is in by then
def test_scope_that_can_be_missed_is_said_and_its_routes_are_not_asked(
    visit: OuraVisit, tester: User, as_tester: Client
) -> None:
    assert visit.connect("personal", "daily") == []
    connection = tester.connections.get()

    attempt = sync.sync(connection, timezone.now())

    assert (attempt.is_success, attempt.error, attempt.nights) == (True, "", nights_to_read(tester))
    kinds = set(tester.samples.values_list("kind", flat=True))
    assert kinds.isdisjoint(
        {DailySample.Kind.STRESS, DailySample.Kind.RECOVERY, DailySample.Kind.VO2MAX}
    )
    assert kinds >= {DailySample.Kind.SLEEP_SCORE, DailySample.Kind.STEPS}
    without = "stress and recovery, VO2max (not ticked at Oura)"
    page = as_tester.get("/connections").content.decode()
    assert f"Connected without {without}" in page
    assert 'action="/connect/login/oura/"' in page
    [oura] = [
        source
        for source in as_tester.get("/api/connections/status").json()["sources"]
        if source["source"] == "oura"
    ]
    assert (oura["state"], oura["last_error"]) == ("ok", None)
    assert oura["next_step"] == "Connect Oura again on its own page, with everything ticked."


def test_everything_ticked_leaves_nothing_to_connect(
    visit: OuraVisit, tester: User, as_tester: Client
) -> None:
    visit.connect()
    tester.connections.update(last_success_at=timezone.now(), asked_at=None)

    assert 'action="/connect/login/oura/"' not in as_tester.get("/connections").content.decode()


def test_account_of_another_tester_is_refused_and_stays_theirs(
    visit: OuraVisit, tester: User, as_stranger: Client, stranger: User
) -> None:
    visit.connect()
    before = tester.connections.get()

    assert OuraVisit(as_stranger).connect() == [BELONGS_TO_ANOTHER]

    assert not stranger.connections.exists()
    assert not stranger.social_auth.exists()
    assert tester.connections.get().access_token == before.access_token


def test_account_whose_pasted_token_is_another_tester_s_is_refused(
    visit: OuraVisit, tester: User, stranger: User
) -> None:
    factories.connection(stranger, Source.OURA, external_id=ACCOUNT, refresh_token="")

    assert visit.connect() == [BELONGS_TO_ANOTHER]

    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_consent_takes_the_place_of_a_pasted_token_and_keeps_the_history(
    visit: OuraVisit, tester: User, as_tester: Client
) -> None:
    as_tester.post("/connections/oura/token", {"token": PASTED})
    pasted = tester.connections.get()
    sync.sync(pasted, timezone.now())
    nights = tester.nights.count()
    page = as_tester.get("/connections").content.decode()

    assert visit.connect() == []

    assert 'action="/connect/login/oura/"' in page
    connection = tester.connections.get()
    assert (connection.pk, connection.external_id) == (pasted.pk, ACCOUNT)
    assert connection.access_token != PASTED
    assert connection.refresh_token
    assert connection.last_success_at is not None
    assert tester.nights.count() == nights > 100


def test_consent_for_another_account_takes_the_place_of_what_was_read(
    as_tester: Client, tester: User, stand_ins: StandIns
) -> None:
    OuraVisit(as_tester).connect()
    factories.night(tester, factories.TODAY)
    other = "00000000-0000-4000-8000-000000000001"

    assert OuraVisit(as_tester, other).connect() == []

    assert tester.connections.get().external_id == other
    assert [social.uid for social in tester.social_auth.all()] == [other]
    assert not tester.nights.exists()
