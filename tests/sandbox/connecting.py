"""Apps that connect somebody at Oura or Strava and then read with the token they were given."""

import base64
from datetime import UTC, date, datetime
from typing import Any

import httpx2

from sandbox.oura.app import CLIENT_ID, CLIENT_SECRET

TODAY = date(2026, 7, 4)
NOW = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
CALLBACK = "http://127.0.0.1/complete/oura/"
ASKED = "personal daily heartrate stress heart_health"
OURA_APP = {"x-client-id": CLIENT_ID, "x-client-secret": CLIENT_SECRET}
TOKEN_HOST = "/oura-token/oauth/v2/ext/oauth-token"


def oura_query(**changes: str) -> dict[str, str]:
    asked = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": ASKED,
        "state": "s1",
    }
    return {**asked, **changes}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


class Oura:
    """Reads with a personal token."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def get(self, route: str, token: str = "oura-sandbox-token", **params: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(f"/oura/v2/usercollection/{route}", headers=headers, params=params)

    def rows(self, route: str, first: date, last: date = TODAY) -> list[dict[str, Any]]:
        """All pages."""
        params = {"start_date": f"{first}", "end_date": f"{last}"}
        rows: list[dict[str, Any]] = []
        while True:
            page = self.get(route, **params).json()
            rows += page["data"]
            if page["next_token"] is None:
                return rows
            params["next_token"] = page["next_token"]


class OuraApp:
    """An app that connects a user of Oura by OAuth, and then reads with the token it was given."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def consent(self, *ticked: str, asked: str = ASKED) -> httpx2.URL:
        """Where the browser is sent to."""
        form = {"decision": "authorize", "granted": list(ticked or asked.split())}
        answer = self.http.post("/oura/oauth/authorize", params=oura_query(scope=asked), data=form)
        return httpx2.URL(answer.headers["location"])

    def token(self, **form: str) -> httpx2.Response:
        named = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return self.http.post(TOKEN_HOST, data={**named, **form})

    def redeem(self, code: str, redirect_uri: str = CALLBACK) -> httpx2.Response:
        return self.token(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)

    def connect(self, *ticked: str, asked: str = ASKED) -> dict[str, Any]:
        pair: dict[str, Any] = self.redeem(self.consent(*ticked, asked=asked).params["code"]).json()
        return pair

    def refresh(self, refresh_token: str) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def get(self, route: str, pair: dict[str, Any]) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {pair['access_token']}"}
        return self.http.get(f"/oura/v2/usercollection/{route}", headers=headers)
