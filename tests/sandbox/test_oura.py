import time
from datetime import date, datetime, timedelta

import httpx2
import pytest
import time_machine

from sandbox.oura.documents import ROUTES
from sandbox.person.nights import night_of, readiness_score
from sandbox.person.rider import at_home
from tests.sandbox.connecting import NOW, TODAY, Oura


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


def test_late_nap_ends_after_six_and_is_filed_under_the_day_after(oura: Oura) -> None:
    naps = [row for row in oura.rows("sleep", date(2026, 1, 1)) if row["type"] == "late_nap"]

    ends = [datetime.fromisoformat(row["bedtime_end"]) for row in naps]
    assert len(naps) > 5
    assert all(end.hour == 18 for end in ends)
    assert [row["day"] for row in naps] == [f"{end.date() + timedelta(days=1)}" for end in ends]


def test_document_is_found_by_its_id(oura: Oura) -> None:
    for route in ROUTES:
        row = oura.rows(route, date(2026, 1, 1))[-1]

        assert oura.get(f"{route}/{row['id']}").json() == row


def test_document_that_is_none_or_not_there_yet_is_404(oura: Oura) -> None:
    [row] = oura.rows("daily_sleep", TODAY)

    unknown = oura.get("daily_sleep/none")
    elsewhere = oura.get(f"daily_readiness/{row['id']}")
    with time_machine.travel(at_home(TODAY, 4)):
        too_early = oura.get(f"daily_sleep/{row['id']}")
    oura.http.post("/oura/mode", json={"mode": "night_not_there"})
    not_opened = oura.get(f"daily_sleep/{row['id']}")

    answers = (unknown, elsewhere, too_early, not_opened)
    assert [(one.status_code, one.json()["status"]) for one in answers] == [(404, 404)] * 4


@pytest.mark.parametrize("route", ["heartrate/1", "personal_info/1", "moods/1"])
def test_only_documents_have_an_id(oura: Oura, route: str) -> None:
    assert oura.get(route).status_code == 404


def test_oura_s_own_sandbox_has_the_documents_and_nobody_s_data(oura: Oura) -> None:
    headers = {"Authorization": "Bearer oura-sandbox-token"}

    def get(path: str) -> httpx2.Response:
        return oura.http.get(f"/oura/v2/sandbox/usercollection/{path}", headers=headers)

    [row] = get(f"daily_sleep?start_date={TODAY}").json()["data"]
    assert get(f"daily_sleep/{row['id']}").json() == row
    assert get("heartrate").status_code == 200
    assert [get("personal_info").status_code, get("moods").status_code] == [404, 404]
    assert oura.http.get("/oura/v2/sandbox/usercollection/sleep").status_code == 401


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
    unreadable = oura.get("sleep", start_date="2026-07-04T00:00:00")
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
    [
        ("unauthorized", 401),
        ("missing_scope", 401),
        ("token_revoked", 401),
        ("membership", 403),
        ("bad_request", 400),
        ("server_error", 500),
        ("rate_limited", 429),
    ],
)
def test_api_misbehaves_as_told(oura: Oura, mode: str, status: int) -> None:
    oura.http.post("/oura/mode", json={"mode": mode, "times": 1})

    spoiled, after = oura.get("personal_info"), oura.get("personal_info")

    assert (spoiled.status_code, spoiled.json()["status"]) == (status, status)
    assert after.status_code == 200


def test_slow_answers_late_but_well(oura: Oura) -> None:
    oura.http.post("/oura/mode", json={"mode": "slow", "times": 1, "seconds": 0.2})
    begun = time.monotonic()

    rows = oura.rows("daily_sleep", TODAY)

    assert (len(rows), time.monotonic() - begun >= 0.2) == (1, True)


def test_missing_scope_names_the_scope_of_the_route(oura: Oura) -> None:
    oura.http.post("/oura/mode", json={"mode": "missing_scope"})

    details = [oura.get(route).json()["detail"] for route in ("sleep", "vO2_max")]

    assert details == [
        f"Access token lacks the required scope: {scope}." for scope in ("daily", "heart_health")
    ]


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
