"""Whether a large upload is felt by anybody else: python -m bench.upload

Starts the web server as `manage.py up` does, in a folder of its own, signs a tester in and sends an
export of a gigabyte through the page: session, token, multipart, one piece after the other. Reports
the server's peak of resident memory, and how long other pages take meanwhile and before. Exit
status 1 if the memory is above the yardstick or the file was not kept whole. With S3_BUCKET and its
like set, the file goes into that bucket.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import httpx2
from django.utils import timezone

MOST_MB = 200
PAGES = ("/healthz", "/connections")
IDLE_ROUNDS = 60
PATIENCE_S = 60
EMAIL, PASSWORD = "bench@example.org", "a lantern in the rain"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_GB">\n'
PIECE = b" <!-- a gigabyte of nothing -->\n" * 32_768
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

Times = dict[str, list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--send", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send:
        return send(arguments.url, arguments.send)
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.xml"
        with export.open("wb") as out:
            out.write(HEAD)
            for _ in range(arguments.megabytes * 1_000_000 // len(PIECE)):
                out.write(PIECE)
        url = service_in(Path(folder) / "var")
        return report(url, export)


def service_in(folder: Path) -> str:
    """This process and the server are a sandbox with its own database; its address."""
    from tests.environment import free_port  # noqa: PLC0415  it sets an environment of its own

    for service in ("DATABASE_URL", "REDIS_URL", "SITE_URL"):
        os.environ.pop(service, None)
    settings = {"DEBUG": "1", "SANDBOX": "1", "VAR_DIR": str(folder), "PORT": str(free_port())}
    os.environ.update(settings, LOG_LEVEL="CRITICAL", DJANGO_SETTINGS_MODULE="lanterne.settings")
    (folder / "static").mkdir(parents=True)
    django.setup()
    return f"http://127.0.0.1:{settings['PORT']}"


def report(url: str, export: Path) -> int:
    # Models can be imported only now that the service has its folder.
    from accounts.models import User  # noqa: PLC0415
    from connections.models import AppleHealthUpload  # noqa: PLC0415
    from lanterne.management.commands.up import prepare, web_server  # noqa: PLC0415

    prepare()
    tester = User.objects.create_user(EMAIL, PASSWORD, health_consent_at=timezone.now())
    tester.confirm_address()
    with server(web_server(), url) as worker, signed_in(url) as browser:
        rounds = iter(range(IDLE_ROUNDS))
        idle = timed(browser, lambda: next(rounds, None) is not None)
        # Signing in takes a hundred megabytes for a moment, which the password hash is made for.
        Path(f"/proc/{worker}/clear_refs").write_text("5")
        idle_mb = megabytes(worker, "VmRSS")
        sending = subprocess.Popen(
            [sys.executable, "-m", "bench.upload", "--send", str(export), "--url", url],
            env={**os.environ, "BENCH_COOKIES": cookies_of(browser)},
        )
        began = time.monotonic()
        busy = timed(browser, lambda: sending.poll() is None)
        took_s = time.monotonic() - began
        peak_mb = megabytes(worker, "VmHWM")
    kept = AppleHealthUpload.objects.filter(user=tester, size_bytes=export.stat().st_size).exists()
    show(idle, busy)
    sent_mb = export.stat().st_size / 1e6
    print(f"\nsent {sent_mb:.0f} MB in {took_s:.1f} s, kept whole: {'yes' if kept else 'NO'}")
    print(f"the web process held {idle_mb:.0f} MB before, {peak_mb:.0f} MB at most", end=", ")
    print(f"goal {MOST_MB} MB: {'ok' if peak_mb <= MOST_MB else 'TOO MUCH'}")
    return 0 if kept and peak_mb <= MOST_MB else 1


def send(url: str, export: Path) -> int:
    """The browser's part, in a process of its own so that it does not slow its neighbours down."""
    cookies = dict(one.split("=", 1) for one in os.environ["BENCH_COOKIES"].split("; "))
    with httpx2.Client(base_url=url, cookies=cookies, timeout=600) as browser:
        token = TOKEN.findall(browser.get("/connections").text)[0]
        with export.open("rb") as stream:
            answer = browser.post(
                "/connections/apple-health",
                data={"csrfmiddlewaretoken": token},
                files={"file": (export.name, stream, "text/xml")},
            )
    return 0 if answer.status_code == 302 else 1


@contextmanager
def server(command: list[str], url: str) -> Iterator[int]:
    """The number of the process that answers, once it does."""
    started = subprocess.Popen([sys.executable, "-m", *command])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(f"{url}/healthz"):
            if started.poll() is not None or time.monotonic() > deadline:
                sys.exit("The web server does not answer.")
            time.sleep(0.2)
        yield int(Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()[0])
    finally:
        started.terminate()
        started.wait(PATIENCE_S)


def answers(url: str) -> bool:
    try:
        httpx2.get(url, timeout=5)
    except httpx2.TransportError:
        return False
    return True


@contextmanager
def signed_in(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url, timeout=60) as browser:
        token = TOKEN.findall(browser.get("/auth/login").text)[0]
        form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
        if browser.post("/auth/login", data=form).status_code != 302:
            sys.exit("The tester could not be signed in.")
        yield browser


def cookies_of(browser: httpx2.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def timed(browser: httpx2.Client, goes_on: Callable[[], bool]) -> Times:
    """Milliseconds of each page, one after the other for as long as it goes on."""
    took: Times = {page: [] for page in PAGES}
    while goes_on():
        for page in PAGES:
            began = time.perf_counter()
            browser.get(page)
            took[page].append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    return took


def show(idle: Times, busy: Times) -> None:
    print(f"{'ms':14}{'idle p50':>10}{'p95':>8}{'uploading p50':>16}{'p95':>8}{'asked':>8}")
    for page in PAGES:
        (idle_50, idle_95), (busy_50, busy_95) = map(middle_and_slow, (idle[page], busy[page]))
        print(
            f"{page:14}{idle_50:10.1f}{idle_95:8.1f}{busy_50:16.1f}{busy_95:8.1f}"
            f"{len(busy[page]):8}"
        )


def middle_and_slow(took_ms: list[float]) -> tuple[float, float]:
    of_hundred: list[Any] = statistics.quantiles(took_ms, n=100, method="inclusive")
    return of_hundred[49], of_hundred[94]


def megabytes(pid: int, name: str) -> float:
    """VmRSS is what a process holds now, VmHWM the most it ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    return int(told[name].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
