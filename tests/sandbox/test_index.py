import re
from html import unescape

import httpx2
import pytest

from sandbox.modes import MODES
from tests.sandbox.conftest import Strava
from tests.sandbox.connecting import OuraApp


def test_index_names_what_is_needed_to_look_around(http: httpx2.Client) -> None:
    page = http.get("/").text

    for told in (
        "tester@lanterne.local",
        "lanterne-tester",
        "admin@lanterne.local",
        "lanterne-admin",
        "oura-sandbox-token",
        "10001 / sandbox-strava-secret",
        "oura-sandbox / sandbox-oura-secret",
        "/sandbox/strava",
        "/sandbox/openai/v1",
        'href="/sandbox/mailbox/"',
        'href="/sandbox/apple-health/export.zip"',
    ):
        assert told in page


def test_index_shows_each_mode_and_the_one_that_is_set(http: httpx2.Client) -> None:
    http.post("/openai/mode", json={"mode": "quota", "times": 2})

    page = http.get("/").text

    assert [
        name for names in MODES.values() for name in names if f'value="{name}"' not in page
    ] == []
    assert '<option value="quota" selected>' in page
    assert "2 more requests" in page


def test_pages_have_no_script_and_no_inline_style(http: httpx2.Client) -> None:
    page = http.get("/").text + http.get("/mailbox/").text

    assert ("<script" in page, "style=" in page, "onclick" in page) == (False, False, False)


def test_index_offers_what_can_be_done_once_somebody_has_connected(
    strava: Strava, oura_app: OuraApp
) -> None:
    before = strava.http.get("/").text
    strava.connect()
    oura_app.connect()
    after = strava.http.get("/").text

    for action in ("strava/deauthorise", "strava/expire", "oura/expire"):
        assert [f'action="/sandbox/{action}"' in page for page in (before, after)] == [False, True]
    assert "Nobody has connected Strava yet." in before


def shown_rides(page: str) -> dict[str, str]:
    """The name of each ride on the page, by its address."""
    pattern = r'action="/sandbox(/strava/rides/\d+)/rename".*?value="([^"]*)" maxlength'
    return {address: unescape(name) for address, name in re.findall(pattern, page, re.DOTALL)}


@pytest.mark.usefixtures("july")
def test_rides_are_renamed_and_deleted_from_the_page(http: httpx2.Client) -> None:
    browser = {"Accept": "text/html,*/*"}
    [newest, other] = shown_rides(http.get("/").text)

    renamed = http.post(f"{newest}/rename", data={"name": "A & B"}, headers=browser)
    deleted = http.post(f"{other}/delete", data={"tell": "on", "name": "x"}, headers=browser)

    shown = shown_rides(http.get("/").text)
    assert [answer.headers["location"] for answer in (renamed, deleted)] == ["/sandbox/"] * 2
    assert (shown[newest], other in shown, len(shown)) == ("A & B", False, 2)


def test_limits_are_set_from_the_page(http: httpx2.Client) -> None:
    form = {"quarter": "7", "day": ""}
    answer = http.post("/strava/limits", data=form, headers={"Accept": "text/html,*/*"})

    page = http.get("/").text
    assert answer.headers["location"] == "/sandbox/"
    assert re.search(r'name="quarter" value="7"', page)
    assert re.search(r'name="day" value="1000"', page)
