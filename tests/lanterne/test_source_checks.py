"""What the policies of the sources mean, as `manage.py check` tells it."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured

from connections import sources
from connections.sources import Policy


def told(*, deploy: bool = True) -> list[CheckMessage]:
    found = run_checks(include_deployment_checks=deploy)
    return [one for one in found if str(one.id).startswith("lanterne.") and str(one.id)[10] == "1"]


def ids(*, deploy: bool = True) -> list[str]:
    return [str(one.id) for one in told(deploy=deploy)]


def set_(settings: LazySettings, name: str, **values: Any) -> None:
    settings.SOURCES = {**settings.SOURCES, name: {**settings.SOURCES[name], **values}}


def test_policies_as_delivered_are_notes_and_no_warnings() -> None:
    assert ids(deploy=False) == []
    assert ids() == [
        *("lanterne.I102", "lanterne.I103", "lanterne.I105"),  # Oura
        *("lanterne.I102", "lanterne.I103", "lanterne.I105"),  # Apple Health
        *("lanterne.I102", "lanterne.I103"),  # Strava, whose days are set
        *("lanterne.I102", "lanterne.I103", "lanterne.I105"),  # ride files
    ]


def test_notes_name_what_the_providers_say_and_what_to_do() -> None:
    notes = {one.msg.partition(":")[0]: one for one in told() if one.id == "lanterne.I102"}

    strava = notes["Strava"]
    assert "sent to the model" in strava.msg
    assert "API policy of 1 June 2026" in strava.msg
    assert "5.3" in strava.msg
    assert "5.10" in strava.msg
    assert "written permission" in strava.msg
    assert strava.hint == "You decide; STRAVA_IN_PROMPTS=0 keeps it from the coach."
    assert "read the Oura API Agreement" in notes["Oura"].msg
    assert "upload it themselves" in notes["Ride files"].msg
    joined = [one for one in told() if one.id == "lanterne.I103" and "Strava" in one.msg]
    assert [("5.4" in one.msg, "STRAVA_JOINED=0" in (one.hint or "")) for one in joined] == [
        (True, True)
    ]


def test_source_that_is_kept_back_is_said_to_be(settings: LazySettings) -> None:
    set_(settings, "strava", IN_PROMPTS=False, JOINED=False)
    set_(settings, "oura", JOINED=False)

    of_strava = [one for one in told() if one.msg.startswith("Strava")]
    of_oura = [str(one.id) for one in told() if one.msg.startswith("Oura")]

    assert [one.id for one in of_strava] == ["lanterne.I101"]
    assert "kept from the model" in of_strava[0].msg
    assert of_oura == ["lanterne.I102", "lanterne.I104", "lanterne.I105"]


@pytest.mark.parametrize(
    ("days", "found", "kept"),
    [
        (7, [], ""),
        (1, [], ""),
        (8, ["lanterne.W101"], "8 days"),
        (None, ["lanterne.W101"], "as long as the account"),
    ],
)
def test_strava_s_days_beyond_its_policy_are_a_warning(
    settings: LazySettings, days: int | None, found: list[str], kept: str
) -> None:
    set_(settings, "strava", KEEP_DAYS=days)

    warnings = [one for one in told() if one.id == "lanterne.W101"]

    assert [one.id for one in warnings] == found
    assert all(f"is kept {kept}" in one.msg and "6.2" in one.msg for one in warnings)
    assert ids(deploy=False) == []


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("IN_PROMPTS", "maybe", "E101"),
        ("IN_PROMPTS", None, "E101"),
        ("JOINED", "", "E101"),
        ("JOINED", 1, "E101"),
        ("KEEP_DAYS", "a week", "E102"),
        ("KEEP_DAYS", 0, "E102"),
        ("KEEP_DAYS", -7, "E102"),
        ("KEEP_DAYS", True, "E102"),
        ("KEEP_DAYS", 10**9, "E102"),
    ],
)
def test_value_that_is_none_is_an_error_wherever_it_is_checked(
    settings: LazySettings, setting: str, value: Any, error: str
) -> None:
    set_(settings, "apple", **{setting: value})

    (found,) = told(deploy=False)

    assert found.id == f"lanterne.{error}"
    assert f"APPLE_{setting} is {value!r}" in found.msg


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STRAVA_IN_PROMPTS": "perhaps"}, "STRAVA_IN_PROMPTS is 'perhaps'"),
        ({"OURA_JOINED": ""}, "OURA_JOINED is ''"),
        ({"STRAVA_KEEP_DAYS": "0"}, "STRAVA_KEEP_DAYS is 0"),
        ({"FILE_KEEP_DAYS": "7 days"}, "FILE_KEEP_DAYS is '7 days'"),
    ],
)
def test_service_with_a_policy_that_is_none_does_not_start(
    environment: dict[str, str], said: str
) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, said in result.stderr) == (1, True), result.stderr


@pytest.mark.embedded
def test_policies_come_from_the_environment() -> None:
    wanted = {
        "STRAVA_IN_PROMPTS": "off",
        "OURA_JOINED": "No",
        "APPLE_KEEP_DAYS": " 30 ",
        "FILE_IN_PROMPTS": "yes",
        "STRAVA_KEEP_DAYS": "",
    }
    script = (
        "import lanterne.settings as s;"
        "print([(n, o['IN_PROMPTS'], o['JOINED'], o['KEEP_DAYS']) for n, o in s.SOURCES.items()])"
    )

    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **wanted},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == str(
        [
            ("oura", True, False, None),
            ("apple", True, True, 30),
            ("strava", False, True, None),
            ("file", True, True, None),
        ]
    )


def test_policy_whose_days_are_none_stops_what_would_go_by_them(settings: LazySettings) -> None:
    set_(settings, "apple", KEEP_DAYS="a week")

    with pytest.raises(ImproperlyConfigured, match="APPLE_KEEP_DAYS must be whole days, or empty"):
        sources.policy_of("apple")


def test_switch_that_is_no_value_is_off(settings: LazySettings) -> None:
    set_(settings, "apple", IN_PROMPTS="maybe", JOINED=None)

    assert sources.policy_of("apple") == Policy(
        kept_for=None, may_enter_prompts=False, may_be_joined=False
    )
