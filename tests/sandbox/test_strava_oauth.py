import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import time_machine

from sandbox.strava.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import CALLBACK, Strava, authorize_query

BAD_REFRESH = {
    "message": "Bad Request",
    "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


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


def test_refresh_gives_a_new_pair_and_kills_the_old_refresh_token(strava: Strava) -> None:
    old = strava.connect()

    new = strava.token(grant_type="refresh_token", refresh_token=old["refresh_token"]).json()
    again = strava.token(grant_type="refresh_token", refresh_token=old["refresh_token"])
    later = strava.token(grant_type="refresh_token", refresh_token=new["refresh_token"])

    assert set(new) == {
        "token_type",
        "expires_at",
        "expires_in",
        "refresh_token",
        "access_token",
    }
    assert {old["refresh_token"], old["access_token"]}.isdisjoint(new.values())
    assert (again.status_code, again.json()) == (400, BAD_REFRESH)
    assert later.status_code == 200
    assert strava.get("athlete", new["access_token"]).status_code == 200


def test_refresh_by_two_at_once_has_one_winner(strava: Strava) -> None:
    old = strava.connect()["refresh_token"]

    def refreshed(_: int) -> int:
        return strava.token(grant_type="refresh_token", refresh_token=old).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(refreshed, range(4)))

    assert statuses == [200, 400, 400, 400]


def test_access_token_dies_after_six_hours(strava: Strava) -> None:
    token = strava.connect()["access_token"]

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=5, minutes=59)):
        before = strava.get("athlete", token).status_code
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=6, minutes=1)):
        after = strava.get("athlete", token).status_code

    assert (before, after) == (200, 401)


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


def test_revoked_at_strava_refuses_access_and_refresh(http: httpx2.Client, strava: Strava) -> None:
    pair = strava.connect()
    http.post("/strava/mode", json={"mode": "token_revoked"})

    refreshed = strava.token(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert strava.get("athlete", pair["access_token"]).status_code == 401
    assert (refreshed.status_code, refreshed.json()) == (400, BAD_REFRESH)


@pytest.mark.parametrize(("mode", "status"), [("inactive", 403), ("server_error", 500)])
def test_token_when_strava_misbehaves(
    http: httpx2.Client, strava: Strava, mode: str, status: int
) -> None:
    pair = strava.connect()
    http.post("/strava/mode", json={"mode": mode, "times": 1})

    spoiled = strava.token(grant_type="refresh_token", refresh_token=pair["refresh_token"])
    after = strava.token(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert (spoiled.status_code, after.status_code) == (status, 200)
