import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from coach.models import MissionRun
from lanterne.management.commands.draw_icons import ICONS, drawn
from missions.models import Mission
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

PNG_SIDE = slice(16, 24)


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def put_decided(mission: Mission, days_ago: int) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=days_ago),
        trigger="schedule",
        outcome=MissionRun.Outcome.DECIDED,
        finished_at=NOW - timedelta(days=days_ago),
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )


def test_manifest_names_the_app_and_icons_that_are_there(client: Client) -> None:
    answer = client.get("/manifest.webmanifest")

    told = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/manifest+json"
    assert (told["name"], told["start_url"], told["display"]) == (
        "Lanterne Rouge",
        "/",
        "standalone",
    )
    assert [(icon["sizes"], icon["purpose"]) for icon in told["icons"]] == [
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
        ("any", "any"),
    ]
    paths = [icon["src"].removeprefix("/static/") for icon in told["icons"]]
    assert [path for path in paths if finders.find(path) is None] == []


@pytest.mark.parametrize("name", ICONS)
def test_icon_is_as_large_as_it_says_and_drawn_from_the_lantern(name: str) -> None:
    side = ICONS[name][0]
    kept = finders.find(f"icons/{name}")

    assert isinstance(kept, str)
    content = Path(kept).read_bytes()
    assert content[PNG_SIDE] == side.to_bytes(4) * 2
    assert content == drawn(*ICONS[name])


def test_worker_may_look_after_the_whole_site_and_is_asked_for_each_time(client: Client) -> None:
    answer = client.get("/sw.js")

    headers = answer.headers
    assert headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (headers["Service-Worker-Allowed"], headers["Cache-Control"]) == ("/", "no-cache")
    found = re.search(r"= (\{.*\});", answer.content.decode())
    assert found is not None
    about = json.loads(found.group(1))
    assert about["leaving"] == ["/auth/logout", "/settings/delete"]
    assert [path for path in about["files"] if not path.startswith("/static/")] == []


def test_offline_page_is_the_same_for_everybody(client: Client) -> None:
    answer = client.get("/offline")

    assert "You are offline" in answer.content.decode()
    assert "Vary" not in answer.headers


def test_policy_lets_the_worker_and_the_manifest_in_and_nothing_from_elsewhere(
    client: Client,
) -> None:
    policy = client.get("/offline").headers["Content-Security-Policy"].split("; ")

    assert {"worker-src 'self'", "manifest-src 'self'", "script-src 'self'"} <= set(policy)


@pytest.mark.django_db
def test_kept_brief_is_the_newest_that_was_made_with_its_date_and_its_owner(
    tester: User, mission: Mission, as_tester: Client
) -> None:
    put_decided(mission, 3)
    put_decided(mission, 2)
    MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome=MissionRun.Outcome.DUE
    )

    with CaptureQueriesContext(connection) as captured:
        answer = as_tester.get("/offline/brief")

    page = answer.content.decode()
    assert "From Thursday 2 July, offline." in page
    assert reply()["reason"] in page
    assert ("<form" in page, "csrf" in page, "/runs/" in page) == (False, False, False)
    assert answer.headers["X-Account"] == str(tester.pk)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert len(captured) == 4


@pytest.mark.django_db
def test_kept_brief_is_nobody_else_s(mission: Mission, as_stranger: Client, client: Client) -> None:
    put_decided(mission, 0)

    assert as_stranger.get("/offline/brief").status_code == 204
    nobody = client.get("/offline/brief")
    assert nobody.headers["Location"] == "/auth/login?next=/offline/brief"


@pytest.mark.django_db
def test_mark_of_the_kept_brief_is_that_of_the_one_shown(
    mission: Mission, as_tester: Client
) -> None:
    put_decided(mission, 0)

    kept = as_tester.get("/offline/brief").headers["X-Mark"]

    assert as_tester.get("/").context["mark"] == kept


@pytest.mark.django_db
def test_leaving_makes_the_browser_forget_the_pages_it_keeps(
    tester: User, as_tester: Client
) -> None:
    assert "Clear-Site-Data" not in as_tester.get("/").headers

    assert as_tester.post("/auth/logout").headers["Clear-Site-Data"] == '"cache"'


@pytest.mark.django_db
def test_deleting_the_account_makes_the_browser_forget_them_too(
    tester: User, as_tester: Client
) -> None:
    answer = as_tester.post(
        "/settings/delete", {"password": "correct horse battery", "is_sure": "on"}
    )

    assert (answer.status_code, answer.headers.get("Clear-Site-Data")) == (302, '"cache"')
