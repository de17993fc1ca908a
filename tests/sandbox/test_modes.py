import httpx2
import pytest

from sandbox import modes

OURA = {"Authorization": "Bearer oura-sandbox-token"}


def statuses(http: httpx2.Client, times: int) -> list[int]:
    answers = [http.get("/oura/v2/usercollection/sleep", headers=OURA) for _ in range(times)]
    return [answer.status_code for answer in answers]


def test_mode_for_two_requests_ends_after_them(http: httpx2.Client) -> None:
    answer = http.post("/oura/mode", json={"mode": "server_error", "times": 2})

    assert answer.json() == {"mode": "server_error", "times": 2, "seconds": None}
    assert statuses(http, 4) == [500, 500, 200, 200]
    assert http.get("/oura/mode").json()["mode"] == "ok"


def test_mode_without_a_number_stays_until_it_is_changed(http: httpx2.Client) -> None:
    http.post("/oura/mode", data={"mode": "membership", "times": ""})
    before = statuses(http, 3)
    http.post("/oura/mode", data={"mode": "ok"})

    assert (before, statuses(http, 1)) == ([403, 403, 403], [200])


def test_mode_is_counted_only_by_requests_it_applies_to(http: httpx2.Client) -> None:
    http.post("/oura/mode", json={"mode": "night_not_there", "times": 1})
    http.get("/oura/v2/usercollection/personal_info", headers=OURA)

    assert http.get("/oura/mode").json() == {
        "mode": "night_not_there",
        "times": 1,
        "seconds": None,
        "modes": list(modes.MODES["oura"]),
    }


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"mode": "sulk"}, "mode"),
        ({"mode": "ok", "times": 0}, "times"),
        ({"mode": "ok", "seconds": -1}, "seconds"),
        ({}, "mode"),
    ],
)
def test_mode_that_makes_no_sense_is_refused(
    http: httpx2.Client, asked: dict[str, object], field: str
) -> None:
    answer = http.post("/oura/mode", json=asked)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_mode_of_an_unknown_server_is_not_found(http: httpx2.Client) -> None:
    assert http.get("/garmin/mode").status_code == 404


def test_mode_set_from_the_page_leads_back_to_it(http: httpx2.Client) -> None:
    answer = http.post("/oura/mode", data={"mode": "ok"}, headers={"Accept": "text/html,*/*"})

    assert (answer.status_code, answer.headers["location"]) == (302, "/sandbox/")
