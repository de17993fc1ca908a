"""Oura's single-use refresh tokens: one refresh for all workers, and nobody stranded in silence."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.models import User
from connections import sync
from connections.models import Connection
from connections.providers.http import ProviderRefuses, ProviderUnavailable, ReconnectNeeded
from connections.providers.oura import tokens
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, nights_to_read, reload
from tests.connections.oura_visits import answer, connected, expire_tokens, opens, refreshes
from tests.connections.test_oauth import everything_logged
from tests.factories import NOW
from tests.threads import at_once

ROUNDS = 50
RECONNECT = (
    "Oura no longer accepts our access: it was withdrawn there, or its renewal got lost on the "
    "way. Connect Oura again."
)


@pytest.fixture
def token_host(provider: Provider, settings: LazySettings) -> Provider:
    settings.OURA_TOKEN_URL = f"{provider.url}/token"
    return provider


def state_of(connection: Connection) -> tuple[str, str]:
    again = reload(connection)
    return again.state, again.last_error


@pytest.mark.parametrize("in_header", [False, True])
def test_refresh_asks_as_rfc_6749_says(
    token_host: Provider, settings: LazySettings, in_header: bool
) -> None:
    settings.OURA_USES_BASIC_AUTH = in_header
    token_host.answers(answer())

    told = tokens.refresh("old")

    [asked] = token_host.asked
    form = {"grant_type": "refresh_token", "refresh_token": "old"}
    secret = {"client_id": "oura-sandbox", "client_secret": "sandbox-oura-secret"}
    basic = base64.b64encode(b"oura-sandbox:sandbox-oura-secret").decode()
    assert (asked.method, asked.path, asked.query) == ("POST", "/token", {})
    assert asked.form == (form if in_header else {**secret, **form})
    assert asked.authorization == (f"Basic {basic}" if in_header else "")
    assert (told.access_token, told.refresh_token) == ("canary-access", "canary-refresh")
    assert told.expires_at is not None
    assert abs(told.expires_at - timezone.now() - timedelta(days=1)) < timedelta(seconds=20)
    assert told.scopes == "personal daily heartrate stress heart_health"


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(b'{"error": "invalid_grant"}', 400), ReconnectNeeded, "got lost on the way"),
        (Reply(b'{"error": "invalid_token"}', 401), ReconnectNeeded, "got lost on the way"),
        (Reply(b"<html>", 400), ReconnectNeeded, "got lost on the way"),
        (Reply(b'["invalid_client"]', 401), ReconnectNeeded, "got lost on the way"),
        (Reply(b'{"error": "invalid_client"}', 401), ProviderRefuses, "does not accept this serv"),
        (Reply(b'{"error": "invalid_request"}', 400), ProviderRefuses, "does not accept this serv"),
        (Reply(status=500), ProviderUnavailable, "^Oura has trouble of its own just now.$"),
        (Reply(status=403), ProviderUnavailable, r"^Oura did not take our request \(error 403\).$"),
        (Reply(b"<html>"), ProviderUnavailable, "could not read"),
        (Reply(b'{"access_token": "a"}'), ProviderUnavailable, "could not read"),
        (answer(access_token=""), ProviderUnavailable, "could not read"),
        (answer(refresh_token=None), ProviderUnavailable, "could not read"),
        (answer(expires_in=1e300), ProviderUnavailable, "could not read"),
    ],
)
def test_refresh_names_each_failure(
    token_host: Provider, reply: Reply, error: type[Exception], words: str
) -> None:
    token_host.answers(reply)

    with pytest.raises(error, match=words) as caught:
        tokens.refresh("old")
    assert type(caught.value) is error
    assert len(token_host.asked) == 1


@pytest.mark.parametrize(("told", "lasts_s"), [("3600", 3600), (3600, 3600), (None, None)])
def test_end_of_a_token_is_read_as_it_is_told(told: Any, lasts_s: int | None) -> None:
    payload = {"access_token": "a", "refresh_token": "r", "expires_in": told}

    pair = tokens.tokens_from(payload, NOW)

    assert pair.expires_at == (None if lasts_s is None else NOW + timedelta(seconds=lasts_s))


def test_refresh_rotates_and_the_new_pair_is_stored_before_it_is_used(
    tester: User, stand_ins: StandIns
) -> None:
    old = connected(tester, expires_at=timezone.now() + timedelta(minutes=4))

    attempt = sync.sync(old, timezone.now())

    new = reload(old)
    assert attempt.is_success
    assert {old.access_token, old.refresh_token}.isdisjoint({new.access_token, new.refresh_token})
    assert new.expires_at is not None
    assert new.expires_at > timezone.now() + timedelta(hours=23)
    assert opens(new.access_token)
    assert refreshes() == {"calls": 1, "successes": 1, "refusals": 0, "failures": 0}


def test_token_refused_before_its_time_is_refreshed_once_and_read_with(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester, expires_at=timezone.now() + timedelta(hours=20))
    expire_tokens()

    attempt = sync.sync(connection, timezone.now())

    assert (attempt.is_success, attempt.nights) == (True, nights_to_read(tester))
    assert refreshes() == {"calls": 1, "successes": 1, "refusals": 0, "failures": 0}


def test_access_without_the_scope_it_needs_does_not_loop(tester: User, stand_ins: StandIns) -> None:
    """Oura says 401 to that as well, however new the token."""
    connection = connected(tester, "personal", expires_at=timezone.now() + timedelta(hours=20))

    sync.sync(connection, timezone.now())

    assert refreshes()["calls"] == 1
    assert state_of(connection) == (
        Connection.State.BROKEN,
        "Oura does not accept our access. Connect Oura again, or paste a new token.",
    )


@pytest.mark.django_db(transaction=True)
def test_two_workers_refresh_each_pair_once(stand_ins: StandIns) -> None:
    connection = connected(factories.tester())
    pairs = {connection.refresh_token}
    for _ in range(ROUNDS):
        Connection.objects.update(expires_at=timezone.now())

        first, second = at_once(*[lambda: sync.fresh_token(connection, timezone.now())] * 2)

        pair = reload(connection)
        assert first == second == pair.access_token
        pairs.add(pair.refresh_token)
    assert refreshes() == {"calls": ROUNDS, "successes": ROUNDS, "refusals": 0, "failures": 0}
    assert len(pairs) == ROUNDS + 1
    assert opens(pair.access_token)
    assert pair.state == Connection.State.OK


@pytest.mark.django_db(transaction=True)
def test_two_workers_whose_token_is_refused_refresh_it_once(stand_ins: StandIns) -> None:
    connection = connected(factories.tester(), expires_at=timezone.now() + timedelta(hours=20))
    old = connection.access_token

    first, second = at_once(
        *[lambda: sync.fresh_token(connection, timezone.now(), refused=old)] * 2
    )

    assert first == second == reload(connection).access_token != old
    assert refreshes() == {"calls": 1, "successes": 1, "refusals": 0, "failures": 0}


def test_pair_that_was_lost_on_its_way_is_told_with_what_to_do(
    tester: User, stand_ins: StandIns
) -> None:
    """Oura has made it and we never saw it; the one before is dead."""
    connection = connected(tester, expires_at=timezone.now())
    stand_ins.mode("oura", "lost_answer", times=1)

    sync.sync(connection, timezone.now())
    lost = state_of(connection)
    sync.sync(reload(connection), timezone.now())

    assert lost == (Connection.State.OK, "Oura has trouble of its own just now.")
    assert state_of(connection) == (Connection.State.BROKEN, RECONNECT)
    assert refreshes() == {"calls": 2, "successes": 0, "refusals": 1, "failures": 1}
    assert reload(connection).refresh_token == connection.refresh_token


@pytest.mark.parametrize(
    "reply",
    [Reply(b'{"error": "invalid_grant"}', 400), answer(refresh_token=""), Reply(status=500)],
    ids=["refused", "half a pair", "500"],
)
def test_refresh_that_fails_logs_and_tells_no_secret(
    tester: User, token_host: Provider, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    connection = factories.connection(
        tester, Source.OURA, refresh_token="canary-old", expires_at=timezone.now()
    )
    token_host.answers(reply)

    with everything_logged(caplog):
        attempt = sync.sync(connection, timezone.now())

    assert not attempt.is_success
    for secret in ("canary", "sandbox-oura-secret"):
        assert secret not in caplog.text
        assert secret not in attempt.error


def test_access_withdrawn_at_oura_is_told_once_and_not_asked_for_again(
    tester: User, stand_ins: StandIns
) -> None:
    connection = connected(tester, expires_at=timezone.now() + timedelta(hours=20))
    stand_ins.mode("oura", "token_revoked")

    sync.sync(connection, timezone.now())

    assert state_of(connection) == (Connection.State.BROKEN, RECONNECT)
    assert not tester.connections.working().exists()
    assert refreshes()["calls"] == 1


def test_service_that_is_shut_out_breaks_no_connection(
    tester: User, stand_ins: StandIns, settings: LazySettings
) -> None:
    connection = connected(tester, expires_at=timezone.now())
    settings.SOCIAL_AUTH_OURA_SECRET = "another-secret"

    attempt = sync.sync(connection, timezone.now())

    words = (
        "Oura does not accept this service. Its operator has to mend that; there is nothing you "
        "need to do."
    )
    assert (attempt.reason, attempt.error) == ("refused", words)
    assert state_of(connection) == (Connection.State.OK, words)


def test_pasted_token_is_never_refreshed(tester: User, token_host: Provider) -> None:
    connection = factories.connection(
        tester, Source.OURA, access_token="pasted", refresh_token="", expires_at=None
    )

    assert sync.fresh_token(connection, timezone.now()) == "pasted"
    assert token_host.asked == []


@pytest.mark.parametrize("status", [200, 400, 401])
def test_revoking_what_is_gone_is_no_failure(
    provider: Provider, settings: LazySettings, status: int
) -> None:
    settings.OURA_REVOKE_URL = f"{provider.url}/oauth/revoke"
    provider.answers(Reply(b"", status))

    tokens.revoke("canary")

    [asked] = provider.asked
    assert (asked.method, asked.path, asked.query) == (
        "POST",
        "/oauth/revoke",
        {"access_token": "canary"},
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, r"did not take our request \(error 403\)"),
        (404, r"did not take our request \(error 404\)"),
        (500, "has trouble of its own just now"),
    ],
)
def test_revoking_that_does_not_work_is_named(
    provider: Provider, settings: LazySettings, status: int, words: str
) -> None:
    settings.OURA_REVOKE_URL = provider.url
    provider.answers(Reply(json.dumps({}).encode(), status))

    with pytest.raises(ProviderUnavailable, match=rf"^Oura {words}\.$"):
        tokens.revoke("canary")
