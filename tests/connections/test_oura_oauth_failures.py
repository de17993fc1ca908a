"""Every way in which connecting Oura through its consent page can fail."""

from datetime import timedelta

import httpx2
import pytest
import time_machine
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from connections import oauth
from connections.models import Connection
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply
from tests.connections.oura_visits import (
    CALLBACK,
    OWNER,
    OuraVisit,
    answer,
    back_from,
    come_back_to,
    redeem,
    told_by,
)
from tests.connections.test_oauth import everything_logged


@pytest.fixture
def visit(as_tester: Client, stand_ins: StandIns) -> OuraVisit:
    return OuraVisit(as_tester)


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings, as_tester: Client) -> Provider:
    """Token host and API are one server that answers as a test says; the consent page is not."""
    settings.OURA_TOKEN_URL = f"{provider.url}/token"
    settings.OURA_API_URL = f"{provider.url}/api"
    return provider


def test_cancel_on_the_consent_page_is_told(visit: OuraVisit, tester: User) -> None:
    told = visit.come_back(visit.consent(visit.begin(), decision="deny"))

    assert told == told_by(oauth.CANCELLED)
    assert not tester.connections.exists()


def test_code_that_was_used_is_told(visit: OuraVisit, tester: User) -> None:
    address = visit.consent(visit.begin())
    assert "access_token" in redeem(httpx2.URL(address).params["code"])

    assert visit.come_back(address) == told_by(oauth.CODE_REFUSED)
    assert not tester.connections.exists()


def test_code_that_is_too_old_is_told(visit: OuraVisit, tester: User) -> None:
    with time_machine.travel(timezone.now()) as clock:
        address = visit.consent(visit.begin())
        clock.shift(timedelta(minutes=11))

        assert visit.come_back(address) == told_by(oauth.CODE_REFUSED)
    assert not tester.connections.exists()


def test_service_that_oura_does_not_know_is_told_and_logged(
    visit: OuraVisit, tester: User, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SOCIAL_AUTH_OURA_SECRET = "another-secret"

    assert visit.connect() == told_by(oauth.NOT_SET_UP)

    assert not tester.connections.exists()
    assert "Social authentication failure: code=invalid_setting" in caplog.text
    assert "another-secret" not in caplog.text


def test_scope_that_oura_does_not_know_at_all_is_the_service_s_fault(
    visit: OuraVisit, tester: User
) -> None:
    assert visit.come_back(back_from(visit.begin(), error="invalid_scope")) == told_by(
        oauth.NOT_SET_UP
    )


def test_state_that_is_not_ours_is_refused(visit: OuraVisit, tester: User) -> None:
    address = httpx2.URL(visit.consent(visit.begin()))

    told = visit.come_back(str(address.copy_merge_params({"state": "forged"})))

    assert told == told_by(oauth.OTHER_VISIT)
    assert not tester.connections.exists()


def test_answer_without_a_state_is_refused(visit: OuraVisit, tester: User) -> None:
    visit.begin()

    assert visit.come_back(f"{CALLBACK}?code=c") == told_by(oauth.BROKEN_OFF)
    assert not tester.connections.exists()


def test_state_works_once(visit: OuraVisit) -> None:
    address = visit.consent(visit.begin())
    assert visit.come_back(address) == []

    assert visit.come_back(address) == told_by(oauth.SESSION_LOST)


def test_state_of_another_tester_connects_nothing(
    visit: OuraVisit, tester: User, as_stranger: Client, stranger: User
) -> None:
    address = visit.consent(visit.begin())
    other = OuraVisit(as_stranger)
    other.begin()

    assert other.come_back(address) == told_by(oauth.OTHER_VISIT)
    assert not Connection.objects.exists()


def test_session_that_was_lost_on_the_way_is_told(
    visit: OuraVisit, tester: User, as_tester: Client
) -> None:
    address = visit.consent(visit.begin())
    as_tester.cookies.clear()
    as_tester.force_login(tester, backend=django_settings.AUTHENTICATION_BACKENDS[0])

    assert visit.come_back(address) == told_by(oauth.SESSION_LOST)
    assert not tester.connections.exists()


def test_token_host_that_is_down_is_told_and_no_other_is_asked(
    visit: OuraVisit, tester: User, settings: LazySettings, provider: Provider
) -> None:
    address = visit.consent(visit.begin())
    settings.OURA_TOKEN_URL = "http://127.0.0.1:9/token"
    settings.OURA_API_URL = provider.url

    assert visit.come_back(address) == told_by(oauth.UNREACHABLE)
    assert provider.asked == []
    assert not tester.connections.exists()


def test_token_host_of_the_older_portal_spends_no_code(
    visit: OuraVisit, tester: User, settings: LazySettings
) -> None:
    address, right_host = visit.consent(visit.begin()), settings.OURA_TOKEN_URL
    settings.OURA_TOKEN_URL = f"{settings.SITE_URL}/sandbox/oura/oauth/token"

    assert visit.come_back(address) == told_by(oauth.NOT_SET_UP)

    settings.OURA_TOKEN_URL = right_host
    assert "access_token" in redeem(httpx2.URL(address).params["code"])


def test_code_is_sent_to_one_host_once(scripted: Provider, as_tester: Client, tester: User) -> None:
    refusal = Reply(b'{"error": "invalid_request"}', 400)

    assert come_back_to(as_tester, scripted, refusal) == told_by(oauth.NOT_SET_UP)
    assert [asked.path for asked in scripted.asked] == ["/token"]


def test_token_host_with_an_error_of_its_own_is_told(
    visit: OuraVisit, tester: User, stand_ins: StandIns
) -> None:
    address = visit.consent(visit.begin())
    stand_ins.mode("oura", "server_error", times=1)

    assert visit.come_back(address) == told_by(oauth.NO_GOOD_ANSWER)
    assert not tester.connections.exists()


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ([Reply(b"<html>maintenance</html>")], oauth.NO_GOOD_ANSWER),
        ([Reply(b"[]")], oauth.NO_GOOD_ANSWER),
        ([Reply(b'{"token_type": "bearer"}')], oauth.NO_GOOD_ANSWER),
        ([answer(scope=["daily"]), Reply(OWNER)], oauth.NO_GOOD_ANSWER),
        ([answer(refresh_token=None), Reply(OWNER)], oauth.NO_GOOD_ANSWER),
        ([answer(expires_in="soon"), Reply(OWNER)], oauth.NO_GOOD_ANSWER),
        ([answer(), Reply(b"{}")], oauth.NO_GOOD_ANSWER),
        ([answer(), Reply(b'{"id": null}')], oauth.NO_GOOD_ANSWER),
        ([answer(), Reply(b"<html>")], oauth.NO_GOOD_ANSWER),
        ([answer(), Reply(status=500)], oauth.NO_GOOD_ANSWER),
        ([answer(), Reply(status=401)], oauth.NO_GOOD_ANSWER),
        (
            [answer(), Reply(status=403)],
            (
                "Oura is not connected. Oura refuses to share your data: the membership has ended "
                "or the token lacks permission. Check both in the Oura app."
            ),
        ),
        (
            [answer(), Reply(status=429)],
            "Oura is not connected. Oura asks us to wait: too many requests.",
        ),
    ],
    ids=[
        *("html", "a list", "no token", "odd scopes", "half a pair", "no end", "no owner"),
        *("null owner", "owner in html", "owner 500", "owner 401", "membership", "busy"),
    ],
)
def test_answer_that_is_no_good_is_told_and_leaves_nothing(
    scripted: Provider, as_tester: Client, tester: User, replies: list[Reply], words: str
) -> None:
    assert come_back_to(as_tester, scripted, *replies) == told_by(words)
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_half_an_answer_leaves_an_earlier_connection_as_it_was(
    scripted: Provider, as_tester: Client, tester: User
) -> None:
    assert come_back_to(as_tester, scripted, answer(), OWNER) == []

    told = come_back_to(as_tester, scripted, answer(access_token="b", refresh_token=""), OWNER)

    assert told == told_by(oauth.NO_GOOD_ANSWER)
    assert tester.connections.get().access_token == "canary-access"
    assert tester.social_auth.get().uid == "ring-77"


@pytest.mark.parametrize(
    "replies",
    [
        [answer(refresh_token=""), Reply(OWNER)],
        [answer(), Reply(status=500)],
        [Reply(b'{"error": "invalid_grant", "error_description": "canary-code"}', 400)],
        [Reply(b'{"error": "server_error", "token": "canary-access"}', 500)],
    ],
    ids=["half a pair", "owner 500", "refused", "500"],
)
def test_failure_on_the_way_logs_no_secret(
    scripted: Provider, as_tester: Client, caplog: pytest.LogCaptureFixture, replies: list[Reply]
) -> None:
    visit = OuraVisit(as_tester)
    scripted.answers(*replies)

    with everything_logged(caplog):
        [told] = visit.come_back(back_from(visit.begin(), code="canary-code"))

    for secret in ("canary-access", "canary-refresh", "sandbox-oura-secret"):
        assert secret not in caplog.text
        assert secret not in told
