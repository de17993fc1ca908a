"""A whole run with everything that must not be logged; what reads the log is tests/log_scan.py."""

import logging
from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from accounts.models import Ftp
from coach import daily_run, record
from coach.models import MissionRun
from connections.sources import Source
from missions.models import Mission
from notifications import outbox
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY
from tests.log_scan import Scan

pytestmark = pytest.mark.django_db

ACCESS, REFRESH, API_KEY = "canary-access", "canary-refresh", "canary-key"
HRV_MS, RIDE_NAME = 52.0625, "Canary hill repeats"


@pytest.fixture
def rider(mission: Mission) -> Mission:
    """A tester with a history, and with connections whose tokens are sent and refused."""
    owner = mission.owner
    Ftp.objects.create(user=owner, effective_date=TODAY - timedelta(days=90), power_w=220)
    tokens = {"access_token": ACCESS, "refresh_token": REFRESH}
    factories.connection(owner, Source.STRAVA, expires_at=NOW - timedelta(hours=1), **tokens)
    factories.connection(owner, Source.OURA, **tokens)
    for n in range(30):
        factories.ride(owner, TODAY - timedelta(days=n + 1), name=RIDE_NAME)
        factories.night(owner, TODAY - timedelta(days=n), hrv_ms=HRV_MS + n % 3)
    return mission


def whole_day(mission: Mission, browser: Client) -> MissionRun:
    """A run, its artifact, its mails and its pages."""
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    record.keep_artifacts(run.pk)
    for notification in Notification.objects.all():
        outbox.send(notification.pk, NOW)
    for path in ("/", f"/runs/{run.pk}", f"/runs/{run.pk}/status"):
        assert browser.get(path).status_code == 200
    return MissionRun.objects.get()


@pytest.mark.parametrize("mode", ["ok", "absurd", "server_error"])
def test_whole_run_leaves_nothing_private_in_any_log_line(
    rider: Mission,
    as_tester: Client,
    stand_ins: StandIns,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    the_log: Scan,
    mode: str,
) -> None:
    settings.OPENAI_API_KEY = API_KEY
    stand_ins.mode("openai", mode)
    caplog.set_level(logging.DEBUG)

    with time_machine.travel(NOW, tick=False):
        run = whole_day(rider, as_tester)

    # A server that is out of order for a moment is waited for.
    is_put_off = mode == "server_error"
    of_the_run = Notification.objects.exclude(kind=Notification.Kind.CONNECTION)
    assert of_the_run.count() == {"ok": 1, "server_error": 0}.get(mode, 2)
    assert run.is_finished is not is_put_off
    lines = [line for line in the_log.lines if line.logger == "coach.conversation"]
    assert len(lines) == {"absurd": 2}.get(mode, 1)
    # As the fixture does at the end of every test; here it is what the test is about.
    assert the_log.learned
    assert the_log.found() == []
