"""Each mail as a phone and a desk show it with images off: `python -m tests.browser.mails`.

The brief also with its picture, and in the dark.
"""

import base64
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.test import override_settings
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path("docs/screenshots/mail")
WIDTHS = (320, 600)
QUALITY = 70


@dataclass(frozen=True, slots=True)
class Look:
    """A mail as one reader has it; `picture` is empty with images off."""

    name: str
    html: str
    picture: bytes = b""
    scheme: Any = "light"

    @property
    def page(self) -> str:
        shown = f"data:image/png;base64,{base64.b64encode(self.picture).decode()}"
        return self.html.replace("cid:picture", shown) if self.picture else self.html


def looks() -> Iterator[Look]:
    with override_settings(SITE_URL="https://lanterne.example", SANDBOX=False):
        family = import_module("tests.mails").family()
    for name, mail in family.items():
        yield Look(name, mail.html)
        if mail.picture:
            yield Look(f"{name}-picture", mail.html, mail.picture)
            yield Look(f"{name}-dark", mail.html, mail.picture, "dark")
    yield Look("source-dark", family["source"].html, scheme="dark")


def shoot(browser: Browser, look: Look, width: int) -> bytes:
    viewport: Any = {"width": width, "height": 600}
    page = browser.new_page(viewport=viewport, color_scheme=look.scheme)
    try:
        page.set_content(look.page)
        tools = page.context.new_cdp_session(page)
        size = tools.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
        how = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(tools.send("Page.captureScreenshot", how)["data"])
    finally:
        page.close()


def main() -> None:
    """Write them all anew: those of mails that are gone go."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")
    django.setup()
    folder = settings.BASE_DIR / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    made = list(looks())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for look in made:
            for width in WIDTHS:
                (folder / f"{look.name}-{width}.webp").write_bytes(shoot(browser, look, width))
        browser.close()


if __name__ == "__main__":
    main()
