"""Every page in every state as a picture, in docs/screenshots/: `make screenshots`.

Starts the seeded sandbox, looks at each place at two widths and in both schemes, and removes
pictures of places that are no more. The mails follow where their module is.
"""

import base64
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tests import environment  # noqa: F401  the sandbox, before the settings are read

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.browser import world  # noqa: E402
from tests.browser.conftest import QUIET  # noqa: E402
from tests.browser.pages import WIDTHS, size_of  # noqa: E402
from tests.browser.places import PLACES, Place  # noqa: E402
from tests.processes import Service, running  # noqa: E402

FOLDER = Path(settings.BASE_DIR) / "docs" / "screenshots"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUALITY = 30
# A page that is longer goes on like that.
TALLEST_PX = 2_600
MAILS = "tests.browser.mails"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Service(Path(folder) / "var")) as service,
    ):
        made = set(pictures(service))
    for old in set(FOLDER.glob("*.webp")) - made:
        old.unlink()
    (FOLDER / "README.md").write_text(index())
    if importlib.util.find_spec(MAILS) is not None:
        importlib.import_module(MAILS).main()
    size = sum(file.stat().st_size for file in made)
    print(f"{len(made)} pictures in {FOLDER}, {size / 1e6:.1f} MB")


def pictures(service: Service) -> Iterator[Path]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    people = world.people(service)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        for width in WIDTHS:
            context = browser.new_context(base_url=service.url(""), viewport=size_of(width))
            page = context.new_page()
            for place in PLACES:
                world.become(context, service, people.get(place.as_who))
                page.goto(place.address(people))
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    yield written(page, place, width, scheme)
            context.close()
        browser.close()


def written(page: Page, place: Place, width: int, scheme: str) -> Path:
    """The whole page, up to a height; by the browser's own protocol, which alone makes WebP."""
    file = FOLDER / f"{place.name}-{width}-{scheme}.webp"
    height = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST_PX), "scale": 1}
    chosen = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    session = page.context.new_cdp_session(page)
    file.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", chosen)["data"]))
    session.detach()
    print(file.name)
    return file


def index() -> str:
    """A table of them all."""
    columns = [f"{width} px, {scheme}" for width in WIDTHS for scheme in SCHEMES]
    lines = [
        "# Every page, as `make screenshots` has found it",
        "",
        "In the seeded sandbox, with invented data: `tests/browser/places.py` has the list.",
        "The mails are in [mail/](mail/).",
        "",
        f"| page | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for place in PLACES:
        files = [f"{place.name}-{width}-{scheme}.webp" for width in WIDTHS for scheme in SCHEMES]
        links = " | ".join(f"[look]({file})" for file in files)
        lines.append(f"| {place.name.replace('-', ' ')} | {links} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
