"""docs/adding-a-source.md, tried: a folder and an entry in settings.SOURCES are a whole source."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import exports
from accounts.models import User
from coach import brief, daily_run
from coach.models import MissionRun
from connections import readings, refresh, registry, slots, tasks
from connections.models import Connection
from lanterne.settings import _source
from missions.models import Mission
from tests import factories
from tests.conftest import StandIns, signed_in
from tests.connections.conftest import reload
from tests.connections.intervals.stand_in import KEY, StandIn, running
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[2] / "docs" / "adding-a-source.md"
RIDE = {
    "id": "i7",
    "name": "Evening ride",
    "type": "Ride",
    "start_date": "2026-07-03T16:00:00Z",
    "moving_time": 3600,
    "elapsed_time": 3700,
    "icu_weighted_avg_watts": 180,
}
NIGHT = {"id": "2026-07-04", "sleepSecs": 27_000, "hrv": 61.5, "restingHR": 44}


@pytest.fixture
def intervals(settings: LazySettings) -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.activities, stand_in.wellness = [RIDE], [NIGHT]
    with running(stand_in) as url, time_machine.travel(NOW, tick=False):
        entry = _source("INTERVALS", "intervals.icu", "intervals.provider.Intervals", API_URL=url)
        entry["PROVIDER"] = "tests.connections.intervals.provider.Intervals"
        settings.SOURCES = {**settings.SOURCES, "intervals": entry}
        yield stand_in


@pytest.fixture
def worker(
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Any:
    """Does what is handed to workers while it is called."""

    def work(action: Any) -> Any:
        published.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = action()
        for task, args in published:
            assert task == "connections.sync"
            tasks.sync(*args)
        return answer

    return work


def paste(client: Client, token: str) -> Any:
    return client.post("/connections/intervals/token", {"token": token})


@pytest.fixture
def connection(as_tester: Client, intervals: StandIn, worker: Any) -> Connection:
    """Connected through the page, and read."""
    assert worker(lambda: paste(as_tester, KEY)).status_code == 302
    return Connection.objects.get()


def state(client: Client) -> dict[str, Any]:
    rows = client.get("/api/connections/status").json()["sources"]
    return next(row for row in rows if row["source"] == "intervals")


def test_source_is_on_the_panel_and_in_the_api(as_tester: Client, intervals: StandIn) -> None:
    page = as_tester.get("/connections").content.decode()

    assert "<strong>intervals.icu</strong>" in page
    assert 'action="/connections/intervals/token#intervals"' in page
    assert state(as_tester) == {
        "source": "intervals",
        "label": "intervals.icu",
        "state": "none",
        "last_success_at": None,
        "failing_since": None,
        "rides": 0,
        "nights": 0,
        "last_error": None,
        "next_step": "Connect intervals.icu on the Connections page.",
    }


def test_key_is_tried_kept_encrypted_and_read(
    as_tester: Client, tester: User, connection: Connection
) -> None:
    assert (connection.provider, connection.external_id) == ("intervals", "i42")
    assert connection.access_token == KEY
    with database.cursor() as cursor:
        cursor.execute("SELECT access_token FROM connections_connection")
        assert KEY not in str(cursor.fetchone())
    ride, night = tester.rides.get(), tester.nights.get()
    assert (ride.source, ride.external_id, ride.local_date) == ("intervals", "i7", date(2026, 7, 3))
    assert (ride.np_w, ride.has_power_meter) == (180, True)
    assert (night.source, night.local_date, night.asleep_s) == ("intervals", TODAY, 27_000)
    assert (night.hrv_ms, night.hrv_kind, night.resting_hr_bpm) == (61.5, "rmssd", 44)
    told = state(as_tester)
    assert (told["state"], told["rides"], told["nights"]) == ("ok", 1, 1)
    assert "1 ride and 1 night here" in as_tester.get("/connections").content.decode()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/connections/intervals/token", "intervals.icu does not accept this token."),
        ("/api/connections/intervals", "intervals.icu does not accept the key."),
    ],
)
def test_key_that_is_refused_is_not_kept(
    as_tester: Client, intervals: StandIn, path: str, words: str
) -> None:
    token = {"token": "wrong"}

    if path.startswith("/api/"):
        answer = as_tester.post(path, token, content_type="application/json")
    else:
        answer = as_tester.post(path, token)

    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Connection.objects.exists()


def test_stranger_and_anonymous_have_nothing_of_it(
    connection: Connection, as_stranger: Client, client: Client
) -> None:
    assert state(as_stranger)["state"] == "none"
    answers = {
        path: (as_stranger.post(path).status_code, client.post(path).status_code)
        for path in ("/connections/intervals/sync", "/connections/intervals/disconnect")
    }
    assert answers == dict.fromkeys(answers, (404, 302))
    assert Connection.objects.exists()


def test_source_is_read_hourly(
    connection: Connection, intervals: StandIn, worker: Any, tester: User
) -> None:
    slot = slots.own_slot(connection.pk, NOW)
    assert reload(connection).next_read_at == slot
    intervals.activities.append({**RIDE, "id": "i8", "start_date": "2026-07-04T06:00:00Z"})

    with time_machine.travel(slot, tick=False):
        assert worker(lambda: refresh.sweep(slot)) == 1

    assert sorted(tester.rides.values_list("external_id", flat=True)) == ["i7", "i8"]
    assert reload(connection).next_read_at == slot + timedelta(hours=1)


def test_ride_that_is_deleted_there_goes_here(
    connection: Connection, intervals: StandIn, worker: Any, tester: User
) -> None:
    intervals.activities = []

    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        tasks.sync(connection.pk)

    assert not tester.rides.exists()


def test_failures_are_told_and_counted(
    as_tester: Client, connection: Connection, intervals: StandIn
) -> None:
    for status in (500, 403, 429):
        intervals.status = status
        tasks.sync(connection.pk)

    metrics = as_tester.get("/metrics").content.decode()
    counted = re.findall(r'failures_total{reason="(\w+)",source="intervals"} ([\d.]+)', metrics)
    assert dict(counted) == {
        "reconnect": "0.0",
        "refused": "1.0",
        "busy": "1.0",
        "unavailable": "1.0",
    }
    assert state(as_tester)["failing_since"] == "2026-07-04T05:30:00Z"


def test_source_counts_where_it_tells(connection: Connection) -> None:
    names = {
        metric: "intervals" in registry.that_tell(metric)
        for metric in ("rides", "sleep", "hrv", "resting_hr", "readiness")
    }

    assert names == {
        "rides": True,
        "sleep": True,
        "hrv": True,
        "resting_hr": True,
        "readiness": False,
    }


def test_source_reaches_the_brief_under_its_name(
    connection: Connection, mission: Mission, stand_ins: StandIns
) -> None:
    gathered = readings.gather(mission.owner, TODAY)
    assert ([ride.source for ride in gathered.rides], gathered.rides_known_until) == (
        ["intervals"],
        TODAY,
    )

    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.TESTER)
    daily_run.run_day(run)

    told = brief.of(MissionRun.objects.get(), NOW)
    assert told is not None
    assert told.situation.metrics.night_source == "intervals"
    numbers = {chip.label: chip.source for chip in brief.numbers_in(told.situation)}
    assert (numbers["HRV"], numbers["Sleep"]) == ("intervals.icu", "intervals.icu")


@pytest.mark.usefixtures("media")
def test_source_is_in_the_copy_of_everything_without_its_key(
    connection: Connection, tester: User
) -> None:
    out = io.BytesIO()
    exports.write(tester, out, NOW)
    archive = zipfile.ZipFile(out)

    rows = {
        name: json.loads(archive.read(f"connections.{name}.json"))
        for name in ("connection", "ride", "night")
    }

    assert [row["provider"] for row in rows["connection"]] == ["intervals"]
    assert [[row["source"] for row in rows[name]] for name in ("ride", "night")] == [
        ["intervals"],
        ["intervals"],
    ]
    assert not any(KEY.encode() in archive.read(name) for name in archive.namelist())


def test_source_is_named_where_the_page_says_how_long_it_is_kept(
    as_tester: Client, intervals: StandIn
) -> None:
    page = as_tester.get("/settings/privacy").content.decode()

    assert "<dt>From intervals.icu</dt>" in page


@pytest.mark.parametrize("how", ["page", "api"])
@pytest.mark.django_db(transaction=True)
def test_disconnecting_erases_what_came_from_it_and_nothing_else(
    intervals: StandIn, how: str
) -> None:
    tester = factories.tester()
    client = signed_in(tester)
    paste(client, KEY)
    tasks.sync(Connection.objects.get().pk)
    factories.ride(tester, TODAY)

    if how == "page":
        client.post("/connections/intervals/disconnect")
    else:
        client.delete("/api/connections/intervals")

    assert not Connection.objects.exists()
    assert [ride.source for ride in tester.rides.all()] == ["strava"]
    assert not tester.nights.exists()


def test_source_needs_no_migration(intervals: StandIn) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_recipe_shows_the_source_that_is_tried_here() -> None:
    """The two files it prints are those of tests/connections/intervals/, with their own imports."""
    recipe = DOCS.read_text().replace(
        "connections.providers.intervals", "tests.connections.intervals"
    )

    shown = [part.partition("```")[0] for part in recipe.split("```python\n")[1:]]

    folder = Path(__file__).parent / "intervals"
    assert (folder / "provider.py").read_text() in shown
