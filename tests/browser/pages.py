"""Steps that the browser tests share: registering, signing in, the mailbox, the draft's row."""

import json
import re
import sqlite3
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.processes import Service

PHONE: ViewportSize = {"width": 390, "height": 844}
SMALL_PHONE: ViewportSize = {"width": 320, "height": 640}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
WIDTHS = [PHONE["width"], DESKTOP["width"]]
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > window.innerWidth"
# What the colour scheme can change; nothing else of a page is another in the dark.
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


def register(page: Page, email: str, timezone: str = "") -> None:
    """Register and confirm the address; without `timezone` the browser's own stays chosen."""
    page.goto("/auth/register")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("a lantern in the rain")
    if timezone:
        page.get_by_label("Time zone").select_option(timezone)
    page.get_by_label("may read my health data").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    open_mail(page, "Confirm your address for Lanterne Rouge", email)
    page.get_by_role("link", name="/auth/confirm/").click()
    page.wait_for_url("**/missions/new")


def open_mail(page: Page, subject: str | re.Pattern[str], email: str) -> None:
    """Look into the mailbox until the mail to this address is there."""
    mail = page.get_by_role("listitem").filter(has_text=email).get_by_role("link", name=subject)
    for _ in range(20):
        page.goto("/sandbox/mailbox/")
        if mail.count():
            break
        page.wait_for_timeout(500)
    mail.first.click()
    expect(page.get_by_text(f"To {email},")).to_be_visible()


def sign_in(page: Page) -> None:
    """As the tester of the seeded sandbox."""
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill("tester@lanterne.local")
    page.get_by_label("Password").fill("lanterne-tester")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def put(service: Service, draft: str, **values: Any) -> None:
    """Write a draft's row as if it had come to this; `draft` is its number."""
    names = ", ".join(f"{name} = ?" for name in values)
    with sqlite3.connect(service.folder / "lanterne.sqlite3", timeout=20) as link:
        link.execute(
            f"UPDATE coach_missiondraft SET {names} WHERE id = ?",
            (*values.values(), draft.replace("-", "")),
        )
    link.close()


def put_run(service: Service, **values: Any) -> None:
    """Write the newest run as if it had come to this, and forget the nights that are in."""
    names = ", ".join(f"{name} = ?" for name in values)
    newest = "(SELECT MAX(local_date) FROM coach_missionrun)"
    with sqlite3.connect(service.folder / "lanterne.sqlite3", timeout=20) as link:
        for table in ("connections_night", "connections_dailysample"):
            link.execute(f"DELETE FROM {table} WHERE local_date >= {newest}")
        link.execute(
            f"UPDATE coach_missionrun SET {names} WHERE local_date = {newest}", (*values.values(),)
        )
    link.close()


def lose_mail(service: Service, address: str) -> None:
    """Have the newest brief given up for good, and that it was addressed to `address`."""
    newest = "(SELECT MAX(id) FROM notifications_notification WHERE kind = 'brief')"
    with sqlite3.connect(service.folder / "lanterne.sqlite3", timeout=20) as link:
        link.execute(
            "UPDATE notifications_notification SET state = 'given_up', recipients = ?"
            f" WHERE id = {newest}",
            (json.dumps([address]),),
        )
    link.close()


def size_of(width: int) -> ViewportSize:
    return PHONE if width == PHONE["width"] else DESKTOP


def faults(page: Page, **options: Any) -> list[str]:
    """What axe has to say of the page as it is, in light and in dark; empty when all is well."""
    found = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        result = Axe().run(page, options=options | (OF_COLOURS if scheme == "dark" else {}))
        if result.violations_count:
            found.append(f"{scheme}: {result.generate_report()}")
    page.emulate_media(color_scheme="light")
    return found


def is_narrow(page: Page) -> bool:
    """No sideways scrolling on a small phone; the page's own size afterwards."""
    size = page.viewport_size
    page.set_viewport_size(SMALL_PHONE)
    is_wider = page.evaluate(WIDER_THAN_THE_WINDOW)
    if size is not None:
        page.set_viewport_size(size)
    return not is_wider


def check(page: Page) -> None:
    """Accessible in both schemes, and no wider than a small phone."""
    assert faults(page) == []
    assert is_narrow(page)
