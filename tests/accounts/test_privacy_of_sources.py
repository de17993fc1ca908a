"""The privacy page says which sources reach the model, from the settings."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db

ON_ALL = "On this service the numbers come from Oura, Apple Health, Strava and Ride files."


MODEL = "A language model of OpenAI is asked to draft a mission, about each day and about the end."


def told(browser: Client) -> str:
    return re.sub(r"\s+", " ", browser.get("/settings/privacy").content.decode())


def set_(settings: LazySettings, **policies: dict[str, Any]) -> None:
    changed = {name: {**settings.SOURCES[name], **one} for name, one in policies.items()}
    settings.SOURCES = {**settings.SOURCES, **changed}


def test_all_sources_reach_the_model_as_delivered(as_tester: Client) -> None:
    page = told(as_tester)

    assert f"{ON_ALL}</p>" in page
    assert "reaches the model" not in page


def test_what_reaches_the_model_is_told_before_consent_too(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    User.objects.update(health_consent_at=None)
    set_(settings, strava={"IN_PROMPTS": False})

    page = told(as_tester)

    assert f"{MODEL} It is told the numbers of your training, sleep and readiness" in page
    assert "On this service the numbers come from Oura, Apple Health and Ride files." in page
    assert "Nothing that comes from Strava reaches the model" in page
    assert page.index(MODEL) < page.index(">Allow it<")


def test_page_names_what_is_kept_back_and_what_is_used_alone(
    as_tester: Client, settings: LazySettings
) -> None:
    set_(
        settings,
        strava={"IN_PROMPTS": False},
        oura={"IN_PROMPTS": "maybe"},
        apple={"JOINED": False},
    )

    assert (
        "On this service the numbers come from Apple Health and Ride files. What comes from Apple "
        "Health is used only if you have no other source. Nothing that comes from Oura and Strava "
        "reaches the model, and nothing that is worked out from it.</p>"
    ) in told(as_tester)


def test_page_says_so_when_nothing_may_reach_the_model(
    as_tester: Client, settings: LazySettings
) -> None:
    set_(settings, **{name: {"IN_PROMPTS": False} for name in settings.SOURCES})

    page = told(as_tester)

    assert "On this service" not in page
    assert "Nothing that comes from Oura, Apple Health, Strava and Ride files reaches" in page


@pytest.mark.parametrize(("days", "words"), [(None, "as long as your account"), (30, "30 days")])
def test_page_says_how_long_rides_of_files_are_kept(
    as_tester: Client, settings: LazySettings, days: int | None, words: str
) -> None:
    set_(settings, file={"KEEP_DAYS": days})

    assert f"The rides in it {words}." in told(as_tester)
