"""Draw the icons of the app from static/lantern.svg; the PNG files are kept with the code."""

import re
from pathlib import Path
from typing import Any

import resvg_py
from django.conf import settings
from django.core.management.base import BaseCommand

STATIC = Path(settings.BASE_DIR) / "static"
GROUND, LANTERN = "#b3121d", "#fffdf8"
# Side in pixels, how much of it the lantern takes, and how round the corners are. A maskable icon
# may be cut to a circle of four fifths; Apple rounds the corners itself.
ICONS = {
    "icon-192.png": (192, 0.66, 0.18),
    "icon-512.png": (512, 0.66, 0.18),
    "icon-maskable-512.png": (512, 0.52, 0.0),
    "apple-touch-icon.png": (180, 0.64, 0.0),
}


class Command(BaseCommand):
    help = "Draw static/icons/*.png anew from static/lantern.svg."

    def handle(self, **_: Any) -> None:
        for name, icon in ICONS.items():
            (STATIC / "icons" / name).write_bytes(drawn(*icon))
            self.stdout.write(f"static/icons/{name}")


def drawn(side: int, share: float, corner: float) -> bytes:
    """The lantern as a picture; its path is drawn on 24 by 24."""
    found = re.search(r'<path d="([^"]+)"', (STATIC / "lantern.svg").read_text())
    if found is None:
        raise ValueError("static/lantern.svg has no path")
    inset = 24 * (1 - share) / 2
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<rect width="24" height="24" rx="{24 * corner}" fill="{GROUND}"/>'
        f'<path transform="translate({inset} {inset}) scale({share})" fill="{LANTERN}" '
        f'fill-rule="evenodd" d="{found.group(1)}"/></svg>'
    )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
