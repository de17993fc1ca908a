"""Disconnecting Oura, and pasted tokens where none are taken any more."""

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from connections import sync
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider
from tests.connections.oura_visits import (
    PASTED,
    OuraVisit,
    opens,
    refreshes,
)

RELEASED = "Oura is disconnected."


def disconnect(client: Client) -> list[str]:
    client.post("/connections/oura/disconnect")
    return [str(message) for message in client.get("/connections").context["messages"]]


@pytest.mark.django_db(transaction=True)
def test_disconnecting_gives_the_access_back_and_erases(stand_ins: StandIns) -> None:
    tester, client = signed_in_tester()
    OuraVisit(client).connect()
    connection = tester.connections.get()
    sync.sync(connection, timezone.now())

    assert disconnect(client) == [RELEASED]

    assert not opens(connection.access_token)
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()
    assert not tester.nights.exists()
    assert not tester.samples.exists()


@pytest.mark.django_db(transaction=True)
def test_disconnecting_with_a_token_at_its_end_gives_back_one_that_works(
    stand_ins: StandIns,
) -> None:
    tester, client = signed_in_tester()
    OuraVisit(client).connect()
    old = tester.connections.get()
    tester.connections.update(expires_at=timezone.now())

    assert disconnect(client) == [RELEASED]

    assert refreshes()["successes"] == 1
    assert not opens(old.access_token)
    assert not tester.connections.exists()


@pytest.mark.django_db(transaction=True)
def test_disconnecting_what_was_withdrawn_at_oura_erases_it(stand_ins: StandIns) -> None:
    tester, client = signed_in_tester()
    OuraVisit(client).connect()
    tester.connections.update(expires_at=timezone.now())
    stand_ins.mode("oura", "token_revoked")

    assert disconnect(client) == [RELEASED]

    assert not tester.connections.exists()


@pytest.mark.django_db(transaction=True)
def test_service_that_oura_shut_out_still_lets_its_testers_leave(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    tester, client = signed_in_tester()
    OuraVisit(client).connect()
    tester.connections.update(expires_at=timezone.now())
    settings.SOCIAL_AUTH_OURA_SECRET = "another-secret"

    assert disconnect(client) == [RELEASED]

    assert not tester.connections.exists()


@pytest.mark.django_db(transaction=True)
def test_disconnecting_while_oura_is_down_keeps_the_pair_that_works(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    tester, client = signed_in_tester()
    OuraVisit(client).connect()
    tester.connections.update(expires_at=timezone.now())
    settings.OURA_REVOKE_URL = "http://127.0.0.1:9/oauth/revoke"

    assert disconnect(client) == [
        "Oura could not be reached. Oura stays connected; try again in a few minutes."
    ]

    assert opens(tester.connections.get().access_token)


@pytest.mark.django_db(transaction=True)
def test_disconnecting_a_pasted_token_asks_nothing_of_oura(
    provider: Provider, settings: LazySettings
) -> None:
    tester, client = signed_in_tester()
    settings.OURA_REVOKE_URL = settings.OURA_TOKEN_URL = provider.url
    factories.connection(tester, Source.OURA, refresh_token="", access_token=PASTED)

    assert disconnect(client) == [RELEASED]

    assert provider.asked == []
    assert not tester.connections.exists()


def signed_in_tester() -> tuple[User, Client]:
    client = Client()
    tester = factories.tester()
    client.force_login(tester, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    return tester, client


# --- Pasted tokens, where they are not taken any more ---


@pytest.fixture
def only_consent(settings: LazySettings) -> None:
    settings.OURA_TAKES_PASTED_TOKENS = False


@pytest.mark.usefixtures("only_consent")
def test_page_and_api_take_no_pasted_token_when_it_is_switched_off(
    as_tester: Client, tester: User, stand_ins: StandIns
) -> None:
    page = as_tester.get("/connections").content.decode()
    by_form = as_tester.post("/connections/oura/token", {"token": PASTED})
    by_api = as_tester.post(
        "/api/connections/oura", {"token": PASTED}, content_type="application/json"
    )

    assert "Paste a token" not in page
    assert 'action="/connections/oura/token' not in page
    assert 'action="/connect/login/oura/"' in page
    assert (by_form.status_code, by_api.status_code) == (404, 404)
    assert not tester.connections.exists()


@pytest.mark.usefixtures("only_consent")
def test_token_pasted_before_it_was_switched_off_is_read_until_it_dies(
    tester: User, stand_ins: StandIns
) -> None:
    connection = factories.connection(tester, Source.OURA, access_token=PASTED, refresh_token="")
    assert sync.sync(connection, timezone.now()).is_success
    stand_ins.mode("oura", "unauthorized")

    attempt = sync.sync(tester.connections.get(), timezone.now())

    assert attempt.error == "Oura does not accept our access. Connect Oura again."


def test_page_takes_a_pasted_token_and_offers_consent_first(as_tester: Client) -> None:
    page = as_tester.get("/connections").content.decode()

    assert page.index('action="/connect/login/oura/"') < page.index("Paste a token")
    assert 'action="/connections/oura/token' in page


def test_service_without_an_application_at_oura_offers_no_consent_page(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    ours = {name: what for name, what in settings.SOURCES["oura"].items() if name != "BACKEND"}
    settings.SOURCES = {**settings.SOURCES, "oura": ours}
    fresh = as_tester.get("/connections").content.decode()
    factories.connection(
        tester, Source.OURA, access_token=PASTED, refresh_token="", last_success_at=timezone.now()
    )

    page = as_tester.get("/connections").content.decode()

    assert "Paste a token" in fresh
    assert 'action="/connect/login/oura/"' not in fresh
    assert 'action="/connect/login/oura/"' not in page
    assert '>Connected</p> <p class="small">Last read' in " ".join(page.split())
