import httpx2

from sandbox.modes import MODES


def test_index_names_what_is_needed_to_look_around(http: httpx2.Client) -> None:
    page = http.get("/").text

    for told in (
        "tester@lanterne.local",
        "lanterne-tester",
        "admin@lanterne.local",
        "lanterne-admin",
        "oura-sandbox-token",
        "10001 / sandbox-strava-secret",
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
