"""A mail as subject, text and HTML, rendered from templates/email/NAME.{subject.txt,txt,html}."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import formats
from accounts.formats import Reader


@dataclass(frozen=True, slots=True)
class Mail:
    """`picture`: the bytes of a PNG that the HTML shows as `cid:picture`."""

    subject: str
    text: str
    html: str
    picture: bytes | None = None


def render(
    name: str,
    context: Mapping[str, Any],
    *,
    timezone_name: str = "UTC",
    reader: Reader | None = None,
) -> Mail:
    """Render a mail in the reader's own zone, dates and units, its styles in the elements.

    Without a reader, as whoever is written for already reads (`formats.written_for`).
    """
    full = {**context, "site_url": settings.SITE_URL, "is_sandbox": settings.SANDBOX}
    with timezone.override(timezone_name), formats.written_for(reader or formats.reader()):
        subject = render_to_string(f"email/{name}.subject.txt", full)
        text = render_to_string(f"email/{name}.txt", full)
        html = render_to_string(f"email/{name}.html", full)
    return Mail(
        subject=" ".join(subject.split()),
        text=text.strip() + "\n",
        html=_inliner().inline(html),
    )


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
