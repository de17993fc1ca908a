from datetime import date, datetime, timedelta

import pytest

from sandbox.person.nights import night_of
from sandbox.person.recording import totals
from sandbox.person.rides import rides_between
from tests.sandbox.connecting import NOW, Oura


def test_heart_rate_is_a_five_minute_grid_in_utc(oura: Oura) -> None:
    range_ = {
        "start_datetime": "2026-07-03T00:00:00+02:00",
        "end_datetime": "2026-07-04T00:00:00+02:00",
    }

    rows = oura.get("heartrate", **range_).json()["data"]

    assert 240 < len(rows) < 288
    assert rows[0]["timestamp"] >= "2026-07-02T22:00:00.000Z"
    assert rows[-1]["timestamp"] < "2026-07-03T22:00:00.000Z"
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"])
        assert row["timestamp_unix"] == at.timestamp() * 1000
        assert row["timestamp_unix"] % 300_000 == 0
        assert 35 < row["bpm"] < 190
    assert {"sleep", "awake", "rest"} <= {row["source"] for row in rows}


def test_heart_rate_follows_the_ride_and_the_night(oura: Oura) -> None:
    ride = max(rides_between(date(2026, 6, 1), date(2026, 7, 1)), key=lambda ride: ride.moving_s)
    start = ride.start_at - timedelta(hours=12)
    range_ = {"start_datetime": start.isoformat(), "end_datetime": ride.end_at.isoformat()}

    rows = oura.get("heartrate", **range_).json()["data"]

    mean = {
        source: sum(bpms) / len(bpms)
        for source in ("sleep", "rest", "awake", "workout")
        if (bpms := [row["bpm"] for row in rows if row["source"] == source])
    }
    assert mean["sleep"] < mean["awake"] < mean["workout"]
    assert abs(mean["sleep"] - night_of(ride.local_date).lowest_hr_bpm * 1.1) < 3
    assert abs(mean["workout"] - totals(ride).average_hr_bpm) < 8


def test_heart_rate_comes_in_pages_and_ends_now(oura: Oura) -> None:
    params = {"start_datetime": f"{NOW - timedelta(days=10):%Y-%m-%dT%H:%M:%SZ}"}
    pages = []
    while True:
        page = oura.get("heartrate", **params).json()
        pages.append(page["data"])
        if page["next_token"] is None:
            break
        params["next_token"] = page["next_token"]

    stamps = [row["timestamp_unix"] for page in pages for row in page]
    assert [len(page) for page in pages[:-1]] == [1000, 1000]
    assert stamps == sorted(set(stamps))
    assert NOW.timestamp() - 900 < stamps[-1] / 1000 < NOW.timestamp() + 60


def test_latest_heart_rate_is_one_row_and_fields_narrow_it(oura: Oura) -> None:
    [latest] = oura.get("heartrate", latest="true").json()["data"]
    [narrow] = oura.get("heartrate", latest="true", fields="bpm").json()["data"]

    assert latest["timestamp"] > "2026-07-04T05:15"
    assert narrow == {"timestamp": latest["timestamp"], "bpm": latest["bpm"]}


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"start_datetime": "yesterday"}, 422),
        ({"end_datetime": "2026-07-32T00:00:00Z"}, 422),
        ({"start_datetime": "2026-07-04", "end_datetime": "2026-07-03"}, 400),
        ({"start_datetime": "2026-06-01", "end_datetime": "2026-07-03"}, 400),
        ({"next_token": "x"}, 400),
    ],
)
def test_wrong_times_are_refused(oura: Oura, params: dict[str, str], status: int) -> None:
    assert oura.get("heartrate", **params).status_code == status
