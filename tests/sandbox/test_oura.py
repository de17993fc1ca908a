from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest
import time_machine

from sandbox.person.nights import night_of, readiness_score
from sandbox.person.rider import at_home
from tests.sandbox.specs import needs_specs, oura_problems

TODAY = date(2026, 7, 4)
NOW = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
MODELS = {
    "daily_readiness": "PublicDailyReadiness",
    "daily_sleep": "PublicDailySleep",
    "sleep": "PublicModifiedSleepModel",
    "daily_activity": "PublicDailyActivity",
    "daily_stress": "PublicDailyStress",
    "daily_resilience": "DailyResilienceModel",
    "vO2_max": "PublicVO2Max",
}


class Oura:
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


@pytest.fixture
def oura(http: httpx2.Client) -> Any:
    with time_machine.travel(NOW):
        yield Oura(http)


def test_readiness_of_this_morning_is_the_rider_s(oura: Oura) -> None:
    (row,) = oura.rows("daily_readiness", TODAY)

    assert (row["day"], row["score"]) == ("2026-07-04", readiness_score(TODAY))
    assert row["timestamp"] == "2026-07-04T00:00:00.000+02:00"
    assert len(row["contributors"]) == 9


def test_night_that_is_not_over_is_not_there(oura: Oura) -> None:
    with time_machine.travel(at_home(TODAY, 4)):
        days = [row["day"] for row in oura.rows("daily_readiness", TODAY - timedelta(days=1))]

    assert days == ["2026-07-03"]


def test_long_range_comes_in_pages(oura: Oura) -> None:
    range_ = {"start_date": "2026-05-01", "end_date": "2026-07-04"}

    first = oura.get("daily_readiness", **range_).json()
    second = oura.get("daily_readiness", **range_, next_token=first["next_token"]).json()

    assert (len(first["data"]), len(second["data"])) == (30, 30)
    days = [row["day"] for row in oura.rows("daily_readiness", date(2026, 5, 1))]
    assert days == [f"{date(2026, 5, 1) + timedelta(days=n)}" for n in range(65)]


def test_sleep_has_one_long_sleep_a_day_and_other_periods(oura: Oura) -> None:
    rows = oura.rows("sleep", date(2026, 4, 6))

    kinds = [row["type"] for row in rows]
    nights = [row["day"] for row in rows if row["type"] == "long_sleep"]
    assert len(nights) == len(set(nights)) == 90
    assert {"rest", "deleted", "late_nap"} <= set(kinds)
    firsts = {row["day"]: row["type"] for row in reversed(rows)}
    assert set(firsts.values()) > {"long_sleep"}


def test_long_sleep_carries_the_night(oura: Oura) -> None:
    night = night_of(TODAY)

    row = next(r for r in oura.rows("sleep", TODAY) if r["type"] == "long_sleep")

    assert row["average_hrv"] == night.hrv_ms
    assert row["lowest_heart_rate"] == night.lowest_hr_bpm
    assert row["total_sleep_duration"] == night.asleep_s
    stages = ("deep_sleep_duration", "light_sleep_duration", "rem_sleep_duration", "awake_time")
    assert sum(row[stage] for stage in stages) == row["time_in_bed"]
    assert datetime.fromisoformat(row["bedtime_end"]) == night.wake_at
    assert row["hrv"]["items"][0] is None


def test_some_days_have_no_score_but_never_the_latest_three(oura: Oura) -> None:
    rows = oura.rows("daily_readiness", date(2025, 7, 5))
    unscored = [row for row in rows if row["score"] is None]

    assert 5 <= len(unscored) <= 25
    assert all(set(row["contributors"].values()) == {None} for row in unscored)
    assert all(row["score"] is not None for row in rows[-3:])


def test_latest_three_nights_are_scored_on_every_date(oura: Oura) -> None:
    unlucky = next(
        day for n in range(400) if night_of(day := TODAY - timedelta(days=n)).is_unscored
    )
    scores = []
    for age_days in (0, 2, 3):
        with time_machine.travel(at_home(unlucky + timedelta(days=age_days), 9)):
            (row,) = oura.rows("daily_readiness", unlucky, unlucky)
            scores.append(row["score"])

    assert scores == [readiness_score(unlucky), readiness_score(unlucky), None]


def test_fields_narrow_the_documents(oura: Oura) -> None:
    rows = oura.get("daily_sleep", start_date=f"{TODAY}", fields="score").json()["data"]

    assert [set(row) for row in rows] == [{"id", "day", "score"}]


def test_activity_of_a_day_comes_when_it_is_over(oura: Oura) -> None:
    rows = oura.rows("daily_activity", TODAY - timedelta(days=2))

    assert [row["day"] for row in rows] == ["2026-07-02", "2026-07-03"]


def test_personal_info_is_the_rider(oura: Oura) -> None:
    info = oura.get("personal_info").json()

    assert (info["age"], info["weight"], info["biological_sex"]) == (41, 70.4, "male")


@pytest.mark.parametrize("token", ["oura", "real-looking-token"])
def test_token_that_is_none_of_ours_is_401(oura: Oura, token: str) -> None:
    answer = oura.get("sleep", token)

    assert (answer.status_code, answer.json()["status"]) == (401, 401)


def test_request_without_a_token_is_401(oura: Oura) -> None:
    assert oura.http.get("/oura/v2/usercollection/sleep").status_code == 401


def test_wrong_dates_are_refused(oura: Oura) -> None:
    unreadable = oura.get("sleep", start_date="July")
    turned = oura.get("sleep", start_date="2026-07-04", end_date="2026-07-01")
    token = oura.get("sleep", next_token="x")

    assert (unreadable.status_code, turned.status_code, token.status_code) == (422, 400, 400)
    assert unreadable.json()["detail"][0]["loc"] == ["query", "start_date"]


def test_unknown_route_is_not_found(oura: Oura) -> None:
    assert oura.get("moods").status_code == 404


def test_night_not_there_empties_the_latest_day(oura: Oura) -> None:
    oura.http.post("/oura/mode", json={"mode": "night_not_there"})

    assert oura.rows("sleep", TODAY) == []
    assert oura.rows("daily_readiness", TODAY) == []
    days = [row["day"] for row in oura.rows("daily_readiness", TODAY - timedelta(days=1))]
    assert days == ["2026-07-03"]


@pytest.mark.parametrize(
    ("mode", "status"),
    [("unauthorized", 401), ("membership", 403), ("server_error", 500), ("rate_limited", 429)],
)
def test_api_misbehaves_as_told(oura: Oura, mode: str, status: int) -> None:
    oura.http.post("/oura/mode", json={"mode": mode, "times": 1})

    spoiled, after = oura.get("personal_info"), oura.get("personal_info")

    assert (spoiled.status_code, spoiled.json()["status"]) == (status, status)
    assert after.status_code == 200


def test_rate_limited_has_its_five_headers(oura: Oura) -> None:
    oura.http.post("/oura/mode", json={"mode": "rate_limited", "seconds": 2})
    with time_machine.travel(NOW, tick=False):
        headers = oura.get("sleep").headers

    reset = str(int(NOW.timestamp()) + 2)
    assert [
        headers["Retry-After"],
        headers["X-RateLimit-Limit"],
        headers["X-RateLimit-Window"],
        headers["X-RateLimit-Reset"],
        headers["X-RateLimit-Tier"],
    ] == ["2", "5000", "300", reset, "application"]


@needs_specs
@pytest.mark.parametrize("route", MODELS)
def test_documents_keep_to_oura_s_models(oura: Oura, route: str) -> None:
    rows = oura.rows(route, date(2026, 1, 1))

    assert rows
    assert [p for row in rows for p in oura_problems(MODELS[route], row)] == []


@needs_specs
def test_personal_info_keeps_to_oura_s_model(oura: Oura) -> None:
    assert oura_problems("PersonalInfoResponse", oura.get("personal_info").json()) == []
