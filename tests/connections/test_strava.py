import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import time_machine
from django.conf import LazySettings
from django.conf import settings as django_settings

from connections.providers.base import Tokens
from connections.providers.http import (
    MissingScope,
    ProviderBusy,
    ProviderRefuses,
    ProviderUnavailable,
    ReconnectNeeded,
    TokenRefused,
)
from connections.providers.strava import client as strava
from connections.providers.strava.asking import Access
from connections.providers.strava.client import StravaRide
from tests.conftest import StandIns
from tests.connections.conftest import Asked, Provider, Reply, new_tokens
from tests.factories import NOW

# Each request is counted in the database.
pytestmark = pytest.mark.django_db

SWITCHED_OFF = "^Strava has switched this service's access off."
ACTIVITY: dict[str, Any] = {
    "id": 15000739801,
    "name": "Col de Porte",
    "sport_type": "Ride",
    "type": "Ride",
    "distance": 61234.5,
    "moving_time": 7200,
    "elapsed_time": 7900,
    "total_elevation_gain": 1204.0,
    "start_date": "2026-07-03T16:10:05Z",
    "start_date_local": "2026-07-03T18:10:05Z",
    "device_watts": True,
    "average_watts": 181.2,
    "weighted_average_watts": 204,
    "kilojoules": 1304.6,
    "average_heartrate": 141.3,
    "max_heartrate": 172.0,
    "suffer_score": 118.0,
}
RIDE = StravaRide(
    external_id="15000739801",
    started_at=datetime(2026, 7, 3, 16, 10, 5, tzinfo=UTC),
    name="Col de Porte",
    sport="Ride",
    moving_s=7200,
    elapsed_s=7900,
    distance_m=61234.5,
    climb_m=1204.0,
    energy_kj=1304.6,
    average_power_w=181.2,
    np_w=204,
    has_power_meter=True,
    average_hr_bpm=141.3,
    max_hr_bpm=172.0,
    suffer_score=118.0,
)


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = f"{provider.url}/api/v3"
    settings.STRAVA_OAUTH_URL = f"{provider.url}/oauth"
    return provider


def fault(status: int, resource: str, field: str, code: str) -> Reply:
    errors = [{"resource": resource, "field": field, "code": code}]
    return Reply(json.dumps({"message": "…", "errors": errors}).encode(), status=status)


def read(since: datetime = NOW) -> list[StravaRide]:
    return list(strava.rides_since(Access("access"), since))


def test_ride_from_an_activity_with_a_power_meter() -> None:
    assert strava.ride_from(ACTIVITY) == RIDE


def test_ride_from_an_activity_typed_by_hand_knows_little() -> None:
    typed = {
        "id": 7,
        "start_date": "2026-07-03T16:10:05Z",
        "moving_time": 3600,
        "elapsed_time": 3600,
        "manual": True,
    }

    assert strava.ride_from(typed) == StravaRide(
        external_id="7",
        started_at=datetime(2026, 7, 3, 16, 10, 5, tzinfo=UTC),
        name="",
        sport="Workout",
        moving_s=3600,
        elapsed_s=3600,
        distance_m=None,
        climb_m=None,
        energy_kj=None,
        average_power_w=None,
        np_w=None,
        has_power_meter=False,
        average_hr_bpm=None,
        max_hr_bpm=None,
        suffer_score=None,
    )


def test_ride_with_estimated_power_has_no_normalised_power() -> None:
    ride = strava.ride_from({**ACTIVITY, "device_watts": False})

    assert (ride.has_power_meter, ride.np_w, ride.average_power_w) == (False, None, 181.2)


def test_ride_names_its_sport_by_the_older_field_where_the_newer_is_missing() -> None:
    ride = strava.ride_from({**ACTIVITY, "sport_type": None, "type": "VirtualRide"})

    assert ride.sport == "VirtualRide"


def test_rides_are_asked_for_page_by_page_until_an_empty_one(scripted: Provider) -> None:
    second = {**ACTIVITY, "id": 8}
    scripted.answers(json.dumps([ACTIVITY]).encode(), json.dumps([second]).encode(), b"[]")

    assert [ride.external_id for ride in read()] == ["15000739801", "8"]
    after = str(int(NOW.timestamp()))
    assert scripted.asked == [
        Asked(
            "GET",
            "/api/v3/athlete/activities",
            {"after": after, "page": page, "per_page": "200"},
            {},
            "Bearer access",
        )
        for page in ("1", "2", "3")
    ]


def test_pages_without_an_end_are_given_up(
    scripted: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strava, "MOST_PAGES", 3)
    scripted.answers(json.dumps([ACTIVITY]).encode())

    with pytest.raises(ProviderUnavailable, match="kept sending pages of rides without an end"):
        read()
    assert len(scripted.asked) == 3


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (fault(429, "Application", "rate limit", "exceeded"), ProviderBusy, "too many requests"),
        (
            fault(401, "Athlete", "access_token", "invalid"),
            TokenRefused,
            "^Strava no longer accepts our access. Connect Strava again.$",
        ),
        (
            fault(401, "AccessToken", "activity:read_permission", "missing"),
            MissingScope,
            "View data about your activities",
        ),
        (
            Reply(b"<html>unauthorized</html>", status=401),
            TokenRefused,
            "^Strava no longer accepts our access.",
        ),
        (fault(403, "Application", "Status", "Inactive"), ProviderRefuses, SWITCHED_OFF),
        (Reply(b"[]", status=403), ProviderRefuses, SWITCHED_OFF),
        (Reply(status=500), ProviderUnavailable, "^Strava has trouble of its own just now.$"),
        (Reply(b'{"message": "hm"}'), ProviderUnavailable, "an answer we could not read"),
        (Reply(b'[{"id": 7}]'), ProviderUnavailable, "an answer we could not read"),
        (
            Reply(json.dumps([{**ACTIVITY, "start_date": "yesterday"}]).encode()),
            ProviderUnavailable,
            "an answer we could not read",
        ),
    ],
    ids=[
        *("rate limit", "dead token", "missing scope", "401 in html", "inactive app", "bare 403"),
        *("500", "no list", "a ride without times", "an unreadable date"),
    ],
)
def test_rides_name_each_failure(
    scripted: Provider, reply: Reply, error: type[Exception], words: str
) -> None:
    scripted.answers(reply)

    with pytest.raises(error, match=words) as caught:
        read()
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("rate_limited", ProviderBusy),
        ("missing_scope", MissingScope),
        ("inactive", ProviderRefuses),
        ("server_error", ProviderUnavailable),
        ("token_revoked", TokenRefused),
    ],
)
def test_each_failure_of_the_stand_in_is_named(
    stand_ins: StandIns, mode: str, error: type[Exception]
) -> None:
    token = new_tokens()["access_token"]
    stand_ins.mode("strava", mode)

    with pytest.raises(error) as caught:
        list(strava.rides_since(Access(token), NOW))
    assert type(caught.value) is error


@time_machine.travel(NOW, tick=False)
def test_rides_since_a_day_are_those_the_stand_in_shows(stand_ins: StandIns) -> None:
    token = new_tokens()["access_token"]
    since = NOW - timedelta(days=20)

    rides = list(strava.rides_since(Access(token), since))

    rows = httpx2.get(
        f"{django_settings.STRAVA_API_URL}/athlete/activities",
        params={"after": int(since.timestamp()), "per_page": 200},
        headers={"Authorization": f"Bearer {token}"},
    ).json()
    assert [ride.external_id for ride in rides] == [str(row["id"]) for row in rows]
    assert rides == [strava.ride_from(row) for row in rows]
    assert len(rides) > 8


def test_refresh_gives_a_new_pair_and_the_old_one_is_dead(stand_ins: StandIns) -> None:
    old = new_tokens()["refresh_token"]
    httpx2.post(f"{django_settings.SITE_URL}/sandbox/strava/expire").raise_for_status()

    tokens = strava.refresh(old)

    assert tokens.refresh_token != old
    assert tokens.expires_at is not None
    lasts = tokens.expires_at - datetime.now(UTC)
    assert timedelta(hours=5, minutes=59) < lasts <= timedelta(hours=6)
    with pytest.raises(ReconnectNeeded):
        strava.refresh(old)
    assert strava.refresh(tokens.refresh_token).refresh_token == tokens.refresh_token


def test_refresh_asks_as_strava_documents(scripted: Provider) -> None:
    scripted.answers(b'{"access_token": "a", "refresh_token": "r", "expires_at": 1783144800}')

    assert strava.refresh("old") == Tokens("a", "r", datetime(2026, 7, 4, 6, tzinfo=UTC))
    assert scripted.asked == [
        Asked(
            "POST",
            "/oauth/token",
            {},
            {
                "client_id": django_settings.SOCIAL_AUTH_STRAVA_KEY,
                "client_secret": django_settings.SOCIAL_AUTH_STRAVA_SECRET,
                "grant_type": "refresh_token",
                "refresh_token": "old",
            },
            "",
        )
    ]


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            fault(400, "RefreshToken", "refresh_token", "invalid"),
            ReconnectNeeded,
            "^Strava no longer accepts our access.",
        ),
        (Reply(status=401), TokenRefused, "^Strava no longer accepts our access."),
        (fault(400, "Application", "client_id", "invalid"), ProviderRefuses, SWITCHED_OFF),
        (fault(401, "Application", "client_secret", "invalid"), ProviderRefuses, SWITCHED_OFF),
        (Reply(status=429), ProviderBusy, "too many requests"),
        (Reply(b"maintenance", status=400), ProviderUnavailable, "error 400"),
        (Reply(status=502), ProviderUnavailable, "has trouble of its own"),
        (Reply(b'{"access_token": "a"}'), ProviderUnavailable, "could not read"),
        (Reply(b'["a"]'), ProviderUnavailable, "could not read"),
        (
            Reply(b'{"access_token": "a", "refresh_token": "r", "expires_at": 1e99}'),
            ProviderUnavailable,
            "could not read",
        ),
    ],
    ids=[
        *("dead token", "bare 401", "unknown app", "wrong secret", "rate limit", "bare 400"),
        *("502", "half a pair", "a list", "no time"),
    ],
)
def test_refresh_names_each_failure(
    scripted: Provider, reply: Reply, error: type[Exception], words: str
) -> None:
    scripted.answers(reply)

    with pytest.raises(error, match=words) as caught:
        strava.refresh("old")
    assert type(caught.value) is error


@pytest.mark.parametrize("ask", [strava.refresh, strava.revoke])
def test_token_call_has_less_patience_than_a_reading(
    scripted: Provider, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], object]
) -> None:
    monkeypatch.setattr(strava, "TOKEN_TIMEOUT_S", 0.05)
    scripted.answers(Reply(delay_s=0.3))

    with pytest.raises(ProviderUnavailable, match="did not answer in time"):
        ask("refresh")


def test_tokens_do_not_show_in_their_repr() -> None:
    assert "canary" not in repr(Tokens("canary-a", "canary-r", NOW))


def test_revoke_ends_the_whole_grant(stand_ins: StandIns) -> None:
    pair = new_tokens()

    strava.revoke(pair["refresh_token"])

    with pytest.raises(ReconnectNeeded):
        list(strava.rides_since(Access(pair["access_token"]), NOW))
    with pytest.raises(ReconnectNeeded):
        strava.refresh(pair["refresh_token"])


def test_revoke_works_long_after_the_access_token_has_ended(stand_ins: StandIns) -> None:
    with time_machine.travel(NOW) as clock:
        pair = new_tokens()
        clock.shift(timedelta(days=3))

        strava.revoke(pair["refresh_token"])

        with pytest.raises(ReconnectNeeded):
            strava.refresh(pair["refresh_token"])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", status=200),
        Reply(b"", status=204),
        Reply(status=401),
        fault(400, "RefreshToken", "token", "invalid"),
    ],
    ids=["200", "204", "dead token", "unknown token"],
)
def test_revoke_is_done_when_the_token_is_dead(scripted: Provider, reply: Reply) -> None:
    scripted.answers(reply)

    strava.revoke("refresh")

    assert scripted.asked == [
        Asked(
            "POST",
            "/oauth/revoke",
            {},
            {"token": "refresh"},
            "Basic MTAwMDE6c2FuZGJveC1zdHJhdmEtc2VjcmV0",
        )
    ]


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=500), ProviderUnavailable, "has trouble of its own"),
        (Reply(status=404), ProviderUnavailable, "error 404"),
        (Reply(status=429), ProviderBusy, "too many requests"),
        (fault(401, "Application", "client_id", "invalid"), ProviderRefuses, SWITCHED_OFF),
    ],
    ids=["500", "404", "rate limit", "unknown app"],
)
def test_revoke_is_not_done_when_strava_did_not_take_it(
    scripted: Provider, reply: Reply, error: type[Exception], words: str
) -> None:
    scripted.answers(reply)

    with pytest.raises(error, match=words):
        strava.revoke("refresh")
