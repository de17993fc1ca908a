"""Every answer of the stand-in for Oura, held against its specification."""

from datetime import date, timedelta
from typing import Any

import httpx2
import pytest

from sandbox.modes import MODES
from sandbox.oura.documents import ROUTES
from sandbox.oura.scopes import NEEDED
from tests.sandbox.connecting import OURA_APP, TODAY, Oura
from tests.sandbox.specs import (
    needs_specs,
    oura_problems,
)
from tests.sandbox.subscriber import Subscriber

pytestmark = needs_specs

OURA = {
    "oura": "/v2/usercollection/{route}",
    "oura-document": "/v2/usercollection/{route}/{{document_id}}",
    "oura-subscriptions": "/v2/webhook/subscription",
    "oura-subscription": "/v2/webhook/subscription/{{id}}",
    "oura-renew": "/v2/webhook/subscription/renew/{{id}}",
    "oura-try-out": "/v2/sandbox/usercollection/{route}",
    "oura-try-out-document": "/v2/sandbox/usercollection/{route}/{{document_id}}",
}


def oura_path(route: str, name: str) -> str:
    return OURA[route].format(route=name)


def is_specified(route: str, name: str) -> bool:
    """Neither a personal profile nor a series has documents; the sandbox has no profile."""
    if route.endswith("document"):
        return name in ROUTES
    return route == "oura" or name != "personal_info"


READS = [route for route in OURA if "{route}" in OURA[route]]
ANSWERS = [(route, name) for route in READS for name in NEEDED if is_specified(route, name)]


def newest_id(oura: Oura, name: str) -> str:
    return str(oura.rows(name, TODAY - timedelta(days=180))[-1]["id"])


def oura_answer(oura: Oura, route: str, name: str, **params: str) -> httpx2.Response:
    path = oura_path(route, name)
    if "{document_id}" in path:
        path = path.format(document_id=newest_id(oura, name))
    headers = {"Authorization": "Bearer oura-sandbox-token"}
    return oura.http.get(f"/oura{path}", headers=headers, params=params)


@pytest.mark.parametrize(("route", "name"), ANSWERS)
def test_each_answer_keeps_to_the_specification(oura: Oura, route: str, name: str) -> None:
    answer = oura_answer(oura, route, name)

    assert answer.status_code == 200
    assert oura_problems(oura_path(route, name), 200, answer.json()) == []


@pytest.mark.parametrize("name", ROUTES)
def test_each_document_of_half_a_year_keeps_to_the_specification(oura: Oura, name: str) -> None:
    rows = oura.rows(name, date(2026, 1, 1))

    assert rows
    whole = {"data": rows, "next_token": None}
    assert oura_problems(f"/v2/usercollection/{name}", 200, whole) == []


@pytest.mark.parametrize("mode", MODES["oura"])
@pytest.mark.parametrize("name", NEEDED)
def test_each_route_keeps_to_the_specification_in_each_mode(
    oura: Oura, name: str, mode: str
) -> None:
    oura.http.post("/oura/mode", json={"mode": mode, "times": 1, "seconds": 0})

    answer = oura_answer(oura, "oura", name)

    if mode == "server_error":  # no specification promises one
        assert answer.status_code == 500
    else:
        path = oura_path("oura", name)
        assert oura_problems(path, answer.status_code, answer.json()) == []


@pytest.mark.parametrize("name", [*ROUTES, "heartrate"])
def test_refused_parameters_keep_to_the_specification(oura: Oura, name: str) -> None:
    wrong = {"start_datetime": "x"} if name == "heartrate" else {"start_date": "x"}

    for params, status in ((wrong, 422), ({"next_token": "x"}, 400)):
        answer = oura.get(name, **params)
        assert answer.status_code == status
        assert oura_problems(f"/v2/usercollection/{name}", status, answer.json()) == []


@pytest.mark.parametrize("name", ROUTES)
def test_document_that_is_none_keeps_to_the_specification(oura: Oura, name: str) -> None:
    """Every document of the specification can be missing."""
    answer = oura.get(f"{name}/none")

    path = oura_path("oura-try-out-document", name)
    assert oura_problems(path, answer.status_code, answer.json()) == []


def test_subscriptions_keep_to_the_specification(
    http: httpx2.Client, subscriber: Subscriber
) -> None:
    asked = {
        "callback_url": subscriber.url,
        "verification_token": "vt",
        "event_type": "create",
        "data_type": "sleep",
    }
    no_address = {**asked, "callback_url": ""}

    def problems(method: str, route: str, name: str = "", **sent: Any) -> tuple[int, list[str]]:
        path = oura_path(route, "").removesuffix("{id}")
        answer = http.request(method, f"/oura{path}{name}", headers=OURA_APP, **sent)
        body = answer.json() if answer.content else None
        spec = oura_path(route, "")
        return answer.status_code, oura_problems(spec, answer.status_code, body, method.lower())

    assert problems("POST", "oura-subscriptions", json=no_address) == (422, [])
    assert problems("POST", "oura-subscriptions", json=asked) == (201, [])
    assert problems("GET", "oura-subscriptions") == (200, [])
    [row] = http.get("/oura/v2/webhook/subscription", headers=OURA_APP).json()
    assert problems("GET", "oura-subscription", row["id"]) == (200, [])
    assert problems("PUT", "oura-subscription", row["id"], json={"verification_token": "v"}) == (
        200,
        [],
    )
    assert problems("PUT", "oura-subscription", row["id"], json={}) == (422, [])
    assert problems("PUT", "oura-renew", row["id"]) == (200, [])
    assert problems("DELETE", "oura-subscription", row["id"]) == (204, [])
    assert problems("GET", "oura-subscription", row["id"]) == (403, [])
