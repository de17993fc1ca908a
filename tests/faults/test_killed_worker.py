"""A worker killed with -9 in the middle of a run, as real processes."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from os import killpg
from typing import Any

import httpx2
import pytest

from tests.processes import Service

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]


class Browser:
    """A tester without JavaScript: forms and links only."""

    def __init__(self, service: Service) -> None:
        self.client = httpx2.Client(base_url=service.url(""), follow_redirects=True, timeout=30)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        self.client.get("/auth/login")
        token = self.client.cookies["csrftoken"]
        return self.client.post(path, data={**form, "csrfmiddlewaretoken": token})


def rows(service: Service, query: str, *values: Any) -> list[Any]:
    with sqlite3.connect(service.folder / "lanterne.sqlite3", timeout=20) as link:
        found = link.execute(query, values).fetchall()
    link.close()
    return found


@pytest.fixture
def browser(service: Service) -> Iterator[Browser]:
    browser = Browser(service)
    yield browser
    browser.client.close()


def test_run_is_finished_once_after_its_worker_was_killed(
    service: Service, browser: Browser
) -> None:
    mission = start_mission(service, browser)
    httpx2.post(
        service.url("/sandbox/openai/mode"),
        json={"mode": "timeout", "times": 1, "seconds": 30},
        timeout=30,
    ).raise_for_status()

    browser.post(f"/missions/{mission}/run-now")
    run = "SELECT outcome, fence FROM coach_missionrun WHERE mission_id = ?"
    key = mission.replace("-", "")
    service.wait_until(lambda: rows(service, run, key) == [("under_way", 1)])
    service.wait_until(lambda: asked(service) == 2)  # the seeded run's question, and ours
    killpg(service.children()[1], signal.SIGKILL)

    # Four minutes pass: the lease of the killed worker ends.
    rows(
        service,
        "UPDATE coach_missionrun SET lease_until = '2020-01-01 00:00:00' WHERE mission_id = ?",
        key,
    )
    service.wait_until(lambda: rows(service, run, key) == [("decided", 2)])

    browser.post(f"/missions/{mission}/run-now")
    briefs = "SELECT count(*) FROM notifications_notification WHERE dedupe_key LIKE ?"
    service.wait_until(
        lambda: rows(service, f"{briefs} AND state = 'sent'", f"brief:{mission}:%") == [(1,)]
    )
    assert rows(service, run, key) == [("decided", 2)]
    assert asked(service) == 3


def start_mission(service: Service, browser: Browser) -> str:
    """Register, fill the plain form, start training; the mission's ID."""
    browser.post(
        "/auth/register",
        email="rider@example.org",
        timezone="Europe/Paris",
        password1="a lantern in the rain",
        health_consent="on",
    )
    service.wait_until(lambda: confirmation_mail(browser))
    mail = browser.client.get(confirmation_mail(browser)[0])
    browser.client.get(re.findall(r'href="([^"]+/auth/confirm/[^"]+)"', mail.text)[0])
    start = date.today() + timedelta(days=60)  # noqa: DTZ011  any day that is still to come
    page = browser.post(
        "/missions/by-hand",
        name="Ride round the lake",
        mission_type="gran_fondo",
        event_start=start.isoformat(),
        event_end=start.isoformat(),
        timezone="Europe/Paris",
        send_time="06:00",
        weekly_minutes="420",
        event_style="steady",
        brief_detail="full",
        is_brief_mailed="on",
        **{f"weekday_minutes_{day}": "90" for day in range(7)},
        min_readiness="70",
        min_tsb="-15",
        force_rest_readiness="60",
        force_rest_tsb="-20",
        max_ramp_rate="8",
        max_consecutive_hard_days="2",
        max_hard_sessions_per_week="3",
        points_schema_hilly_gc="7",
        points_schema_hilly_breakaway="11",
    )
    found = re.search(r"/missions/([0-9a-f-]{36})$", str(page.url))
    assert found, page.text
    browser.post(f"/missions/{found[1]}/start")
    return found[1]


def confirmation_mail(browser: Browser) -> list[str]:
    mailbox = browser.client.get("/sandbox/mailbox/")
    return re.findall(r'href="(/sandbox/mailbox/\w+)">Confirm your address', mailbox.text)


def asked(service: Service) -> int:
    return len(httpx2.get(service.url("/sandbox/openai/requests"), timeout=30).json()["data"])
