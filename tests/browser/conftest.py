import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page

from tests.processes import Service

SAMPLE = settings.BASE_DIR.parent / "shared/samples/apple-health/alxdrcirilo/export.zip"
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium: a test tool's own browser cannot be had everywhere."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    return {**browser_type_launch_args, "executable_path": chromium, "args": list(QUIET)}


@pytest.fixture(scope="module")
def base_url(service: Service) -> str:
    return service.url("")


@pytest.fixture
def signed_in(page: Page) -> Page:
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill("tester@lanterne.local")
    page.get_by_label("Password").fill("lanterne-tester")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third-party export where the samples lie beside the project, else one made here."""
    if SAMPLE.exists():
        return SAMPLE
    path = tmp_path_factory.mktemp("export") / "export.zip"
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.make_export"),
            *("--days", "20", "--scale", "0.05", "--out", str(path)),
        ],
        cwd=settings.BASE_DIR,
        check=True,
    )
    return path
