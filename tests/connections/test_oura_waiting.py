"""A morning on which Oura answers and last night is not there yet: a state, not a failure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from coach.models import Incident
from connections import panel, readings, sync
from connections.models import Connection, FailureTally
from connections.providers.base import Told, Visit
from connections.providers.oura.provider import Oura
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import reload
from tests.connections.oura_server import NIGHT, SCORE, OuraServer, running
from tests.connections.oura_visits import PASTED, connected
from tests.factories import NOW, TODAY

SOON = timedelta(minutes=15)
YESTERDAY = TODAY - timedelta(days=1)
WORDS = "connected; last night is not there yet. Open the Oura app and it will come."
STEP = "Last night is not there yet. Open the Oura app and it will come."


@pytest.fixture
def oura(settings: LazySettings) -> Iterator[OuraServer]:
    with running() as server:
        settings.OURA_API_URL = server.url
        yield server


@pytest.fixture
def connection(tester: User) -> Connection:
    return factories.connection(
        tester, Source.OURA, access_token=PASTED, last_success_at=NOW - timedelta(hours=1)
    )


def paris(hour: int, minute: int = 0) -> datetime:
    """In July two hours ahead of UTC."""
    return datetime(2026, 7, 4, hour, minute, tzinfo=UTC) - timedelta(hours=2)


def told_at(tester: User, now: datetime) -> Told:
    visit = Visit(
        user=tester,
        access_token=PASTED,
        scopes=frozenset(),
        since=now - timedelta(days=7),
        now=now,
    )
    return Oura().read(visit)


@pytest.mark.parametrize(
    ("now", "waits_for", "again_in"),
    [
        (paris(0, 10), None, None),
        (paris(3, 59), None, None),
        (paris(4), TODAY, SOON),
        (paris(11, 59), TODAY, SOON),
        (paris(12), TODAY, None),
        (paris(23, 59), TODAY, None),
    ],
    ids=["night", "before four", "four", "before noon", "noon", "evening"],
)
def test_night_is_waited_for_once_it_must_be_over(
    tester: User, oura: OuraServer, now: datetime, waits_for: Any, again_in: Any
) -> None:
    oura.tells("sleep", {**NIGHT, "day": "2026-07-03"})

    told = told_at(tester, now)

    assert (told.waits_for, told.again_in) == (waits_for, again_in)


def test_hours_and_dates_are_the_tester_s_own(tester: User, oura: OuraServer) -> None:
    """At 10:30 in Paris it is 01:30 of the same day in Los Angeles, and 22:30 in Kiritimati."""
    User.objects.update(timezone="America/Los_Angeles")
    tester.refresh_from_db()
    assert told_at(tester, paris(10, 30)).waits_for is None

    User.objects.update(timezone="Pacific/Kiritimati")
    tester.refresh_from_db()
    evening = told_at(tester, paris(10, 30))
    assert (evening.waits_for, evening.again_in) == (TODAY, None)
    assert told_at(tester, paris(13)).waits_for is None  # one in the night of the next day


@pytest.mark.parametrize(
    ("route", "row", "waits"),
    [
        ("sleep", NIGHT, False),
        ("daily_readiness", SCORE, False),
        ("daily_readiness", {**SCORE, "score": None}, False),
        ("sleep", {**NIGHT, "type": "rest"}, True),
        ("sleep", {**NIGHT, "type": "deleted"}, True),
        ("sleep", {**NIGHT, "day": "2026-07-03"}, True),
        ("daily_activity", {"day": "2026-07-04", "steps": 3}, True),
    ],
    ids=["the night", "readiness", "unscored", "a rest", "deleted", "the night before", "steps"],
)
def test_night_or_its_readiness_ends_the_waiting(
    tester: User, oura: OuraServer, route: str, row: dict[str, Any], waits: bool
) -> None:
    oura.tells(route, row)

    assert told_at(tester, NOW).waits_for == (TODAY if waits else None)


def test_waiting_is_no_failure_and_is_looked_at_again_soon(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    attempt = sync.sync(connection, NOW)

    again = reload(connection)
    assert (attempt.is_success, attempt.reason, attempt.error) == (True, "", "")
    assert (again.state, again.last_error, again.failing_since) == ("ok", "", None)
    assert (again.waits_for, again.next_read_at) == (TODAY, NOW + SOON)
    assert again.last_success_at == NOW
    assert not FailureTally.objects.exists()
    assert not Incident.objects.exists()


def test_night_that_arrives_ends_the_waiting(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    sync.sync(connection, NOW)
    oura.tells("sleep", NIGHT)
    oura.tells("daily_readiness", SCORE)

    sync.sync(reload(connection), NOW + SOON)

    assert reload(connection).waits_for is None
    assert tester.nights.get(local_date=TODAY).asleep_s == 25200


def test_reading_that_fails_leaves_it_waiting(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    sync.sync(connection, NOW)
    oura.refuses("sleep", 500)

    sync.sync(reload(connection), NOW + SOON)

    again = reload(connection)
    assert (again.waits_for, again.last_error) == (TODAY, "Oura has trouble of its own just now.")
    [report] = readings.gather(tester, TODAY).sources
    assert (report.waits, report.problem) == (False, "Oura has trouble of its own just now.")


@time_machine.travel(NOW, tick=False)
def test_stand_in_before_the_app_is_opened(tester: User, stand_ins: StandIns) -> None:
    stand_ins.mode("oura", "night_not_there")
    connection = connected(tester, last_success_at=NOW - timedelta(hours=1))

    sync.sync(connection, NOW)
    waiting = reload(connection).waits_for
    stand_ins.mode("oura", "ok")
    sync.sync(reload(connection), NOW + SOON)

    assert (waiting, reload(connection).waits_for) == (TODAY, None)
    assert tester.nights.filter(local_date=TODAY).exists()


# --- Who is told, and how ---


@time_machine.travel(NOW, tick=False)
def test_page_says_what_helps_and_shows_no_fault(
    tester: User, as_tester: Client, connection: Connection
) -> None:
    Connection.objects.update(waits_for=TODAY)

    oura = panel.state_of(tester, Source.OURA)
    page = as_tester.get("/connections").content.decode()

    assert (oura.state, oura.words, oura.next_step) == ("ok", WORDS, STEP)
    assert f">C{WORDS[1:]}</p>" in page
    assert "#icon-broken" not in page.partition('class="source"')[2].partition("</li>")[0]


@time_machine.travel(NOW, tick=False)
def test_api_says_it_as_a_next_step(
    tester: User, as_tester: Client, connection: Connection
) -> None:
    Connection.objects.update(waits_for=TODAY)

    [oura] = [
        source
        for source in as_tester.get("/api/connections/status").json()["sources"]
        if source["source"] == "oura"
    ]

    assert (oura["state"], oura["last_error"], oura["next_step"]) == ("ok", None, STEP)


@pytest.mark.parametrize("waits_for", [None, YESTERDAY, TODAY + timedelta(days=1)])
@time_machine.travel(NOW, tick=False)
def test_another_day_is_not_waited_for(
    tester: User, connection: Connection, waits_for: Any
) -> None:
    Connection.objects.update(waits_for=waits_for)

    assert panel.state_of(tester, Source.OURA).words == "connected"
    [report] = readings.gather(tester, TODAY).sources
    assert not report.waits


def test_readings_say_that_a_source_waits(tester: User, connection: Connection) -> None:
    Connection.objects.update(waits_for=TODAY)

    [report] = readings.gather(tester, TODAY).sources

    assert (report.source, report.is_working, report.problem, report.waits) == (
        Source.OURA,
        True,
        "",
        True,
    )
