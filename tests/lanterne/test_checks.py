import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

AS_DEPLOYED = {
    "DEBUG": False,
    "SANDBOX": False,
    "FIELD_ENCRYPTION_KEYS": ["Y2hlY2stb25seS1rZXktbm90LWEtc2VjcmV0ISEhISE="],
    "OPERATOR_EMAILS": ["ops@example.org"],
    "OPENAI_API_KEY": "sk-test",
    "ALLAUTH_TRUSTED_CLIENT_IP_HEADER": "Fly-Client-IP",
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
}


def told(settings: LazySettings, *, deploy: bool = False, **values: object) -> list[str]:
    """The ids of our own checks that fail with these settings."""
    for name, value in {**AS_DEPLOYED, **values}.items():
        setattr(settings, name, value)
    found = run_checks(include_deployment_checks=deploy)
    return [str(message.id) for message in found if str(message.id).startswith("lanterne.")]


@pytest.mark.parametrize("deploy", [False, True])
def test_service_as_deployed_passes(settings: LazySettings, deploy: bool) -> None:
    assert told(settings, deploy=deploy) == []


def test_sandbox_on_a_developers_machine_passes(settings: LazySettings) -> None:
    assert told(settings, DEBUG=True, SANDBOX=True) == []


def test_sandbox_without_debug_is_an_error(settings: LazySettings) -> None:
    assert told(settings, SANDBOX=True) == ["lanterne.E001"]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [""],
        ["too-short"],
        ["ünïcode"],
        [*AS_DEPLOYED["FIELD_ENCRYPTION_KEYS"], "too-short"],  # type: ignore[misc]
    ],
)
def test_encryption_key_that_is_none_is_an_error(settings: LazySettings, keys: list[str]) -> None:
    assert told(settings, FIELD_ENCRYPTION_KEYS=keys) == ["lanterne.E002"]


@pytest.mark.parametrize(
    ("registration", "ids"),
    [("open", []), ("invite", []), ("closed", []), ("Open", ["lanterne.E003"])],
)
def test_registration_that_is_none_of_the_three_is_an_error(
    settings: LazySettings, registration: str, ids: list[str]
) -> None:
    assert told(settings, REGISTRATION=registration) == ids


def test_nobody_to_tell_of_failed_runs_is_a_warning_where_it_is_deployed(
    settings: LazySettings,
) -> None:
    assert told(settings, OPERATOR_EMAILS=[]) == []
    assert told(settings, deploy=True, OPERATOR_EMAILS=[]) == ["lanterne.W001"]


@pytest.mark.parametrize(
    ("base_url", "ids"),
    [
        ("https://api.openai.com/v1", ["lanterne.W002"]),
        ("http://127.0.0.1:11434/v1", []),
    ],
)
def test_model_without_its_key_is_a_warning_where_it_is_deployed(
    settings: LazySettings, base_url: str, ids: list[str]
) -> None:
    assert told(settings, OPENAI_API_KEY="", OPENAI_BASE_URL=base_url) == []
    assert told(settings, deploy=True, OPENAI_API_KEY="", OPENAI_BASE_URL=base_url) == ids


@pytest.mark.parametrize(("seconds", "found"), [(60.0, []), (90.0, ["lanterne.E004"])])
def test_question_that_outlasts_its_lease_is_an_error(
    settings: LazySettings, seconds: float, found: list[str]
) -> None:
    assert told(settings, COACH_TIMEOUT_S=seconds) == found


@pytest.mark.parametrize(("deploy", "found"), [(False, []), (True, ["lanterne.W003"])])
def test_limits_without_the_proxy_s_header_are_a_warning_for_a_deployment(
    settings: LazySettings, deploy: bool, found: list[str]
) -> None:
    assert told(settings, deploy=deploy, ALLAUTH_TRUSTED_CLIENT_IP_HEADER=None) == found
