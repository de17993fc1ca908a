from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest
import time_machine
from django.conf import settings

from sandbox.person.rides import Ride
from sandbox.strava.app import CLIENT_ID, CLIENT_SECRET
from tests.conftest import StandIns
from tests.sandbox.connecting import NOW, Oura, OuraApp
from tests.sandbox.subscriber import Subscriber, listening

ALL_SCOPES = "read,activity:read_all,profile:read_all"
JULY = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
SUBSCRIPTIONS = "/strava/api/v3/push_subscriptions"
CALLBACK = "http://127.0.0.1/complete/strava/"


@pytest.fixture
def sandbox_url(stand_ins: StandIns) -> str:
    """Where the stand-ins are served; none of them remembers anything."""
    return f"{settings.SITE_URL}/sandbox"


@pytest.fixture
def http(sandbox_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=sandbox_url, timeout=20, trust_env=False) as client:
        yield client


class Strava:
    """An app that connects an athlete, and then reads with the token it was given."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def consent(self, *ticked: str, asked: str = ALL_SCOPES) -> httpx2.Response:
        return self.http.post(
            "/strava/oauth/authorize",
            params=authorize_query(scope=asked),
            data={"decision": "authorize", "granted": list(ticked or asked.split(","))},
        )

    def token(self, **form: str) -> httpx2.Response:
        return self.http.post("/strava/oauth/token", data={**APP, **form})

    def refresh(self, refresh_token: str) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def connect(self, *ticked: str, asked: str = ALL_SCOPES) -> dict[str, str]:
        """The first pair of tokens."""
        address = httpx2.URL(self.consent(*ticked, asked=asked).headers["location"])
        pair: dict[str, str] = self.token(code=address.params["code"]).json()
        return pair

    def get(self, path: str, token: str, **params: str | int) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(f"/strava/api/v3/{path}", headers=headers, params=params)

    def activities(self, token: str, **params: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("athlete/activities", token, **params).json()
        return rows

    def activity(self, token: str, ride: Ride) -> dict[str, Any]:
        row: dict[str, Any] = self.get(f"activities/{ride.id}", token).json()
        return row


def authorize_query(**changes: str) -> dict[str, str]:
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "approval_prompt": "auto",
        "scope": ALL_SCOPES,
        "state": "s1",
    }
    return {**query, **changes}


def subscribe(http: httpx2.Client, callback_url: str, **changes: str) -> httpx2.Response:
    form = {**APP, "callback_url": callback_url, "verify_token": "vt", **changes}
    return http.post(SUBSCRIPTIONS, data=form)


@pytest.fixture
def strava(http: httpx2.Client) -> Strava:
    return Strava(http)


@pytest.fixture
def oura(http: httpx2.Client) -> Iterator[Oura]:
    """On the morning of 4 July 2026."""
    with time_machine.travel(NOW):
        yield Oura(http)


@pytest.fixture
def oura_app(http: httpx2.Client) -> OuraApp:
    return OuraApp(http)


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with listening() as other:
        yield other


@pytest.fixture
def subscription_id(http: httpx2.Client, subscriber: Subscriber) -> int:
    number: int = subscribe(http, subscriber.url).json()["id"]
    return number


@pytest.fixture
def july(http: httpx2.Client) -> Iterator[None]:
    """It is the morning of 4 July 2026, for the test and for the stand-ins."""
    with time_machine.travel(JULY):
        yield


@pytest.fixture
def token(july: None, strava: Strava) -> str:
    """Grants everything."""
    return strava.connect()["access_token"]


@pytest.fixture
def model(sandbox_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{sandbox_url}/openai/v1", api_key="any", max_retries=0, timeout=20
    ) as client:
        yield client
