"""What Lighthouse has to say of Home on a phone: `make lighthouse`.

Fills the seeded sandbox, serves its database as deployed (DEBUG off, static files compressed and
named by their content), and measures Home as its tester sees it. Writes docs/lighthouse/home.json
and docs/lighthouse.md; exit status 1 when Home misses the yardstick. Needs node and Chromium.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")

import django

django.setup()

import httpx2  # noqa: E402
from django.conf import settings  # noqa: E402

from tests.browser import world  # noqa: E402
from tests.processes import Service, running  # noqa: E402

TOOL = Path(settings.BASE_DIR) / "tools" / "lighthouse" / "node_modules" / ".bin" / "lighthouse"
DOCS = Path(settings.BASE_DIR) / "docs"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = {"performance": 95, "accessibility": 95}
MOST_BYTES = 150_000
# What of a page's speed is told beside the score, each as Lighthouse words it.
TIMES = (
    *("first-contentful-paint", "largest-contentful-paint", "speed-index"),
    *("total-blocking-time", "cumulative-layout-shift"),
)
PATIENCE_S = 120


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "var")
        with running(service):
            person = world.people(service)["seeded"]
        with as_deployed(service) as url:
            told = summary(measured(url, person.session, Path(folder) / "report.json"))
    (DOCS / "lighthouse").mkdir(exist_ok=True)
    (DOCS / "lighthouse" / "home.json").write_text(json.dumps(told, indent=1) + "\n")
    (DOCS / "lighthouse.md").write_text(page(told))
    print(page(told))
    missed = [name for name, least in LEAST.items() if told["scores"][name] < least]
    return 1 if missed or told["transferred_bytes"] > MOST_BYTES else 0


@contextmanager
def as_deployed(service: Service) -> Iterator[str]:
    port = environment.free_port()
    url = f"http://127.0.0.1:{port}"
    deployed = {
        **service.environment(),
        "DEBUG": "0",
        "SANDBOX": "0",
        "SITE_URL": url,
        "ALLOWED_HOSTS": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        # The sandbox's own: with them its sessions and tokens are good here, too.
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
        "OPENAI_API_KEY": "bench-only",
    }
    # Those with names that tell their content; the sandbox has plain ones.
    shutil.rmtree(service.folder / "static", ignore_errors=True)
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
    subprocess.run(collect, env=deployed, check=True)
    command = ["gunicorn", "lanterne.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    with subprocess.Popen(
        [sys.executable, "-m", *command, "--workers", "1", "--threads", "8"], env=deployed
    ) as server:
        try:
            until_it_answers(url)
            yield url
        finally:
            server.terminate()


def until_it_answers(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx2.get(f"{url}/auth/login", timeout=60).raise_for_status()
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def measured(url: str, session: str, report: Path) -> dict[str, Any]:
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
    # The first of all asks, in a process that has rendered nothing yet, is not what a tester meets.
    httpx2.get(url, headers={"Cookie": cookie}, timeout=60).raise_for_status()
    subprocess.run(
        [
            *(str(TOOL), f"{url}/", "--quiet", "--output=json", f"--output-path={report}"),
            f"--only-categories={','.join(CATEGORIES)}",
            f"--extra-headers={json.dumps({'Cookie': cookie})}",
            "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
        ],
        env={**os.environ, "CHROME_PATH": shutil.which("chromium") or ""},
        check=True,
    )
    told: dict[str, Any] = json.loads(report.read_text())
    return told


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """What is worth keeping: no address of a port, no cookie, nothing that differs for nothing."""
    audits = report["audits"]
    files = [
        {
            "file": one["url"].partition("//")[2].partition("/")[2] or "the page",
            "type": one.get("resourceType", "unknown"),
            "transferred_bytes": one["transferSize"],
            "bytes": one["resourceSize"],
        }
        for one in audits["network-requests"]["details"]["items"]
        if one["url"].startswith("http")
    ]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "lighthouse": report["lighthouseVersion"],
        "form_factor": report["configSettings"]["formFactor"],
        "scores": {
            name: round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES
        },
        "times": {audits[name]["title"]: audits[name]["displayValue"] for name in TIMES},
        "transferred_bytes": sum(one["transferred_bytes"] for one in files),
        "files": files,
        "missed": sorted(
            audit["id"]
            for audit in audits.values()
            if audit["score"] is not None and audit["score"] < 0.9
        ),
    }


def page(told: dict[str, Any]) -> str:
    scores = "\n".join(f"| {name} | {score} |" for name, score in told["scores"].items())
    times = "\n".join(f"| {name} | {value} |" for name, value in told["times"].items())
    files = "\n".join(
        f"| `{one['file']}` | {kb(one['transferred_bytes'])} | {kb(one['bytes'])} |"
        for one in told["files"]
    )
    return f"""# Lighthouse on Home

Home as the seeded tester sees it on the first visit, on a phone as Lighthouse imagines one (slow
4G, a slow processor), served as deployed. `make lighthouse` measures it again and writes this page
and [lighthouse/home.json](lighthouse/home.json). Lighthouse {told["lighthouse"]}, {told["date"]}.

The bar: performance and accessibility at least 95, less than 150 kB on a first load.

| category | of 100 |
|---|---|
{scores}

| | |
|---|---|
{times}

**{kb(told["transferred_bytes"])}** are transferred, of these:

| file | transferred | unpacked |
|---|---|---|
{files}
"""


def kb(size: int) -> str:
    return f"{size / 1000:.1f} kB"


if __name__ == "__main__":
    sys.exit(main())
