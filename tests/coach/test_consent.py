"""Without the tester's consent nothing is read, nothing is asked and no run is made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import privacy
from accounts.models import User
from coach import conversation, daily_run, mornings, results, tasks
from coach.models import MissionRun
from connections import apple_uploads, readings, sync
from connections.models import AppleHealthUpload, SyncAttempt
from connections.providers.oura import client as oura
from connections.sources import Source
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Visit
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

NOT_ALLOWED = "Your health data may not be read. Allow it in Settings, under Privacy."


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def withdraw(mission: Mission) -> None:
    privacy.withdraw_consent(mission.owner, None, NOW)


def test_morning_of_somebody_who_withdrew_opens_no_run_and_the_next_comes_by_itself(
    mission: Mission,
) -> None:
    Mission.objects.update(next_run_at=NOW - timedelta(minutes=1))
    withdraw(mission)

    mornings.open_due("Europe/Paris", NOW)

    assert not MissionRun.objects.exists()
    mission.refresh_from_db()
    assert mission.next_run_at is not None
    assert mission.next_run_at > NOW


def test_button_says_what_to_do_instead_of_asking(mission: Mission, as_tester: Client) -> None:
    withdraw(mission)

    answer = as_tester.post(f"/missions/{mission.pk}/run-now", follow=True)

    assert NOT_ALLOWED in answer.content.decode()
    assert not MissionRun.objects.exists()


def test_run_that_waits_is_given_up_when_consent_is_withdrawn(
    mission: Mission, stand_ins: StandIns
) -> None:
    daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    withdraw(mission)

    tasks.run_mission_day(mission.owner_id, str(mission.pk), TODAY.isoformat())

    assert not MissionRun.objects.exists()
    assert not Notification.objects.exists()
    assert stand_ins.questions() == []


def test_consent_withdrawn_while_the_sources_are_read_keeps_the_model_from_being_asked(
    mission: Mission, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    gather: Callable[..., Any] = readings.gather_all

    def gather_and_withdraw(*args: Any) -> Any:
        withdraw(mission)
        return gather(*args)

    monkeypatch.setattr(readings, "gather_all", gather_and_withdraw)
    daily_run.run_day(run)

    assert not MissionRun.objects.exists()
    assert stand_ins.questions() == []


def test_day_that_has_its_brief_keeps_it(mission: Mission, stand_ins: StandIns) -> None:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    withdraw(mission)

    assert daily_run.open_run(mission, TODAY, MissionRun.Trigger.TESTER) == run
    assert MissionRun.objects.get().outcome == MissionRun.Outcome.DECIDED


def test_consent_given_again_brings_the_brief_back(mission: Mission, stand_ins: StandIns) -> None:
    withdraw(mission)
    privacy.give_consent(mission.owner, None, NOW)

    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)

    assert daily_run.run_day(run).outcome == MissionRun.Outcome.DECIDED


def test_source_is_not_read_and_says_why(mission: Mission, stand_ins: StandIns) -> None:
    connection = factories.connection(mission.owner, Source.OURA, access_token="oura-sandbox-a")
    withdraw(mission)

    attempt = sync.sync(connection, NOW)

    assert (attempt.is_success, attempt.error) == (False, NOT_ALLOWED)
    assert not mission.owner.nights.exists()


def test_last_stages_of_somebody_who_withdrew_are_left_as_they_are(tester: User) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=TODAY - timedelta(days=2),
        event_end=TODAY - timedelta(days=1),
    )
    assert results.unsettled(NOW) == [mission]

    withdraw(mission)

    assert results.unsettled(NOW) == []
    assert not SyncAttempt.objects.exists()


def test_upload_is_refused(mission: Mission, as_tester: Client) -> None:
    withdraw(mission)
    with apple_export() as file:
        answer = as_tester.post("/connections/apple-health", {"file": file})

    assert answer.status_code == 403
    assert NOT_ALLOWED in answer.content.decode()
    assert not AppleHealthUpload.objects.exists()


def test_upload_that_waits_is_not_read(mission: Mission) -> None:
    with apple_export() as file:
        upload = apple_uploads.keep_file(mission.owner, "export.xml", file)
    withdraw(mission)

    apple_uploads.run_import(upload.pk)

    upload.refresh_from_db()
    assert (upload.status, upload.error) == ("failed", NOT_ALLOWED)


def apple_export() -> Any:
    export = b'<?xml version="1.0"?><HealthData locale="en_GB"></HealthData>'
    return SimpleUploadedFile("export.xml", export)


def test_home_says_that_the_coach_waits_for_consent(mission: Mission, as_tester: Client) -> None:
    assert "The coach is waiting for your word" not in as_tester.get("/").content.decode()

    withdraw(mission)

    assert "The coach is waiting for your word" in as_tester.get("/").content.decode()


def test_source_is_not_connected(mission: Mission, as_tester: Client, stand_ins: StandIns) -> None:
    withdraw(mission)

    page = as_tester.post("/connections/oura/token", {"token": "oura-sandbox-a"})

    assert NOT_ALLOWED in page.content.decode()
    assert not mission.owner.connections.exists()
    assert (
        as_tester.post(
            "/api/connections/oura", {"token": "oura-sandbox-a"}, content_type="application/json"
        ).status_code
        == 403
    )


def test_strava_is_not_connected_and_its_ftp_not_kept(
    mission: Mission, as_tester: Client, stand_ins: StandIns
) -> None:
    withdraw(mission)

    told = Visit(as_tester).connect()

    assert told == [f"Strava is not connected. {NOT_ALLOWED}"]
    assert not mission.owner.connections.exists()
    assert not mission.owner.ftps.exists()


def test_readings_that_arrive_after_the_withdrawal_are_not_kept(
    mission: Mission, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = factories.connection(mission.owner, Source.OURA, access_token="oura-sandbox-a")
    nights: Callable[..., Any] = oura.nights_between

    def read_and_withdraw(*args: Any) -> Any:
        found = list(nights(*args))
        withdraw(mission)
        return found

    monkeypatch.setattr(oura, "nights_between", read_and_withdraw)
    attempt = sync.sync(connection, NOW)

    assert (attempt.is_success, attempt.error) == (False, NOT_ALLOWED)
    assert not mission.owner.nights.exists()
    assert not mission.owner.samples.exists()


def test_second_question_is_not_asked_after_the_withdrawal(
    mission: Mission, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.mode("openai", "malformed")
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    read: Callable[..., Any] = conversation.read

    def withdraw_and_read(*args: Any) -> Any:
        withdraw(mission)
        return read(*args)

    monkeypatch.setattr(conversation, "read", withdraw_and_read)
    daily_run.run_day(run)

    assert len(stand_ins.questions()) == 1
    assert not MissionRun.objects.exists()
