"""A worker killed with -9 in the middle of a run or an import, as real processes."""

import re
import signal
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from os import killpg
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import Service

pytestmark = [pytest.mark.processes, pytest.mark.embedded]


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


# --- An Apple Health import ----------------------------------------------------------------------

FIRST_DAY = date(2001, 1, 1)
DAYS = 1000
PATIENCE_S = 60


def slow_export(folder: Path) -> Path:
    """150 MB that take seconds: the attributes are not in the order that the fast path knows."""
    path = folder / "slow.xml"
    with path.open("w") as out:
        out.write('<HealthData locale="en_GB"><ExportDate value="2026-06-01 09:00:00 +0000"/>\n')
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(days=number)
            moment = f'startDate="{day} 12:00:00 +0000" endDate="{day} 12:00:05 +0000"'
            out.write(
                f'<Record value="1" unit="count" {moment} sourceName="Phone" '
                f'type="HKQuantityTypeIdentifierStepCount"/>\n'
                + f'<Record value="60" unit="count/min" {moment} sourceName="Watch" '
                f'type="HKQuantityTypeIdentifierHeartRate"/>\n' * 900
            )
        out.write("</HealthData>\n")
    return path


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slow_export(tmp_path_factory.mktemp("slow"))


@pytest.fixture
def tester(browser: Browser) -> Browser:
    browser.post("/auth/login", login="tester@lanterne.local", password="lanterne-tester")
    return browser


def send(tester: Browser, export: Path) -> None:
    tester.client.get("/connections")
    form = {"csrfmiddlewaretoken": token_of(tester)}
    with export.open("rb") as stream:
        answer = tester.client.post(
            "/connections/apple-health", data=form, files={"file": stream}, timeout=300
        )
    assert answer.status_code == 200, answer.text


def token_of(browser: Browser) -> str:
    page = browser.client.get("/connections")
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def newest(service: Service, *columns: str) -> Any:
    query = f"SELECT {', '.join(columns)} FROM connections_applehealthupload"
    return rows(service, f"{query} ORDER BY uploaded_at DESC LIMIT 1")[0]


def wait_until_it_is_read(service: Service) -> None:
    """Until a worker is in the middle of it, which is over in a few seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status, done, total = newest(service, "status", "bytes_read", "bytes_total")
        assert status in ("waiting", "reading"), status
        if 0 < done < total:
            return
        assert time.monotonic() < deadline, service.output.read_text()
        time.sleep(0.02)


def steps(service: Service) -> list[Any]:
    return rows(
        service,
        "SELECT value FROM connections_dailysample WHERE kind = 'steps' AND local_date < ?",
        str(FIRST_DAY + timedelta(days=DAYS + 1)),
    )


def files_kept(service: Service) -> list[Path]:
    return list((service.folder / "uploads").iterdir())


@pytest.mark.fault("F28")
def test_upload_that_is_cut_off_leaves_nothing(
    service: Service, tester: Browser, slow: Path
) -> None:
    before = rows(service, "SELECT count(*) FROM connections_applehealthupload")
    tester.client.get("/connections")
    content = slow.read_bytes()
    head = (
        f'--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'
        f'{token_of(tester)}\r\n--b\r\nContent-Disposition: form-data; name="file"; '
        f'filename="cut.xml"\r\n\r\n'
    ).encode()
    cookies = "; ".join(f"{name}={value}" for name, value in tester.client.cookies.items())
    with socket.create_connection(("127.0.0.1", service.port)) as line:
        line.sendall(
            f"POST /connections/apple-health HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
            f"Cookie: {cookies}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {len(head) + len(content) + 20}\r\n\r\n".encode()
        )
        line.sendall(head + content[: len(content) * 6 // 10])
        service.wait_until(lambda: [f.stat().st_size > 0 for f in files_kept(service)] == [True])

    service.wait_until(lambda: files_kept(service) == [])
    assert rows(service, "SELECT count(*) FROM connections_applehealthupload") == before
    assert "cut.xml" not in tester.client.get("/connections").text


@pytest.mark.fault("F28")
def test_import_is_finished_once_after_its_worker_was_killed(
    service: Service, tester: Browser, slow: Path
) -> None:
    send(tester, slow)
    wait_until_it_is_read(service)
    killpg(service.children()[1], signal.SIGKILL)

    assert newest(service, "status", "attempts", "days") == ("reading", 1, 0)
    assert steps(service) == []
    # Five minutes pass: the lease of the killed worker ends.
    rows(
        service,
        "UPDATE connections_applehealthupload SET lease_until = '2020-01-01 00:00:00' "
        "WHERE status = 'reading'",
    )
    service.wait_until(lambda: newest(service, "status") == ("done",))

    assert newest(service, "attempts", "days") == (2, DAYS)
    assert steps(service) == [(1.0,)] * DAYS
    service.wait_until(lambda: files_kept(service) == [])


def test_import_that_is_cancelled_while_it_is_read_frees_its_worker(
    service: Service, tester: Browser, slow: Path
) -> None:
    rows(service, "DELETE FROM connections_dailysample WHERE local_date < '2010-01-01'")
    send(tester, slow)
    wait_until_it_is_read(service)
    number = uuid.UUID(newest(service, "id")[0])

    answer = tester.client.post(
        f"/connections/apple-health/uploads/{number}/cancel",
        data={"csrfmiddlewaretoken": token_of(tester)},
    )

    assert "is cancelled and the file deleted" in answer.text
    assert (newest(service, "status"), files_kept(service)) == (("cancelled",), [])
    small = slow.with_name("small.xml")
    small.write_text(f"{slow.read_text().splitlines()[0]}</HealthData>\n")
    send(tester, small)
    service.wait_until(lambda: newest(service, "status") == ("done",))
    assert steps(service) == []


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
