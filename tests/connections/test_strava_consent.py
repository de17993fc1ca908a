"""On the way to Strava and back: what each refusal says, and what can be mended at once."""

import json
import logging
import time
from typing import Any

import httpx2
import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from connections import budget, oauth
from connections.models import RateBudget
from connections.providers.http import ProviderBusy
from connections.providers.strava import backend
from connections.sources import Source
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, Visit
from tests.connections.test_oauth import PAIR, back_from, granted
from tests.policies import set_policy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_pause(settings: LazySettings) -> None:
    settings.STRAVA_CODE_PAUSE_S = 0.0


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = f"{provider.url}/api/v3"
    settings.STRAVA_OAUTH_URL = f"{provider.url}/oauth"
    return provider


@pytest.fixture
def visit(as_tester: Client) -> Visit:
    return Visit(as_tester)


def fault(status: int, resource: str, field: str, code: str, **headers: str) -> Reply:
    errors = [{"resource": resource, "field": field, "code": code}]
    body = json.dumps({"message": "…", "errors": errors}).encode()
    return Reply(body, status=status, headers=headers)


REFUSED_CODE = fault(400, "AuthorizationCode", "code", "invalid")
NO_GOOD_ANSWER = oauth.NO_GOOD_ANSWER.format(label="Strava")
TOKENS = Reply(json.dumps(PAIR).encode())
ATHLETE = Reply(b'{"id": 77, "ftp": 250}')


def test_fresh_code_that_is_refused_is_tried_once_more(
    visit: Visit, scripted: Provider, tester: User
) -> None:
    scripted.answers(REFUSED_CODE, TOKENS, ATHLETE)

    assert visit.come_back(granted(visit.begin())) == []

    first, second, _ = scripted.asked
    assert (first.path, first.form) == ("/oauth/token", second.form)
    assert tester.connections.get().external_id == "77"


def test_fresh_code_that_the_stand_in_does_not_know_yet_connects(
    visit: Visit, stand_ins: StandIns, tester: User, settings: LazySettings
) -> None:
    settings.STRAVA_CODE_PAUSE_S = 0.3
    address = visit.consent(visit.begin())
    stand_ins.mode("strava", "code_not_ready", seconds=0.2)

    begun = time.monotonic()
    assert visit.come_back(address) == []

    assert time.monotonic() - begun >= 0.3
    assert tester.connections.exists()


def test_code_that_is_refused_twice_is_told(visit: Visit, scripted: Provider, tester: User) -> None:
    scripted.answers(REFUSED_CODE)

    assert visit.come_back(granted(visit.begin())) == [oauth.BROKEN_OFF.format(label="Strava")]
    assert len(scripted.asked) == 2
    assert not tester.connections.exists()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fault(403, "Application", "Status", "Inactive"), backend.SWITCHED_OFF),
        (fault(403, "Application", "athletes", "limit exceeded"), backend.NO_ROOM),
        (Reply(b"Limit of connected athletes exceeded", status=403), backend.NO_ROOM),
        (fault(400, "Application", "client_id", "invalid"), backend.NOT_KNOWN),
        (fault(400, "Application", "redirect_uri", "invalid"), backend.NOT_KNOWN),
        (fault(401, "Application", "client_secret", "invalid"), backend.NOT_KNOWN),
        (fault(429, "Application", "rate limit", "exceeded"), NO_GOOD_ANSWER),
        (Reply(status=500), NO_GOOD_ANSWER),
    ],
    ids=["inactive", "full", "bare 403", "app", "address", "secret", "busy", "500"],
)
def test_each_refusal_of_the_exchange_has_its_own_words(
    visit: Visit, scripted: Provider, tester: User, reply: Reply, words: str
) -> None:
    scripted.answers(reply)

    assert visit.come_back(granted(visit.begin())) == [words]
    assert len(scripted.asked) == 1
    assert not tester.connections.exists()
    assert not tester.social_auth.exists()


def test_words_of_the_refusals_are_four_and_each_says_what_to_do() -> None:
    words = {backend.NO_ROOM, backend.SWITCHED_OFF, backend.NOT_KNOWN, oauth.CANCELLED}

    assert len(words) == 4
    for told in (backend.NO_ROOM, backend.SWITCHED_OFF, backend.NOT_KNOWN):
        assert "Its operator has to" in told
        assert told.endswith("you can send your rides as files.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", oauth.CANCELLED.format(label="Strava")),
        ("athlete_limit_exceeded", backend.NO_ROOM),
        ("server_error", oauth.NO_GOOD_ANSWER.format(label="Strava")),
    ],
)
def test_error_on_the_way_back_is_told_and_no_tokens_are_asked_for(
    visit: Visit, scripted: Provider, tester: User, error: str, words: str
) -> None:
    assert visit.come_back(back_from(visit.begin(), error=error)) == [words]

    assert scripted.asked == []
    assert not tester.connections.exists()


def test_way_back_is_the_same_address_both_times(visit: Visit, scripted: Provider) -> None:
    scripted.answers(TOKENS, ATHLETE)
    address = visit.begin()

    visit.come_back(granted(address))

    asked = httpx2.URL(address).params["redirect_uri"]
    assert asked == "http://127.0.0.1/connect/complete/strava/"
    assert scripted.asked[0].form["redirect_uri"] == asked


def test_connecting_works_while_the_budget_is_used_up(
    visit: Visit, scripted: Provider, tester: User, settings: LazySettings
) -> None:
    set_policy(settings, "strava", RATE_LIMIT=(0, 0))
    scripted.answers(TOKENS)

    assert visit.come_back(granted(visit.begin())) == []

    assert [asked.path for asked in scripted.asked] == ["/oauth/token"]
    assert tester.connections.get().external_id == "77"
    assert not tester.ftps.exists()


def test_connecting_works_when_strava_asks_to_wait_and_the_others_wait(
    visit: Visit, scripted: Provider, tester: User
) -> None:
    scripted.answers(TOKENS, Reply(status=429))

    assert visit.come_back(granted(visit.begin())) == []

    assert tester.connections.get().external_id == "77"
    with pytest.raises(ProviderBusy):
        budget.take(Source.STRAVA, timezone.now())


def test_asking_who_it_is_is_counted(visit: Visit, scripted: Provider) -> None:
    told = {"X-ReadRateLimit-Limit": "321,4321", "X-ReadRateLimit-Usage": "5,6"}
    scripted.answers(TOKENS, Reply(b'{"id": 77}', headers=told))

    visit.come_back(granted(visit.begin()))

    row = RateBudget.objects.get()
    assert (row.quarter_limit, row.quarter_used, row.day_limit, row.day_used) == (321, 5, 4321, 6)


@pytest.mark.parametrize("reply", [REFUSED_CODE, Reply(status=429)], ids=["code", "busy"])
def test_no_code_or_token_is_logged_on_any_of_these_ways(
    visit: Visit, scripted: Provider, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.answers(reply, TOKENS, ATHLETE)
    address: Any = back_from(visit.begin(), code="canary-code", scope="read,activity:read_all")

    with caplog.at_level(logging.DEBUG):
        visit.come_back(address)

    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("urllib3")]
    assert "canary" not in "\n".join(ours)
