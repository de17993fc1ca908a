"""The morning's check-in on a phone: in place on Home, and by one tap on a link of the brief."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import check, open_mail, sign_in
from tests.processes import Service

pytestmark = pytest.mark.browser

AGAIN = "The coach is thinking again; the new brief comes by e-mail."
BRIEF = "Lanterne Rouge Daily Brief"


@pytest.fixture
def phone(browser: Browser, service: Service) -> Iterator[Page]:
    context = browser.new_context(
        base_url=service.url(""), viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    yield context.new_page()
    context.close()


def test_check_in_asks_the_coach_again_from_home_and_from_the_mail(
    phone: Page, browser: Browser, service: Service
) -> None:
    sign_in(phone)
    form = phone.locator("#check-in")
    form.get_by_text("Okay", exact=True).click()
    form.get_by_text("Time, illness, pain, a note").click()
    form.get_by_label("Minutes to ride today").fill("40")
    check(phone)
    form.get_by_role("button", name="Tell the coach").click()

    expect(form).to_contain_text("Okay; 40 min to ride today.")
    expect(form).to_contain_text(AGAIN)
    expect(form).to_be_focused()
    expect(phone.locator("#today .call")).to_be_visible(timeout=20_000)
    check(phone)

    open_mail(phone, f"Again: {BRIEF}", "tester@lanterne.local")
    link = re.search(r"- Sick: (\S+)", phone.inner_text("main"))
    assert link is not None
    visitor = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    visitor.goto(link.group(1))
    expect(visitor.get_by_role("heading", name="Told: Sick")).to_be_visible()
    expect(visitor.get_by_text(AGAIN)).to_be_visible()
    check(visitor)
    visitor.get_by_role("button", name="Take it back").click()
    expect(visitor.get_by_role("heading", name="Taken back: Sick")).to_be_visible()
    # Coming back to the link does not say it once more.
    visitor.goto(link.group(1))
    expect(visitor.get_by_role("button", name="Yes, tell the coach")).to_be_visible()
    check(visitor)
    visitor.context.close()
