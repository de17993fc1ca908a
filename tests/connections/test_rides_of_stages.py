"""A ride of a file that a stage was counted with: sent, deleted, and sent again."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Ftp, User
from coach import results
from coach.scored import settle_stages
from connections import readings
from connections.sources import Source
from missions.models import Mission
from missions.progress import OPEN_FOR
from tests import factories
from tests.connections.recorded import fit_ride
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_upload_folder")]

FIRST, SECOND = TODAY - timedelta(days=2), TODAY - timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
Settle = Callable[..., dict[int, tuple[str, int]]]


@pytest.fixture
def event(tester: User) -> Mission:
    """Three stages, today's the last; files are the only source of its rides."""
    Ftp.objects.create(user=tester, effective_date=date(2026, 1, 1), power_w=200)
    return factories.mission(
        tester, state=Mission.State.EVENT_ACTIVE, event_start=FIRST, event_end=TODAY
    )


@pytest.fixture
def settle(event: Mission) -> Settle:
    """As every morning does it: what each stage counts as, and for how many points."""

    def morning(now: datetime = NOW) -> dict[int, tuple[str, int]]:
        local_date = event.local_date(now)
        gathered = readings.gather(event.owner, local_date)
        settle_stages(event, gathered, local_date=local_date, now=now)
        rows = event.progress.select_related("stage")
        return {row.stage.number: (row.ride_mode, row.points) for row in rows}

    return morning


def ridden(day: date) -> bytes:
    """Three quarters of an hour at 150 W, begun at 14:00 in Paris."""
    return fit_ride((150,) * 2700, datetime.combine(day, time(14), tzinfo=PARIS))


def send(client: Client, content: bytes) -> str:
    with time_machine.travel(NOW, tick=False):
        answer = client.post("/api/rides/upload", {"file": SimpleUploadedFile("ride.fit", content)})
    assert answer.status_code == 201
    return str(answer["Location"])


def forget(client: Client, where: str, way: str) -> None:
    if way == "api":
        assert client.delete(where).status_code == 204
        return
    number = where.rpartition("/")[2]
    assert client.post(f"/connections/rides/{number}/delete").status_code == 302


@pytest.mark.parametrize("way", ["api", "page"])
def test_stage_whose_ride_is_deleted_loses_its_points_and_gets_them_back(
    as_tester: Client, settle: Settle, way: str
) -> None:
    first = send(as_tester, ridden(FIRST))
    send(as_tester, ridden(SECOND))
    assert settle() == {1: ("gc", 5), 2: ("gc", 5)}

    forget(as_tester, first, way)
    assert settle() == {1: ("rest", 0), 2: ("gc", 5)}

    send(as_tester, ridden(FIRST))
    assert settle() == {1: ("gc", 5), 2: ("gc", 5)}


def test_newest_ride_counts_as_gone_too_though_nothing_tells_of_a_day_after_it(
    as_tester: Client, settle: Settle
) -> None:
    send(as_tester, ridden(FIRST))
    second = send(as_tester, ridden(SECOND))
    settle()

    forget(as_tester, second, "api")

    assert settle() == {1: ("gc", 5), 2: ("rest", 0)}


def test_only_ride_there_was_counts_as_gone(as_tester: Client, settle: Settle) -> None:
    only = send(as_tester, ridden(FIRST))
    assert settle() == {1: ("gc", 5)}

    forget(as_tester, only, "api")

    assert settle() == {1: ("rest", 0)}
    assert settle(NOW + timedelta(days=1)) == {1: ("rest", 0)}


def test_same_ride_of_another_source_takes_the_place_of_a_deleted_one(
    as_tester: Client, tester: User, settle: Settle, event: Mission
) -> None:
    only = send(as_tester, ridden(FIRST))
    settle()
    start = datetime.combine(FIRST, time(14), tzinfo=PARIS)
    told: dict[str, Any] = {
        "started_at": start,
        "duration_s": 2700,
        "elapsed_s": 2700,
        "read_at": start,
    }
    factories.ride(tester, FIRST, source=Source.APPLE, external_id="twin", **told)

    forget(as_tester, only, "api")

    assert settle() == {1: ("gc", 5)}
    assert event.progress.get().ride_key == "apple:twin"


def test_bonus_that_rested_on_a_deleted_ride_goes_with_it(
    as_tester: Client, settle: Settle, event: Mission
) -> None:
    schema = {**event.points_schema, "bonuses": {"consecutive_2": {"threshold": 2, "points": 3}}}
    Mission.objects.update(points_schema=schema)
    first, _ = [send(as_tester, ridden(day)) for day in (FIRST, SECOND)]
    settle()
    assert [award.points for award in event.awards.all()] == [3]

    forget(as_tester, first, "api")
    settle()
    assert not event.awards.exists()

    send(as_tester, ridden(FIRST))
    settle()
    assert [award.points for award in event.awards.all()] == [3]


@pytest.mark.parametrize(
    ("after", "points"),
    [(OPEN_FOR - timedelta(days=1), 0), (OPEN_FOR + timedelta(days=1), 5)],
    ids=["within a fortnight", "after it"],
)
def test_ride_deleted_after_the_event_counts_as_gone_for_a_fortnight(
    as_tester: Client, event: Mission, settle: Settle, after: timedelta, points: int
) -> None:
    only = send(as_tester, ridden(FIRST))
    settle()
    Mission.objects.update(state=Mission.State.MISSION_COMPLETE)
    forget(as_tester, only, "api")
    now = datetime.combine(TODAY, time(12), tzinfo=PARIS) + after

    for mission in results.unsettled(now):
        results.settle(mission, now)

    assert event.progress.get(stage__number=1).points == points
