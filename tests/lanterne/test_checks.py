from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.checks import WARNING, run_checks
from django.db import OperationalError, connection

from accounts.models import User
from connections.models import Connection
from connections.sources import Source
from lanterne import checks as ours
from tests import factories

AS_DEPLOYED = {
    "DEBUG": False,
    "SANDBOX": False,
    "FIELD_ENCRYPTION_KEYS": ["Y2hlY2stb25seS1rZXktbm90LWEtc2VjcmV0ISEhISE="],
    "OPERATOR_EMAILS": ["ops@example.org"],
    "OPENAI_API_KEY": "sk-test",
    "ALLAUTH_TRUSTED_CLIENT_IP_HEADER": "Fly-Client-IP",
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
}

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def told(settings: LazySettings, *, deploy: bool = False, **values: object) -> list[str]:
    """The ids of our own checks that fail with these settings; notes are no failures."""
    for name, value in {**AS_DEPLOYED, **values}.items():
        setattr(settings, name, value)
    found = run_checks(include_deployment_checks=deploy)
    own = (message for message in found if str(message.id).startswith("lanterne."))
    return [str(message.id) for message in own if message.level >= WARNING]


@pytest.mark.parametrize("deploy", [False, True])
def test_service_as_deployed_passes(settings: LazySettings, deploy: bool) -> None:
    assert told(settings, deploy=deploy) == []


def test_sandbox_on_a_developers_machine_passes(settings: LazySettings) -> None:
    assert told(settings, DEBUG=True, SANDBOX=True) == []


def test_sandbox_without_debug_is_an_error(settings: LazySettings) -> None:
    assert told(settings, SANDBOX=True) == ["lanterne.E001"]


@pytest.mark.parametrize(
    "tables",
    [
        {"MODEL_PRICES": {"mine": ["1", "2"]}},
        {"MODEL_PRICES": {"mine": ["cheap", "1", "2"]}},
        {"MODEL_PRICES": {"mine": None}},
        {"MODEL_ABILITIES": {"mine": {"takes_sugar": True}}},
        {"MODEL_ABILITIES": {"mine": True}},
    ],
)
def test_table_of_models_that_cannot_be_read_is_an_error(
    settings: LazySettings, tables: dict[str, Any]
) -> None:
    assert told(settings, **tables) == ["lanterne.E006"]


def test_table_of_models_of_one_s_own_passes(settings: LazySettings) -> None:
    prices = {"mine": [0.2, "0.1", 1]}
    can = {"mine": {"takes_schema": False, "effort": None}}

    assert told(settings, MODEL_PRICES=prices, MODEL_ABILITIES=can) == []


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


@pytest.mark.parametrize("secret", ["password", ":", "user:", ":password"])
def test_password_of_mail_providers_without_a_user_or_none_is_an_error(
    settings: LazySettings, secret: str
) -> None:
    assert told(settings, MAIL_WEBHOOK_SECRET=secret) == ["lanterne.E008"]


@pytest.mark.parametrize(
    ("backend", "deploy", "found"),
    [
        ("anymail.backends.amazon_ses.EmailBackend", True, ["lanterne.W005"]),
        ("anymail.backends.sendgrid.EmailBackend", True, ["lanterne.W005"]),
        ("anymail.backends.amazon_ses.EmailBackend", False, []),
        ("django.core.mail.backends.smtp.EmailBackend", True, []),
    ],
)
def test_provider_whose_bounces_nobody_hears_of_is_a_warning_on_deployment(
    settings: LazySettings, backend: str, deploy: bool, found: list[str]
) -> None:
    values = {"EMAIL_BACKEND": backend, "MAIL_WEBHOOK_SECRET": ""}

    assert told(settings, deploy=deploy, **values) == found


@pytest.mark.parametrize(("deploy", "found"), [(False, []), (True, ["lanterne.W003"])])
def test_limits_without_the_proxy_s_header_are_a_warning_for_a_deployment(
    settings: LazySettings, deploy: bool, found: list[str]
) -> None:
    assert told(settings, deploy=deploy, ALLAUTH_TRUSTED_CLIENT_IP_HEADER=None) == found


def wrong_keys(settings: LazySettings, *keys: str, databases: tuple[str, ...] = ()) -> list[str]:
    """What the check of stored secrets says of these keys."""
    settings.FIELD_ENCRYPTION_KEYS = list(keys)
    found = run_checks(tags=["lanterne"], databases=[*databases])
    return [str(message.msg) for message in found if message.id == "lanterne.E005"]


@pytest.mark.django_db
def test_keys_that_open_nothing_stored_are_an_error_where_a_database_is_asked_for(
    tester: User, settings: LazySettings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    factories.connection(tester, refresh_token="")
    TOTP.activate(tester, "JBSWY3DPEHPK3PXP")

    assert wrong_keys(settings, NEW, databases=("default",)) == [
        f"FIELD_ENCRYPTION_KEYS does not open what is stored in {place}."
        for place in ("connections.connection.access_token", "mfa.authenticator.data")
    ]
    assert wrong_keys(settings, NEW) == []
    assert wrong_keys(settings, NEW, OLD, databases=("default",)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("renewed", ["first", "last"])
def test_key_removed_in_the_middle_of_a_rotation_is_noticed_from_either_end(
    tester: User, settings: LazySettings, renewed: str
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    factories.connection(tester, Source.STRAVA)
    factories.connection(tester, Source.OURA, refresh_token="canary-refresh")
    rows = Connection.objects.order_by("pk" if renewed == "first" else "-pk")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    Connection.objects.filter(pk=rows.values_list("pk", flat=True)[0]).update(
        access_token="access", refresh_token="refresh"
    )

    assert len(wrong_keys(settings, NEW, databases=("default",))) == 2


@pytest.mark.django_db
def test_without_a_row_there_is_nothing_to_open(settings: LazySettings) -> None:
    assert not Authenticator.objects.exists()
    assert wrong_keys(settings, NEW, databases=("default",)) == []


@pytest.mark.django_db
def test_key_that_is_none_is_told_once(settings: LazySettings, tester: User) -> None:
    factories.connection(tester)
    settings.FIELD_ENCRYPTION_KEYS = ["too-short"]

    found = run_checks(tags=["lanterne"], databases=["default"])

    assert "lanterne.E002" in {message.id for message in found}
    assert "lanterne.E005" not in {message.id for message in found}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("off", "level"),
    [
        (0.0, None),
        (-5.0, None),
        (5.1, "lanterne.W004"),
        (-60.0, "lanterne.W004"),
        (60.1, "lanterne.E007"),
        (-600.0, "lanterne.E007"),
        (None, None),
    ],
)
def test_clock_that_is_off_is_told_and_one_that_is_far_off_refused(
    monkeypatch: pytest.MonkeyPatch, off: float | None, level: str | None
) -> None:
    monkeypatch.setattr(ours, "seconds_off", lambda _: off)

    told = ours.clocks_agree(databases=["default"])

    assert [message.id for message in told] == ([level] if level else [])
    assert ours.clocks_agree() == []


@pytest.mark.django_db
def test_clock_is_held_against_that_of_the_database() -> None:
    right = ours.seconds_off("default")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        ahead = ours.seconds_off("default")

    if connection.vendor == "sqlite":
        assert (right, ahead) == (None, None)
        return
    assert right == pytest.approx(0, abs=2)
    assert ahead == pytest.approx(600, abs=2)


def refuse(*_: object) -> None:
    raise OperationalError


@pytest.mark.django_db
def test_database_that_does_not_answer_is_no_clock() -> None:
    with connection.execute_wrapper(refuse):
        assert ours.seconds_off("default") is None
