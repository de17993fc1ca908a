"""A tester's browser on its way from our page to Oura's and back, and who is signed in there."""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx2
from django.conf import settings
from django.test import Client

from accounts.models import User
from connections.models import Connection
from connections.sources import Source
from sandbox.oura.app import USER_COOKIE
from tests import factories
from tests.connections.conftest import Provider, Reply

ASKED = ("personal", "daily", "heartrate", "stress", "heart_health")
PASTED = "oura-sandbox-test"
# Whose pasted token that is: the same person connects by OAuth, unless a test says otherwise.
ACCOUNT = str(uuid5(NAMESPACE_URL, PASTED))
CALLBACK = "http://127.0.0.1/connect/complete/oura/"
PAIR: dict[str, Any] = {
    "access_token": "canary-access",
    "refresh_token": "canary-refresh",
    "expires_in": 86_400,
    "token_type": "bearer",
    "scope": " ".join(ASKED),
}
OWNER = json.dumps({"id": "ring-77"}).encode()


class OuraVisit:
    def __init__(self, client: Client, account: str = ACCOUNT) -> None:
        self.client, self.account = client, account
        # Oura sends people back to registered hosts and to this machine only.
        self.client.defaults["SERVER_NAME"] = "127.0.0.1"

    def begin(self) -> str:
        """The address of Oura's consent page."""
        return self.client.post("/connect/login/oura/").headers["location"]

    def consent(
        self, address: str, granted: tuple[str, ...] = ASKED, decision: str = "authorize"
    ) -> str:
        """The address that Oura sends the browser back to."""
        form = {"decision": decision, "granted": list(granted)}
        answer = httpx2.post(address, data=form, cookies={USER_COOKIE: self.account})
        return answer.headers["location"]

    def come_back(self, address: str) -> list[str]:
        """What the tester is told on the page where it ends."""
        answer = self.client.get(address.removeprefix("http://127.0.0.1"))
        assert answer.status_code == 302
        assert answer.headers["location"] == "/connections"
        page = self.client.get("/connections")
        return [str(message) for message in page.context["messages"]]

    def connect(self, *granted: str) -> list[str]:
        return self.come_back(self.consent(self.begin(), granted or ASKED))


def back_from(address: str, **query: str) -> str:
    """As if Oura had sent the browser back with its own state and this beside it."""
    state = httpx2.URL(address).params["state"]
    return str(httpx2.URL(CALLBACK, params={"state": state, **query}))


def told_by(words: str) -> list[str]:
    return [words.format(label="Oura")]


def answer(**changes: Any) -> Reply:
    """Of a token host, to a code or a refresh token."""
    return Reply(json.dumps({**PAIR, **changes}).encode())


def come_back_to(client: Client, scripted: Provider, *replies: Reply | bytes) -> list[str]:
    """What the tester is told when they come back and Oura's servers then answer so."""
    visit = OuraVisit(client)
    scripted.answers(*replies)
    return visit.come_back(back_from(visit.begin(), code="c"))


def redeem(code: str) -> dict[str, Any]:
    """What the stand-in's token host answers to a code."""
    form = {
        "client_id": settings.SOCIAL_AUTH_OURA_KEY,
        "client_secret": settings.SOCIAL_AUTH_OURA_SECRET,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
    }
    pair: dict[str, Any] = httpx2.post(settings.OURA_TOKEN_URL, data=form).json()
    return pair


def new_pair(*granted: str) -> dict[str, Any]:
    """Tokens that the stand-in really gave, as fields of a connection."""
    query = {
        "client_id": settings.SOCIAL_AUTH_OURA_KEY,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": " ".join(ASKED),
    }
    form: dict[str, Any] = {"decision": "authorize", "granted": list(granted or ASKED)}
    signed_in = {USER_COOKIE: ACCOUNT}
    answer = httpx2.post(settings.OURA_CONSENT_URL, params=query, data=form, cookies=signed_in)
    pair = redeem(httpx2.URL(answer.headers["location"]).params["code"])
    return {
        "access_token": pair["access_token"],
        "refresh_token": pair["refresh_token"],
        "scopes": pair["scope"],
        "external_id": ACCOUNT,
    }


def connected(user: User, *granted: str, **fields: Any) -> Connection:
    """By OAuth, with tokens that work."""
    return factories.connection(user, Source.OURA, **{**new_pair(*granted), **fields})


def expire_tokens() -> None:
    """Every access token of the account is refused from now on; its refresh tokens work."""
    address = f"{settings.SITE_URL}/sandbox/oura/expire"
    httpx2.post(address, json={"user_id": ACCOUNT}).raise_for_status()


def refreshes() -> dict[str, int]:
    """How often the token host was asked to refresh, and with what outcome."""
    answer = httpx2.get(f"{settings.SITE_URL}/sandbox/oura/token-requests")
    counts: dict[str, int] = answer.json()["refresh_token"]
    return counts


def opens(access_token: str) -> bool:
    """Whether Oura still takes this token."""
    answer = httpx2.get(
        f"{settings.OURA_API_URL}/v2/usercollection/personal_info",
        headers={"Authorization": f"Bearer {access_token}"},
    )
    return answer.status_code == 200
