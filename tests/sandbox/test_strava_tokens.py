from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import time_machine

from tests.sandbox.conftest import Strava

BAD_REFRESH = {
    "message": "Bad Request",
    "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
}


def invalid(resource: str, field: str) -> dict[str, object]:
    errors = [{"resource": resource, "field": field, "code": "invalid"}]
    return {"message": "Bad Request", "errors": errors}


def test_refresh_with_more_than_an_hour_left_gives_the_same_pair(strava: Strava) -> None:
    pair = strava.connect()
    del pair["athlete"]

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=4, minutes=59), tick=False):
        again = [strava.refresh(pair["refresh_token"]).json() for _ in range(2)]

    left_s = [one.pop("expires_in") for one in again]
    del pair["expires_in"]
    assert again == [pair, pair]
    assert all(3600 < seconds <= 3661 for seconds in left_s)


def test_refresh_in_the_last_hour_rotates_and_kills_the_old_refresh_token(strava: Strava) -> None:
    old = strava.connect()

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=5, minutes=1)):
        new = strava.refresh(old["refresh_token"]).json()
        again = strava.refresh(old["refresh_token"])
        later = strava.refresh(new["refresh_token"])
        reads = [strava.get("athlete", one["access_token"]).status_code for one in (old, new)]

    assert set(new) == {
        "token_type",
        "expires_at",
        "expires_in",
        "refresh_token",
        "access_token",
    }
    assert {old["refresh_token"], old["access_token"]}.isdisjoint(new.values())
    assert (again.status_code, again.json()) == (400, BAD_REFRESH)
    assert (later.status_code, later.json()["refresh_token"]) == (200, new["refresh_token"])
    assert reads == [200, 200]


def test_expire_ends_the_access_tokens_of_an_athlete_and_of_nobody_else(strava: Strava) -> None:
    other = strava.connect()
    strava.http.cookies.clear()
    pair = strava.connect()
    athlete_id = strava.get("athlete", pair["access_token"]).json()["id"]
    strava.http.cookies.clear()

    answer = strava.http.post("/strava/expire", json={"athlete_id": athlete_id})

    assert answer.json() == {"athlete_id": athlete_id}
    assert strava.get("athlete", pair["access_token"]).status_code == 401
    assert strava.get("athlete", other["access_token"]).status_code == 200
    new = strava.refresh(pair["refresh_token"]).json()
    assert new["refresh_token"] != pair["refresh_token"]
    assert strava.get("athlete", new["access_token"]).status_code == 200


def test_refresh_by_two_at_once_has_one_winner(strava: Strava) -> None:
    old = strava.connect()["refresh_token"]
    strava.http.post("/strava/expire")

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda _: strava.refresh(old).status_code, range(4)))

    assert statuses == [200, 400, 400, 400]


def test_code_that_is_not_ready_is_refused_once_and_works_two_seconds_later(
    http: httpx2.Client, strava: Strava
) -> None:
    http.post("/strava/mode", json={"mode": "code_not_ready"})
    code = httpx2.URL(strava.consent().headers["location"]).params["code"]
    now = datetime.now(UTC)

    with time_machine.travel(now, tick=False):
        first = strava.token(code=code)
    with time_machine.travel(now + timedelta(seconds=1), tick=False):
        too_early = strava.token(code=code)
    with time_machine.travel(now + timedelta(seconds=2), tick=False):
        late = strava.token(code=code)

    assert (first.status_code, first.json()) == (400, invalid("AuthorizationCode", "code"))
    assert (too_early.status_code, late.status_code) == (400, 200)


def test_code_that_is_unknown_does_not_use_the_mode_up(http: httpx2.Client, strava: Strava) -> None:
    http.post("/strava/mode", json={"mode": "code_not_ready", "times": 1, "seconds": 0})
    strava.token(code="unknown")
    code = httpx2.URL(strava.consent().headers["location"]).params["code"]

    statuses = [strava.token(code=code).status_code for _ in range(3)]

    assert statuses == [400, 200, 400]


def test_lost_answer_has_used_the_refresh_token_up(http: httpx2.Client, strava: Strava) -> None:
    pair = strava.connect()
    http.post("/strava/expire")
    http.post("/strava/mode", json={"mode": "lost_answer", "times": 1})

    lost = strava.refresh(pair["refresh_token"])
    again = strava.refresh(pair["refresh_token"])

    assert (lost.status_code, again.status_code, again.json()) == (500, 400, BAD_REFRESH)


def test_lost_answer_has_used_the_code_up(http: httpx2.Client, strava: Strava) -> None:
    code = httpx2.URL(strava.consent().headers["location"]).params["code"]
    http.post("/strava/mode", json={"mode": "lost_answer", "times": 1})

    assert [strava.token(code=code).status_code for _ in range(2)] == [500, 400]


def test_token_requests_are_counted_by_kind_and_outcome(strava: Strava) -> None:
    pair = strava.connect()
    strava.token(code="unknown")
    strava.refresh(pair["refresh_token"])
    strava.refresh("unknown")
    strava.http.post("/strava/mode", json={"mode": "server_error", "times": 1})
    strava.refresh(pair["refresh_token"])
    strava.token(grant_type="password")

    assert strava.http.get("/strava/token-requests").json() == {
        "authorization_code": {"calls": 2, "successes": 1, "refusals": 1, "failures": 0},
        "refresh_token": {"calls": 3, "successes": 1, "refusals": 1, "failures": 1},
    }


def test_token_endpoint_has_no_rate_headers(strava: Strava) -> None:
    answers = [strava.token(code="unknown"), strava.consent()]

    headers = [name for answer in answers for name in answer.headers if "ratelimit" in name]
    assert headers == []


def test_access_token_dies_after_six_hours(strava: Strava) -> None:
    token = strava.connect()["access_token"]

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=5, minutes=59)):
        before = strava.get("athlete", token).status_code
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=6, minutes=1)):
        after = strava.get("athlete", token).status_code

    assert (before, after) == (200, 401)


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
