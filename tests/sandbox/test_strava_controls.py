import httpx2
import pytest

from sandbox.person.rides import rides_until
from tests.sandbox.conftest import JULY, Strava, subscribe
from tests.sandbox.subscriber import Subscriber

RIDE = rides_until(JULY)[-1].id


def test_ride_is_renamed_for_everybody_who_reads_it_again(
    strava: Strava, token: str, subscriber: Subscriber, subscription_id: int
) -> None:
    answer = strava.http.post(f"/strava/rides/{RIDE}/rename", json={"name": "Col <3", "tell": True})

    athlete = strava.get("athlete", token).json()["id"]
    assert strava.activities(token)[0]["name"] == "Col <3"
    assert strava.get(f"activities/{RIDE}", token).json()["name"] == "Col <3"
    assert answer.json()["statuses"] == [200]
    [event] = subscriber.events
    assert event == {
        "object_type": "activity",
        "object_id": RIDE,
        "aspect_type": "update",
        "updates": {"title": "Col <3"},
        "owner_id": athlete,
        "subscription_id": subscription_id,
        "event_time": event["event_time"],
    }


def test_ride_that_is_deleted_is_gone(strava: Strava, token: str, subscriber: Subscriber) -> None:
    subscribe(strava.http, subscriber.url)

    answer = strava.http.post(f"/strava/rides/{RIDE}/delete", json={"tell": True, "athlete_id": 7})

    assert strava.activities(token)[0]["id"] < RIDE
    assert strava.get(f"activities/{RIDE}", token).status_code == 404
    streams = {"keys": "time", "key_by_type": "true"}
    assert strava.get(f"activities/{RIDE}/streams", token, **streams).status_code == 404
    assert answer.json()["event"] | {"event_time": 0} == {
        "object_type": "activity",
        "object_id": RIDE,
        "aspect_type": "delete",
        "updates": {},
        "owner_id": 7,
        "event_time": 0,
    }
    assert len(subscriber.events) == 1


@pytest.mark.usefixtures("token", "subscription_id")
def test_change_of_a_ride_is_told_to_nobody_unless_asked(
    http: httpx2.Client, subscriber: Subscriber
) -> None:
    answer = http.post(f"/strava/rides/{RIDE}/delete")

    assert answer.json() == {"event": None, "statuses": []}
    assert subscriber.events == []


@pytest.mark.usefixtures("july")
@pytest.mark.parametrize("action", ["delete", "rename"])
def test_ride_that_is_none_cannot_be_changed(http: httpx2.Client, action: str) -> None:
    http.post(f"/strava/rides/{RIDE}/delete")

    for ride_id in (12, RIDE, RIDE + 7):
        answer = http.post(f"/strava/rides/{ride_id}/{action}", json={"name": "x"})
        assert answer.status_code == 404


def test_deauthorising_kills_the_tokens_and_is_told_with_a_string(
    strava: Strava, token: str, subscriber: Subscriber, subscription_id: int
) -> None:
    pair, athlete = strava.connect(), strava.get("athlete", token).json()["id"]

    answer = strava.http.post("/strava/deauthorise")

    assert answer.json()["statuses"] == [200]
    [event] = subscriber.events
    assert event == {
        "object_type": "athlete",
        "object_id": athlete,
        "aspect_type": "update",
        "updates": {"authorized": "false"},
        "owner_id": athlete,
        "subscription_id": subscription_id,
        "event_time": event["event_time"],
    }
    assert strava.get("athlete", token).status_code == 401
    refreshed = strava.token(grant_type="refresh_token", refresh_token=pair["refresh_token"])
    assert refreshed.status_code == 400


def test_deauthorising_works_without_a_subscription(strava: Strava, token: str) -> None:
    strava.http.cookies.clear()  # the athlete who connected last

    answer = strava.http.post("/strava/deauthorise")

    assert answer.json()["statuses"] == []
    assert strava.get("athlete", token).status_code == 401


@pytest.mark.parametrize("action", ["deauthorise", "expire"])
def test_nobody_to_act_on_is_said(http: httpx2.Client, action: str) -> None:
    assert http.post(f"/strava/{action}").status_code == 409
