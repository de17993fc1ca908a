from datetime import UTC, datetime

import httpx2
import pytest

from sandbox.strava.app import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import CALLBACK, Strava, authorize_query
from tests.sandbox.connecting import basic

BAD_REFRESH = {
    "message": "Bad Request",
    "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
}


def invalid(resource: str, field: str) -> dict[str, object]:
    errors = [{"resource": resource, "field": field, "code": "invalid"}]
    return {"message": "Bad Request", "errors": errors}


def test_consent_page_offers_each_asked_scope_ticked(http: httpx2.Client) -> None:
    page = http.get("/strava/oauth/authorize", params=authorize_query()).text

    for scope in ("read", "activity:read_all", "profile:read_all"):
        assert f'name="granted" value="{scope}" checked' in page
    assert 'value="activity:write"' not in page


def test_consent_redirects_with_what_was_ticked(strava: Strava) -> None:
    address = httpx2.URL(strava.consent("read", "activity:read_all").headers["location"])

    assert str(address.copy_with(query=None)) == CALLBACK
    assert address.params["state"] == "s1"
    assert address.params["scope"] == "read,activity:read_all"
    assert len(address.params["code"]) == 40


def test_consent_denied_redirects_with_the_error(http: httpx2.Client) -> None:
    answer = http.post(
        "/strava/oauth/authorize", params=authorize_query(), data={"decision": "deny"}
    )

    assert answer.headers["location"] == f"{CALLBACK}?state=s1&error=access_denied"


def test_scope_that_was_not_asked_for_cannot_be_ticked(strava: Strava) -> None:
    answer = strava.consent("read", "activity:write", asked="read")

    assert httpx2.URL(answer.headers["location"]).params["scope"] == "read"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"client_id": "7"}, ("Application", "client_id")),
        ({"redirect_uri": "https://example.org/x"}, ("Application", "redirect_uri")),
        ({"redirect_uri": "javascript://127.0.0.1/x"}, ("Application", "redirect_uri")),
        ({"response_type": "token"}, ("Authorize", "response_type")),
        ({"scope": "read activity:read"}, ("Authorize", "scope")),
        ({"scope": ""}, ("Authorize", "scope")),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_authorize_with_a_wrong_request_is_refused(
    http: httpx2.Client, method: str, change: dict[str, str], fault: tuple[str, str]
) -> None:
    query = authorize_query(**change)

    answer = http.request(method, "/strava/oauth/authorize", params=query)

    assert (answer.status_code, answer.json()) == (400, invalid(*fault))


def test_code_gives_tokens_and_the_athlete_once(strava: Strava) -> None:
    code = httpx2.URL(strava.consent().headers["location"]).params["code"]

    first, second = strava.token(code=code), strava.token(code=code)

    pair = first.json()
    assert first.status_code == 200
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 21_600)
    assert abs(pair["expires_at"] - datetime.now(UTC).timestamp() - 21_600) < 5
    assert (pair["athlete"]["firstname"], "ftp" in pair["athlete"]) == ("Robin", False)
    assert (second.status_code, second.json()) == (400, invalid("AuthorizationCode", "code"))


def test_browser_stays_signed_in_as_the_same_athlete(strava: Strava) -> None:
    def athlete() -> int:
        number: int = strava.get("athlete", strava.connect()["access_token"]).json()["id"]
        return number

    here, again = athlete(), athlete()
    strava.http.cookies.clear()
    elsewhere = athlete()

    assert here == again
    assert elsewhere != here


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"client_id": "7"}, ("Application", "client_id")),
        ({"client_secret": "x"}, ("Application", "client_secret")),
        ({"grant_type": "password"}, ("Application", "grant_type")),
        ({"code": "unknown"}, ("AuthorizationCode", "code")),
    ],
)
def test_token_with_a_wrong_request_is_refused(
    strava: Strava, form: dict[str, str], fault: tuple[str, str]
) -> None:
    answer = strava.token(**form)

    assert (answer.status_code, answer.json()) == (400, invalid(*fault))


def test_deauthorize_echoes_the_token_and_ends_everything(
    http: httpx2.Client, strava: Strava
) -> None:
    pair = strava.connect()
    other = strava.connect()

    answer = http.post("/strava/oauth/deauthorize", data={"access_token": pair["access_token"]})

    assert answer.json() == {"access_token": pair["access_token"]}
    assert strava.get("athlete", pair["access_token"]).status_code == 401
    assert strava.get("athlete", other["access_token"]).status_code == 401
    refreshed = strava.token(grant_type="refresh_token", refresh_token=pair["refresh_token"])
    assert (refreshed.status_code, refreshed.json()) == (400, BAD_REFRESH)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoke_by_the_app_ends_everything(http: httpx2.Client, strava: Strava, kind: str) -> None:
    pair = strava.connect()

    answer = http.post(
        "/strava/oauth/revoke",
        data={"token": pair[kind]},
        headers=basic(CLIENT_ID, CLIENT_SECRET),
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert strava.get("athlete", pair["access_token"]).status_code == 401


def test_revoke_by_somebody_else_is_refused(http: httpx2.Client, strava: Strava) -> None:
    pair = strava.connect()

    answer = http.post(
        "/strava/oauth/revoke",
        data={"token": pair["access_token"]},
        headers=basic(CLIENT_ID, "guess"),
    )

    assert answer.status_code == 401
    assert strava.get("athlete", pair["access_token"]).status_code == 200


def test_athlete_cap_is_met_on_the_page_and_at_the_exchange(
    http: httpx2.Client, strava: Strava
) -> None:
    code = httpx2.URL(strava.consent().headers["location"]).params["code"]
    http.post("/strava/mode", json={"mode": "athlete_cap"})

    page = http.get("/strava/oauth/authorize", params=authorize_query())
    exchange = strava.token(code=code)

    assert (page.status_code, exchange.status_code) == (403, 403)
    assert "Limit of connected athletes exceeded" in page.text
    assert exchange.json()["message"] == "Limit of connected athletes exceeded"
