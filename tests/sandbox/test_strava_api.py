import time
from datetime import UTC, date, datetime

import httpx2
import pytest
import time_machine

from sandbox.person.rides import rides_between, rides_until
from tests.sandbox.conftest import JULY, Strava

pytestmark = pytest.mark.usefixtures("july")


def fault(response: httpx2.Response) -> tuple[int, str, dict[str, str]]:
    body = response.json()
    return response.status_code, body["message"], body["errors"][0]


def test_athlete_with_the_whole_profile_is_detailed(strava: Strava, token: str) -> None:
    athlete = strava.get("athlete", token).json()

    assert (athlete["ftp"], athlete["weight"], athlete["resource_state"]) == (228, 70.4, 3)


def test_athlete_without_the_profile_scope_is_a_summary(strava: Strava) -> None:
    token = strava.connect("read", "activity:read_all")["access_token"]

    athlete = strava.get("athlete", token).json()

    assert (athlete["firstname"], "ftp" in athlete, "weight" in athlete) == ("Robin", False, False)


def test_zones_end_where_the_next_begin(strava: Strava, token: str) -> None:
    zones = strava.get("athlete/zones", token).json()

    assert zones["power"]["zones"] == [
        {"min": 0, "max": 125},
        {"min": 125, "max": 171},
        {"min": 171, "max": 205},
        {"min": 205, "max": 239},
        {"min": 239, "max": 274},
        {"min": 274, "max": 342},
        {"min": 342, "max": -1},
    ]
    assert zones["heart_rate"]["zones"][-1] == {"min": 174, "max": -1}


def test_activities_are_newest_first_and_end_with_an_empty_page(strava: Strava, token: str) -> None:
    pages = [strava.activities(token, page=n, per_page=200) for n in range(1, 6)]

    rows = [row for page in pages for row in page]
    assert pages[-1] == []
    assert [row["id"] for row in rows] == [ride.id for ride in reversed(rides_until(JULY))]


def test_activities_after_an_instant_are_oldest_first(strava: Strava, token: str) -> None:
    since = int(datetime(2026, 6, 20, tzinfo=UTC).timestamp())

    rows = strava.activities(token, after=since)

    starts = [datetime.fromisoformat(row["start_date"]) for row in rows]
    assert starts == sorted(starts)
    assert starts[0].timestamp() > since
    assert rows[-1]["id"] == rides_until(JULY)[-1].id


def test_activities_before_an_instant_leave_out_later_ones(strava: Strava, token: str) -> None:
    rows = strava.activities(token, before=int(datetime(2026, 6, 20, tzinfo=UTC).timestamp()))

    assert len(rows) == 30
    assert all(row["start_date"] < "2026-06-20" for row in rows)


def test_activities_with_a_wrong_parameter_are_refused(strava: Strava, token: str) -> None:
    answer = strava.get("athlete/activities", token, after="yesterday")

    assert fault(answer) == (
        400,
        "Bad Request",
        {"resource": "Activity", "field": "after", "code": "invalid"},
    )


def test_private_rides_take_the_wider_scope(strava: Strava, token: str) -> None:
    narrow = strava.connect(asked="read,activity:read")["access_token"]
    private = next(
        ride for ride in rides_between(date(2026, 1, 1), date(2026, 7, 3)) if ride.is_private
    )

    assert strava.get(f"activities/{private.id}", token).json()["visibility"] == "only_me"
    assert strava.get(f"activities/{private.id}", narrow).status_code == 404
    ids = {row["id"] for row in strava.activities(narrow, per_page=200)}
    assert private.id not in ids


def test_activity_that_is_none_is_not_found(strava: Strava, token: str) -> None:
    assert fault(strava.get("activities/12", token))[:2] == (404, "Record Not Found")


def test_token_in_the_address_is_refused(http: httpx2.Client, strava: Strava, token: str) -> None:
    error = {"resource": "Athlete", "field": "access_token", "code": "invalid"}

    alone = http.get("/strava/api/v3/athlete", params={"access_token": token})
    beside = strava.get("athlete", token, access_token=token)

    assert fault(alone) == (401, "Authorization Error", error)
    assert fault(beside) == (401, "Authorization Error", error)


def test_activities_without_their_scope_are_401(strava: Strava) -> None:
    token = strava.connect("read", "profile:read_all")["access_token"]

    answer = strava.get("athlete/activities", token)

    assert fault(answer) == (
        401,
        "Authorization Error",
        {"resource": "AccessToken", "field": "activity:read_permission", "code": "missing"},
    )


def test_rate_headers_count_the_quarter_hour_and_the_day(strava: Strava, token: str) -> None:
    first = strava.get("athlete", token)
    second = strava.get("athlete", token)
    with time_machine.travel(datetime(2026, 7, 4, 5, 45, 1, tzinfo=UTC)):
        next_quarter = strava.get("athlete", token)
    with time_machine.travel(datetime(2026, 7, 5, 0, 0, 1, tzinfo=UTC)):
        next_day = strava.get("athlete", token)

    usages = [r.headers["X-RateLimit-Usage"] for r in (first, second, next_quarter, next_day)]
    assert usages == ["1,1", "2,2", "1,3", "1,1"]
    assert first.headers["X-RateLimit-Limit"] == "200,2000"
    assert first.headers["X-ReadRateLimit-Limit"] == "100,1000"
    assert first.headers["X-ReadRateLimit-Usage"] == "1,1"


def test_used_up_quarter_is_429_until_it_turns(
    http: httpx2.Client, strava: Strava, token: str
) -> None:
    http.post("/strava/limits", json={"quarter": 2, "day": 50})

    answers = [strava.get("athlete", token) for _ in range(4)]
    with time_machine.travel(datetime(2026, 7, 4, 5, 44, 59, tzinfo=UTC), tick=False):
        still = strava.get("athlete", token)
    with time_machine.travel(datetime(2026, 7, 4, 5, 45, tzinfo=UTC), tick=False):
        after = strava.get("athlete", token)

    assert [one.status_code for one in (*answers, still, after)] == [200, 200, 429, 429, 429, 200]
    assert fault(answers[2]) == (
        429,
        "Rate Limit Exceeded",
        {"resource": "Application", "field": "rate limit", "code": "exceeded"},
    )
    assert answers[3].headers["X-RateLimit-Limit"] == "4,100"
    assert answers[3].headers["X-ReadRateLimit-Limit"] == "2,50"
    assert answers[3].headers["X-ReadRateLimit-Usage"] == "4,4"
    assert after.headers["X-RateLimit-Usage"] == "1,6"


def test_what_was_refused_counts_against_the_day(
    http: httpx2.Client, strava: Strava, token: str
) -> None:
    http.post("/strava/limits", data={"quarter": "2", "day": "4"})
    for _ in range(4):
        strava.get("athlete", token)

    with time_machine.travel(datetime(2026, 7, 4, 23, 59, 59, tzinfo=UTC), tick=False):
        same_day = strava.get("athlete", token)
    with time_machine.travel(datetime(2026, 7, 5, tzinfo=UTC), tick=False):
        next_day = strava.get("athlete", token)

    # By then the token has expired, which is another matter.
    assert (same_day.status_code, next_day.status_code) == (429, 401)
    usages = [one.headers["X-ReadRateLimit-Usage"] for one in (same_day, next_day)]
    assert usages == ["1,5", "1,1"]


def test_limits_are_shared_by_all_athletes(http: httpx2.Client, strava: Strava, token: str) -> None:
    http.post("/strava/limits", json={"quarter": 1})
    other = strava.connect()["access_token"]

    statuses = [strava.get("athlete", one).status_code for one in (token, other)]

    assert statuses == [200, 429]


def test_limits_left_out_are_a_new_app_s(http: httpx2.Client) -> None:
    first = http.post("/strava/limits", json={"quarter": 5}).json()
    then = http.post("/strava/limits", json={}).json()

    assert (first, then) == ({"quarter": 5, "day": 1000}, {"quarter": 100, "day": 1000})
    assert http.get("/strava/limits").json() == then
    assert http.post("/strava/limits", json={"day": "x"}).status_code == 400


def test_include_all_efforts_is_true_or_false(strava: Strava, token: str) -> None:
    ride = rides_until(JULY)[-1].id

    statuses = [
        strava.get(f"activities/{ride}", token, include_all_efforts=value).status_code
        for value in ("true", "false", "maybe")
    ]

    assert statuses == [200, 200, 400]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("rate_limited", (429, "Application", "rate limit", "exceeded")),
        ("missing_scope", (401, "AccessToken", "activity:read_permission", "missing")),
        ("inactive", (403, "Application", "Status", "Inactive")),
        ("token_revoked", (401, "Athlete", "access_token", "invalid")),
    ],
)
def test_api_misbehaves_in_strava_s_own_words(
    http: httpx2.Client, strava: Strava, token: str, mode: str, expected: tuple[int, str, str, str]
) -> None:
    http.post("/strava/mode", json={"mode": mode, "times": 1})

    status, _, error = fault(strava.get("athlete/activities", token))

    assert (status, error["resource"], error["field"], error["code"]) == expected
    assert strava.get("athlete/activities", token).status_code == 200


def test_rate_limited_shows_a_used_up_read_limit(
    http: httpx2.Client, strava: Strava, token: str
) -> None:
    http.post("/strava/mode", json={"mode": "rate_limited"})

    answer = strava.get("athlete", token)

    assert answer.headers["X-ReadRateLimit-Usage"] == "101,1"
    assert "Retry-After" not in answer.headers


def test_server_error_is_500_in_the_envelope(
    http: httpx2.Client, strava: Strava, token: str
) -> None:
    http.post("/strava/mode", json={"mode": "server_error"})

    answer = strava.get("athlete", token)

    assert (answer.status_code, answer.json()) == (
        500,
        {"message": "Internal Server Error", "errors": []},
    )


def test_slow_answers_late_but_well(http: httpx2.Client, strava: Strava, token: str) -> None:
    http.post("/strava/mode", json={"mode": "slow", "times": 1, "seconds": 0.2})
    begun = time.monotonic()

    answer = strava.get("athlete", token)

    assert (answer.status_code, time.monotonic() - begun >= 0.2) == (200, True)
