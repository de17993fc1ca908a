from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Ftp, User
from connections.models import DailySample, Night, Ride
from connections.sources import Source
from missions.models import Mission, RideMode
from missions.progress import StageRidden, settle
from tests import factories
from tests.coach.test_trends import ago, score
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

NAMES = ["readiness", "form", "points"]
PARTS = ["", "/chart", "/table"]
STATIC = Path(settings.BASE_DIR) / "static"


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def path(mission: Mission, name: str, part: str = "") -> str:
    return f"/missions/{mission.pk}/trends/{name}{part}"


def queries(browser: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def one_day(user: User) -> None:
    Ftp.objects.create(user=user, effective_date=ago(300), power_w=200)
    factories.connection(user, last_success_at=NOW)
    factories.ride(user, ago(1))
    factories.night(user, TODAY)
    score(user, TODAY)


def years(user: User) -> None:
    """4,000 rides over eleven years, and a year of nights and scores."""
    at = datetime(TODAY.year, TODAY.month, TODAY.day, 16, tzinfo=UTC)
    days = [timedelta(days=n) for n in range(2, 4002)]
    Ride.objects.bulk_create(
        Ride(
            user=user,
            source=Source.STRAVA,
            external_id=f"{ago.days}",
            sport="Ride",
            started_at=at - ago,
            local_date=TODAY - ago,
            duration_s=3600,
            elapsed_s=3600,
            np_w=160.0,
            has_power_meter=True,
        )
        for ago in days
    )
    nights = [
        Night(
            user=user,
            source=Source.OURA,
            local_date=TODAY - ago,
            ended_at=at - ago,
            asleep_s=27_000,
            hrv_ms=50.0,
            hrv_kind="rmssd",
            resting_hr_bpm=50.0,
        )
        for ago in days[:365]
    ]
    Night.objects.bulk_create(nights)
    DailySample.objects.bulk_create(
        DailySample(
            user=user,
            source=Source.OURA,
            local_date=night.local_date,
            kind=DailySample.Kind.READINESS,
            value=80,
            unit="score",
            measured_at=night.ended_at,
        )
        for night in nights
    )


@pytest.mark.parametrize("name", NAMES)
def test_page_holds_the_sentences_and_the_whole_table(
    tester: User, mission: Mission, as_tester: Client, name: str
) -> None:
    one_day(tester)
    stage = mission.stages.get(number=1)
    settle(mission, stage, StageRidden(RideMode.GC, "file:1", NOW), now=NOW)

    answer = as_tester.get(path(mission, name))

    page, chart = answer.content.decode(), answer.context["chart"]
    assert f"<h1>{chart.title}</h1>" in page
    assert chart.told[0].replace("'", "&#x27;") in page
    assert page.count("<tr>") == len(chart.rows) + 1
    assert ("data-chart=" in page, "<details" in page) == (True, False)
    assert "charts.js" in page
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("name", NAMES)
def test_chart_is_a_part_whose_table_comes_when_it_is_opened(
    tester: User, mission: Mission, as_tester: Client, name: str
) -> None:
    one_day(tester)
    stage = mission.stages.get(number=1)
    settle(mission, stage, StageRidden(RideMode.GC, "file:1", NOW), now=NOW)

    part = as_tester.get(path(mission, name, "/chart")).content.decode()
    table = as_tester.get(path(mission, name, "/table")).content.decode()

    assert part.startswith(f'<section class="trend" id="trend-{name}"')
    assert f'hx-get="{path(mission, name, "/table")}" hx-trigger="toggle once"' in part
    assert f'href="{path(mission, name)}"' in part
    assert ("<table" in part, "<html" in part, "every " in part) == (False, False, False)
    assert ("<table" in table, "<section" in table) == (True, False)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", NAMES)
def test_trends_are_their_tester_s_alone(
    mission: Mission, as_stranger: Client, name: str, part: str
) -> None:
    address = path(mission, name, part)

    assert as_stranger.get(address).status_code == 404
    assert Client().get(address)["Location"] == f"/auth/login?next={address}"


def test_trend_that_there_is_not_is_not_found(mission: Mission, as_tester: Client) -> None:
    assert as_tester.get(path(mission, "watts")).status_code == 404
    assert as_tester.get(f"/missions/{uuid4()}/trends/form").status_code == 404


def test_trends_are_only_read(mission: Mission, as_tester: Client) -> None:
    assert as_tester.post(path(mission, "form")).status_code == 405


@pytest.mark.parametrize(("name", "count"), [("readiness", 11), ("form", 11), ("points", 5)])
def test_trend_costs_as_many_queries_with_eleven_years_as_with_a_day(
    tester: User, mission: Mission, as_tester: Client, name: str, count: int
) -> None:
    one_day(tester)
    little = queries(as_tester, path(mission, name, "/chart"))
    years(tester)

    assert (little, queries(as_tester, path(mission, name, "/chart"))) == (count, count)


@pytest.mark.parametrize("address", ["/", "mission"])
def test_home_and_mission_leave_a_place_and_a_link_for_each_trend(
    mission: Mission, as_tester: Client, address: str
) -> None:
    page = as_tester.get(mission.get_absolute_url() if address == "mission" else "/").content
    text = page.decode()

    for name in ("readiness", "form"):
        chart = path(mission, name, "/chart")
        assert f'hx-get="{chart}" hx-trigger="revealed" hx-swap="outerHTML"' in text
        assert f'href="{path(mission, name)}"' in text
    assert path(mission, "points") not in text
    assert "charts.js" in text


def test_home_without_a_mission_loads_no_charts(as_tester: Client) -> None:
    assert "charts.js" not in as_tester.get("/").content.decode()


def test_charts_are_under_60_kilobytes() -> None:
    files = ("charts.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css")

    assert sum((STATIC / name).stat().st_size for name in files) < 60_000
