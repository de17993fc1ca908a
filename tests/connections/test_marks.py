from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from connections.templatetags.marks import mark_address

NAME = "strava/btn_strava_connect_with_orange.svg"


@pytest.fixture
def official(tmp_path: Path, settings: LazySettings) -> Path:
    """The button as its operator puts it there."""
    image = tmp_path / NAME
    image.parent.mkdir()
    image.write_text("<svg/>")
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, tmp_path]
    return image


def test_button_in_words_stands_in_for_the_official_one(as_tester: Client) -> None:
    page = as_tester.get("/connections").content.decode()

    assert '<button class="button strava">Connect with Strava</button>' in page
    assert NAME not in page


@pytest.mark.usefixtures("official")
def test_official_button_is_shown_as_it_is_where_it_was_put(as_tester: Client) -> None:
    page = as_tester.get("/connections").content.decode()

    assert f'<img src="/static/{NAME}" alt="Connect with Strava" width="237" height="48">' in page
    assert "button strava" not in page


@pytest.mark.usefixtures("official")
def test_official_button_that_was_not_collected_is_not_shown(settings: LazySettings) -> None:
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    settings.DEBUG = False

    assert mark_address(NAME) == ""
