from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import time_machine

from tests.sandbox.connecting import OuraApp

BAD_GRANT = {
    "error": "invalid_grant",
    "error_description": "It is not valid, has expired or was used before.",
}
SCOPE_OF_ROUTE = {
    "personal_info": "personal",
    "daily_activity": "daily",
    "daily_readiness": "daily",
    "daily_sleep": "daily",
    "sleep": "daily",
    "rest_mode_period": "daily",
    "daily_stress": "stress",
    "daily_resilience": "stress",
    "vO2_max": "heart_health",
    "heartrate": "heartrate",
}


def told(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_refresh_rotates_and_the_used_token_is_dead(oura_app: OuraApp) -> None:
    old = oura_app.connect("personal")

    new = oura_app.refresh(old["refresh_token"]).json()
    again = oura_app.refresh(old["refresh_token"])

    assert {old["access_token"], old["refresh_token"]}.isdisjoint(new.values())
    assert new["scope"] == "personal"
    assert (again.status_code, again.json()) == (400, BAD_GRANT)
    assert oura_app.get("personal_info", {"access_token": old["refresh_token"]}).status_code == 401
    assert oura_app.get("personal_info", new).status_code == 200
    assert oura_app.refresh(new["refresh_token"]).status_code == 200


def test_refresh_by_four_at_once_has_one_winner(oura_app: OuraApp) -> None:
    old = oura_app.connect()["refresh_token"]

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda _: oura_app.refresh(old).status_code, range(4)))

    assert statuses == [200, 400, 400, 400]


def test_access_token_dies_after_a_day(oura_app: OuraApp) -> None:
    pair, now = oura_app.connect(), datetime.now(UTC)

    with time_machine.travel(now + timedelta(hours=23, minutes=59)):
        before = oura_app.get("personal_info", pair).status_code
    with time_machine.travel(now + timedelta(hours=24, minutes=1)):
        after = oura_app.get("personal_info", pair).status_code

    assert (before, after) == (200, 401)


def test_revoke_ends_this_connection_alone(oura_app: OuraApp) -> None:
    ended, other = oura_app.connect(), oura_app.connect()

    first = oura_app.http.post("/oura/oauth/revoke", params={"access_token": ended["access_token"]})
    again = oura_app.http.post("/oura/oauth/revoke", params={"access_token": ended["access_token"]})
    unsaid = oura_app.http.post("/oura/oauth/revoke")

    assert (first.status_code, again.status_code, told(unsaid)) == (
        200,
        200,
        (400, "invalid_request"),
    )
    assert oura_app.get("personal_info", ended).status_code == 401
    assert told(oura_app.refresh(ended["refresh_token"])) == (400, "invalid_grant")
    assert oura_app.get("personal_info", other).status_code == 200


def test_expire_ends_the_access_tokens_of_a_user_and_of_nobody_else(oura_app: OuraApp) -> None:
    other = oura_app.connect()
    oura_app.http.cookies.clear()
    pair = oura_app.connect()
    user_id = oura_app.get("personal_info", pair).json()["id"]

    answer = oura_app.http.post("/oura/expire")

    assert answer.json() == {"user_id": user_id}
    assert oura_app.get("personal_info", pair).status_code == 401
    assert oura_app.get("personal_info", other).status_code == 200
    new = oura_app.refresh(pair["refresh_token"]).json()
    assert oura_app.get("personal_info", new).status_code == 200


def test_expire_before_anybody_has_connected_says_so(http: httpx2.Client) -> None:
    assert http.post("/oura/expire").status_code == 409


def test_token_requests_are_counted_by_kind_and_outcome(oura_app: OuraApp) -> None:
    pair = oura_app.connect()
    oura_app.refresh(pair["refresh_token"])
    oura_app.refresh(pair["refresh_token"])
    oura_app.http.post("/oura/mode", json={"mode": "server_error", "times": 1})
    oura_app.refresh("any")

    assert oura_app.http.get("/oura/token-requests").json() == {
        "authorization_code": {"calls": 1, "successes": 1, "refusals": 0, "failures": 0},
        "refresh_token": {"calls": 3, "successes": 1, "refusals": 1, "failures": 1},
    }


def test_lost_answer_has_used_the_refresh_token_up(oura_app: OuraApp) -> None:
    pair = oura_app.connect()
    oura_app.http.post("/oura/mode", json={"mode": "lost_answer", "times": 1})

    lost = oura_app.refresh(pair["refresh_token"])
    again = oura_app.refresh(pair["refresh_token"])

    assert (told(lost), told(again)) == ((500, "server_error"), (400, "invalid_grant"))


def test_revoked_at_oura_refuses_access_and_refresh(oura_app: OuraApp) -> None:
    pair = oura_app.connect()
    oura_app.http.post("/oura/mode", json={"mode": "token_revoked"})

    assert oura_app.get("personal_info", pair).status_code == 401
    assert told(oura_app.refresh(pair["refresh_token"])) == (400, "invalid_grant")


def test_route_whose_scope_was_not_granted_is_401_and_names_it(oura_app: OuraApp) -> None:
    pair = oura_app.connect("personal", "daily")

    stress = oura_app.get("daily_stress", pair)

    assert (stress.status_code, stress.json()) == (
        401,
        {
            "status": 401,
            "title": "Unauthorized",
            "detail": "Access token lacks the required scope: stress.",
        },
    )
    assert oura_app.get("sleep", pair).status_code == 200


@pytest.mark.parametrize(("route", "scope"), SCOPE_OF_ROUTE.items())
def test_each_route_takes_its_scope(oura_app: OuraApp, route: str, scope: str) -> None:
    everything = " ".join(dict.fromkeys(SCOPE_OF_ROUTE.values()))
    others = [one for one in everything.split() if one != scope]

    enough, lacking = oura_app.connect(scope), oura_app.connect(*others, asked=everything)

    assert oura_app.get(route, enough).status_code == 200
    assert oura_app.get(route, lacking).json()["detail"].endswith(f"scope: {scope}.")


@pytest.mark.parametrize(("scopes", "email"), [("personal", None), ("personal email", "robin")])
def test_email_takes_its_own_scope(oura_app: OuraApp, scopes: str, email: str | None) -> None:
    info = oura_app.get("personal_info", oura_app.connect(asked=scopes)).json()

    assert (info["email"] or "").split(".")[0] == (email or "")


def test_scopes_are_told_with_a_prefix_when_asked_to(oura_app: OuraApp) -> None:
    oura_app.http.post("/oura/mode", json={"mode": "prefixed_scopes"})

    pair = oura_app.connect("personal", "daily")

    assert pair["scope"] == "extapi:personal extapi:daily"
    assert oura_app.get("sleep", pair).status_code == 200
