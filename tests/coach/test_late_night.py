"""A night that reaches us after the brief went out counts from then on, and changes no brief."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Model, QuerySet

from accounts import artifacts
from accounts.models import Artifact
from coach import brief, daily_run, record
from coach.models import Incident, MissionRun, ModelCall
from coach.situation import Situation
from connections import sync
from connections.sources import Source
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("morning")]

MISSING = "last night from Oura (not there yet: open the Oura app and it will come)"


@pytest.fixture
def morning(stand_ins: StandIns) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def rider(mission: Mission) -> Mission:
    """A tester whose ring has told sixty nights, and last night not yet."""
    for ago in range(1, 60):
        factories.night(mission.owner, TODAY - timedelta(days=ago), hrv_ms=50 + ago % 5)
    factories.connection(
        mission.owner,
        Source.OURA,
        access_token="oura-sandbox-test",
        refresh_token="",
        last_success_at=NOW - timedelta(hours=1),
    )
    return mission


def run_day(mission: Mission) -> MissionRun:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    return MissionRun.objects.get(pk=run.pk)


def rows_of(*querysets: QuerySet[Any]) -> list[dict[str, Any]]:
    return [row for rows in querysets for row in rows.order_by("pk").values()]


def what_went_out() -> tuple[list[dict[str, Any]], list[bytes]]:
    models: tuple[type[Model], ...] = (MissionRun, ModelCall, Notification, Artifact)
    rows = rows_of(*(model._default_manager.all() for model in models))
    return rows, [artifacts.read(one) for one in Artifact.objects.order_by("pk")]


def test_brief_says_that_last_night_is_not_there_yet(rider: Mission, stand_ins: StandIns) -> None:
    stand_ins.mode("oura", "night_not_there")

    run = run_day(rider)

    situation = Situation.model_validate(run.situation)
    mail = Notification.objects.get()
    assert run.outcome == MissionRun.Outcome.DECIDED
    assert brief.missing_in(situation)[-1] == MISSING
    assert MISSING[1:] in mail.text
    assert MISSING[1:] in mail.html
    assert not Incident.objects.exists()
    [source] = situation.sources
    assert (source.is_working, source.problem, source.waits) == (True, "", True)
    assert "waits" not in str(situation.for_model())


def test_night_that_arrives_later_counts_and_leaves_the_brief_as_it_was(
    rider: Mission, stand_ins: StandIns
) -> None:
    stand_ins.mode("oura", "night_not_there")
    run = run_day(rider)
    record.keep_artifacts(run.pk)
    before = what_went_out()
    assert before[1]

    stand_ins.mode("oura", "ok")
    with time_machine.travel(NOW + timedelta(minutes=40), tick=False):
        sync.sync(rider.owner.connections.get(), NOW + timedelta(minutes=40))
        record.keep_artifacts(run.pk)
        assert run_day(rider) == run

    assert rider.owner.nights.filter(local_date=TODAY).exists()
    assert rider.owner.connections.get().waits_for is None
    assert what_went_out() == before


def test_run_after_the_night_arrived_misses_nothing_of_it(
    rider: Mission, stand_ins: StandIns
) -> None:
    run = run_day(rider)

    situation = Situation.model_validate(run.situation)
    assert MISSING not in brief.missing_in(situation)
    assert situation.metrics.night_source == "oura"
    assert [source.waits for source in situation.sources] == [False]


def test_situation_that_was_kept_before_knows_of_no_waiting(rider: Mission) -> None:
    run = run_day(rider)
    assert run.situation is not None
    kept = {**run.situation, "sources": [dict(run.situation["sources"][0])]}
    del kept["sources"][0]["waits"]

    assert [source.waits for source in Situation.model_validate(kept).sources] == [False]
