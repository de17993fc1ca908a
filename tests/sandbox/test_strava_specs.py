"""Every answer of the stand-in for Strava, held against its swagger file."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx2
import pytest

from sandbox.modes import MODES
from sandbox.person.rides import Ride, rides_between
from tests.sandbox.conftest import Strava
from tests.sandbox.specs import (
    needs_specs,
    strava_model_problems,
    strava_problems,
)

pytestmark = needs_specs

STRAVA = {
    "strava-athlete": "/athlete",
    "strava-zones": "/athlete/zones",
    "strava-activities": "/athlete/activities",
    "strava-activity": "/activities/{id}",
    "strava-streams": "/activities/{id}/streams",
}
# Returned live but absent from the swagger; a client treats each as optional. The first ones are
# read by other clients of the real server, the others stand in the answers it documents.
LIVE = {
    *("utc_offset", "has_heartrate", "average_heartrate", "max_heartrate", "suffer_score"),
    *("average_cadence", "pr_count", "visibility"),
    *("location_city", "location_state", "location_country"),
    *("resource_state", "athlete.resource_state", "map.resource_state", "from_accepted_tag"),
    *("heartrate_opt_out", "display_hide_heartrate_option"),
}
ABSENT_FROM_THE_SWAGGER = {
    "DetailedAthlete": {"username"},
    "SummaryActivity": LIVE,
    "DetailedActivity": LIVE | {"perceived_exertion", "prefer_perceived_exertion"},
}

YEAR = rides_between(date(2025, 7, 1), date(2026, 7, 3))
ODDITIES: dict[str, Callable[[Ride], bool]] = {
    "with a meter": lambda ride: ride.power == "meter" and ride.kind == "long",
    "estimated power": lambda ride: ride.power == "estimated",
    "no heart rate": lambda ride: not ride.has_heartrate and not ride.is_manual,
    "manual": lambda ride: ride.is_manual,
    "hidden start": lambda ride: ride.is_start_hidden,
    "private": lambda ride: ride.is_private,
    "indoors": lambda ride: ride.is_indoor,
}
STREAMS = (
    "time,distance,latlng,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth"
)


def ride_that_is(oddity: str) -> Ride:
    return next(ride for ride in reversed(YEAR) if ODDITIES[oddity](ride))


def known(problems: list[str]) -> list[str]:
    """Without the fields that are known to be absent from the swagger."""
    absent = {name for names in ABSENT_FROM_THE_SWAGGER.values() for name in names}
    told = {f".{name}: not specified" for name in absent}
    return [one for one in problems if not any(one.endswith(words) for words in told)]


def strava_answer(strava: Strava, token: str, route: str, ride: Ride) -> httpx2.Response:
    path = STRAVA[route].removeprefix("/").replace("{id}", str(ride.id))
    params = {"keys": STREAMS, "key_by_type": "true"} if route == "strava-streams" else {}
    return strava.get(path, token, **params)


@pytest.mark.parametrize("oddity", ODDITIES)
@pytest.mark.parametrize("route", ["strava-activity", "strava-streams"])
def test_each_kind_of_ride_keeps_to_the_swagger(
    strava: Strava, token: str, route: str, oddity: str
) -> None:
    answer = strava_answer(strava, token, route, ride_that_is(oddity))

    has_none = oddity == "manual" and route == "strava-streams"
    assert answer.status_code == (404 if has_none else 200)
    assert known(strava_problems(STRAVA[route], answer.status_code, answer.json())) == []


def test_every_row_of_every_page_keeps_to_the_swagger(strava: Strava, token: str) -> None:
    pages = [strava.activities(token, page=n, per_page=200) for n in range(1, 5)]

    assert pages[-1] == []
    assert sum(len(page) for page in pages) > 500
    assert [known(strava_problems("/athlete/activities", 200, page)) for page in pages] == [[]] * 4


def test_athlete_without_the_profile_scope_is_the_summary(strava: Strava, july: None) -> None:
    pair: dict[str, Any] = dict(strava.connect("read", "activity:read_all"))
    athlete = strava.get("athlete", pair["access_token"]).json()

    assert known(strava_model_problems("SummaryAthlete", athlete)) == []
    assert known(strava_model_problems("SummaryAthlete", pair["athlete"])) == []


@pytest.mark.parametrize("mode", MODES["strava"])
@pytest.mark.parametrize("route", STRAVA)
def test_each_route_keeps_to_the_swagger_in_each_mode(
    strava: Strava, token: str, route: str, mode: str
) -> None:
    strava.http.post("/strava/mode", json={"mode": mode, "times": 1, "seconds": 0})

    answer = strava_answer(strava, token, route, min(YEAR, key=lambda ride: ride.moving_s))

    assert known(strava_problems(STRAVA[route], answer.status_code, answer.json())) == []
    if answer.status_code != 200:
        assert set(answer.json()) == {"message", "errors"}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("activities/12", {}),
        ("activities/12/streams", {"keys": "time", "key_by_type": "true"}),
        ("activities/12/streams", {}),
        ("athlete/activities", {"page": "x"}),
    ],
)
def test_refusals_keep_to_strava_s_envelope(
    strava: Strava, token: str, path: str, params: dict[str, str]
) -> None:
    answer = strava.get(path, token, **params)

    assert answer.status_code in (400, 404)
    assert strava_model_problems("Fault", answer.json()) == []
    assert [set(one) for one in answer.json()["errors"]] == [{"resource", "field", "code"}]


def test_fields_absent_from_the_swagger_are_these_and_no_others(strava: Strava, token: str) -> None:
    found: dict[str, set[str]] = {}
    rides = [ride_that_is(oddity) for oddity in ODDITIES]
    answers = {
        "DetailedAthlete": [strava.get("athlete", token).json()],
        "SummaryActivity": strava.activities(token, per_page=200),
        "DetailedActivity": [strava.activity(token, ride) for ride in rides],
    }
    for model, values in answers.items():
        problems = [one for value in values for one in strava_model_problems(model, value)]
        found[model] = {one.removeprefix("$.").split(":")[0] for one in problems}

    assert found == ABSENT_FROM_THE_SWAGGER
