from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import time_machine

from sandbox.oura.app import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.connecting import CALLBACK, TOKEN_HOST, OuraApp, basic, oura_query

BAD_GRANT = {
    "error": "invalid_grant",
    "error_description": "It is not valid, has expired or was used before.",
}


def told(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_consent_page_offers_each_known_scope_ticked(http: httpx2.Client) -> None:
    asked = oura_query(scope="personal spo2Daily extapi:daily moods")

    page = http.get("/oura/oauth/authorize", params=asked).text

    assert page.count('name="granted"') == 2
    assert 'name="granted" value="personal" checked' in page
    assert 'name="granted" value="daily" checked' in page


def test_consent_redirects_with_a_code_and_the_state(oura_app: OuraApp) -> None:
    address = oura_app.consent()

    assert str(address.copy_with(query=None)) == CALLBACK
    assert set(address.params) == {"code", "state"}
    assert address.params["state"] == "s1"


def test_consent_denied_redirects_with_the_error(http: httpx2.Client) -> None:
    answer = http.post("/oura/oauth/authorize", params=oura_query(), data={"decision": "deny"})

    assert answer.headers["location"] == f"{CALLBACK}?state=s1&error=access_denied"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "spo2Daily"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wrong_request_of_our_app_is_sent_back(
    http: httpx2.Client, method: str, change: dict[str, str], error: str
) -> None:
    answer = http.request(method, "/oura/oauth/authorize", params=oura_query(**change))

    assert answer.headers["location"] == f"{CALLBACK}?state=s1&error={error}"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "another"}, "invalid_client"),
        ({"redirect_uri": "https://example.org/x"}, "invalid_request"),
        ({"redirect_uri": "javascript://127.0.0.1/x"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_request_of_nobody_known_is_sent_nowhere(
    http: httpx2.Client, method: str, change: dict[str, str], error: str
) -> None:
    answer = http.request(method, "/oura/oauth/authorize", params=oura_query(**change))

    assert told(answer) == (400, error)


def test_code_gives_tokens_once(oura_app: OuraApp) -> None:
    code = oura_app.consent("personal", "daily").params["code"]

    first, second = oura_app.redeem(code), oura_app.redeem(code)

    pair = first.json()
    assert set(pair) == {"access_token", "refresh_token", "expires_in", "token_type", "scope"}
    assert (pair["expires_in"], pair["token_type"]) == (86_400, "bearer")
    assert pair["scope"] == "personal daily"
    assert oura_app.get("personal_info", pair).status_code == 200
    assert (second.status_code, second.json()) == (400, BAD_GRANT)


def test_code_lives_ten_minutes(oura_app: OuraApp) -> None:
    now = datetime.now(UTC)
    fresh, old = oura_app.consent().params["code"], oura_app.consent().params["code"]

    with time_machine.travel(now + timedelta(minutes=9, seconds=50)):
        in_time = oura_app.redeem(fresh).status_code
    with time_machine.travel(now + timedelta(minutes=10, seconds=5)):
        late = told(oura_app.redeem(old))

    assert (in_time, late) == (200, (400, "invalid_grant"))


def test_code_is_bound_to_its_address(oura_app: OuraApp) -> None:
    code = oura_app.consent().params["code"]

    elsewhere = oura_app.redeem(code, "http://127.0.0.1/other/")
    unsaid = oura_app.token(grant_type="authorization_code", code=code)
    right = oura_app.redeem(code)

    assert [told(elsewhere), told(unsaid)] == [(400, "invalid_grant")] * 2
    assert right.status_code == 200


def test_secret_goes_in_the_header_as_well(oura_app: OuraApp) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": oura_app.consent().params["code"],
        "redirect_uri": CALLBACK,
    }

    wrong = oura_app.http.post(TOKEN_HOST, data=form, headers=basic(CLIENT_ID, "guess"))
    right = oura_app.http.post(TOKEN_HOST, data=form, headers=basic(CLIENT_ID, CLIENT_SECRET))

    assert told(wrong) == (401, "invalid_client")
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="oura"'
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "none"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_grant"),
    ],
)
def test_token_with_a_wrong_request_is_refused(
    oura_app: OuraApp, form: dict[str, str], status: int, error: str
) -> None:
    assert told(oura_app.token(**form)) == (status, error)


def test_old_token_address_answers_invalid_request_and_spares_the_code(oura_app: OuraApp) -> None:
    code = oura_app.consent().params["code"]
    named = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    answer = oura_app.http.post("/oura/oauth/token", data={**named, "code": code})

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert oura_app.redeem(code).status_code == 200


def test_browser_stays_signed_in_as_the_same_user(oura_app: OuraApp) -> None:
    def user() -> str:
        number: str = oura_app.get("personal_info", oura_app.connect()).json()["id"]
        return number

    here, again = user(), user()
    oura_app.http.cookies.clear()

    assert here == again
    assert user() != here
