"""Misconfiguration that must not reach a tester, found before the service starts."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db import OperationalError, ProgrammingError, connections
from django.utils import timezone

from accounts.encryption import WrongEncryptionKey, decrypt
from coach import abilities, prices
from coach.models import MissionRun
from lanterne.starting import OURS
from lanterne.stored_secrets import Place, places

CLOCK_MAY_BE_OFF_S = 5
CLOCK_MUST_NOT_BE_OFF_S = 60


@register(OURS)
def sandbox_stays_in_development(**_: Any) -> Sequence[CheckMessage]:
    if settings.SANDBOX and not settings.DEBUG:
        return [
            Error(
                "SANDBOX is on while DEBUG is off.",
                hint="The stand-in servers and their known passwords belong on a developer's "
                "machine. Remove SANDBOX from the environment.",
                id="lanterne.E001",
            )
        ]
    return []


@register(OURS)
def encryption_keys_work(**_: Any) -> Sequence[CheckMessage]:
    try:
        MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])
    except ValueError:
        return [
            Error(
                "FIELD_ENCRYPTION_KEYS holds no key, or one that is not a Fernet key.",
                hint="Make one with: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
                id="lanterne.E002",
            )
        ]
    return []


@register(OURS)
def stored_secrets_open(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Two rows of each place that keeps secrets, and only where a database is asked for."""
    if not databases or encryption_keys_work():
        return []
    return [
        Error(
            f"FIELD_ENCRYPTION_KEYS does not open what is stored in {place}.",
            hint="Put the key it was written with back, behind the newest one. Nothing was "
            "overwritten. `manage.py rotate_encryption_keys --dry-run` names the rows.",
            id="lanterne.E005",
        )
        for place in places()
        if not _opens(place)
    ]


def _opens(place: Place) -> bool:
    """Also while there is nothing to open, no table yet or no database; others tell of that."""
    try:
        for _, stored in place.ends():
            for secret in place.secrets_in(stored):
                decrypt(secret)
    except WrongEncryptionKey:
        return False
    except (OperationalError, ProgrammingError):
        return True
    return True


@register(OURS)
def clocks_agree(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Leases and send times are compared by processes of many machines."""
    return [told for alias in databases or () if (told := _clock_against(alias)) is not None]


def _clock_against(alias: str) -> CheckMessage | None:
    off = seconds_off(alias)
    if off is None or abs(off) <= CLOCK_MAY_BE_OFF_S:
        return None
    words = f"The clock of this machine is {off:+.0f} s off the clock of the database."
    hint = "Switch on time synchronisation (NTP) on both, and start again."
    if abs(off) <= CLOCK_MUST_NOT_BE_OFF_S:
        return checks.Warning(words, hint=hint, id="lanterne.W004")
    return Error(words, hint=hint, id="lanterne.E007")


def seconds_off(alias: str) -> float | None:
    """How far ahead this machine's clock is; None where both are one, or nobody answers."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            before = timezone.now()
            cursor.execute("SELECT clock_timestamp()")
            (there,) = cursor.fetchone()
            after = timezone.now()
    except DatabaseError:
        return None
    seconds: float = (before + (after - before) / 2 - there).total_seconds()
    return seconds


@register(OURS)
def registration_is_known(**_: Any) -> Sequence[CheckMessage]:
    if settings.REGISTRATION in {"open", "invite", "closed"}:
        return []
    return [
        Error(
            f"REGISTRATION is {settings.REGISTRATION!r}, so nobody can register.",
            hint="Set it to open, invite or closed.",
            id="lanterne.E003",
        )
    ]


@register(OURS)
def model_answers_within_a_lease(**_: Any) -> Sequence[CheckMessage]:
    """A question is asked twice at most, and between the two the model may ask us to wait."""
    longest_s = 2 * settings.COACH_TIMEOUT_S + 30
    if longest_s < MissionRun.LEASE.total_seconds():
        return []
    return [
        Error(
            "COACH_TIMEOUT_S is too long: a run would be given to a second worker meanwhile.",
            hint="Set it below 75.",
            id="lanterne.E004",
        )
    ]


@register(OURS)
def tables_of_models_can_be_read(**_: Any) -> Sequence[CheckMessage]:
    try:
        for name in settings.MODEL_ABILITIES:
            abilities.of(name)
        for name in settings.MODEL_PRICES:
            prices.cost_usd(name, tokens_in=1, tokens_cached=1, tokens_out=1, tokens_written=1)
    except (TypeError, ValueError, ArithmeticError):
        return [
            Error(
                f"What MODEL_ABILITIES or MODEL_PRICES says of {name!r} cannot be read.",
                hint="The shape of both is in .env.example. A price is asked, cached, answered.",
                id="lanterne.E006",
            )
        ]
    return []


@register(OURS, deploy=True)
def operators_are_reachable(**_: Any) -> Sequence[CheckMessage]:
    if settings.OPERATOR_EMAILS:
        return []
    return [
        checks.Warning(
            "OPERATOR_EMAILS is empty: nobody learns of a failed run.",
            hint="Set it to one or more addresses, separated by commas.",
            id="lanterne.W001",
        )
    ]


@register(OURS)
def mail_providers_show_a_password(**_: Any) -> Sequence[CheckMessage]:
    user, colon, password = settings.MAIL_WEBHOOK_SECRET.partition(":")
    if not settings.MAIL_WEBHOOK_SECRET or (user and colon and password):
        return []
    return [
        Error(
            "MAIL_WEBHOOK_SECRET is not of the form user:password.",
            hint="Make the password with: python -c 'import secrets; "
            "print(secrets.token_urlsafe(32))'",
            id="lanterne.E008",
        )
    ]


@register(OURS, deploy=True)
def bounces_are_heard_of(**_: Any) -> Sequence[CheckMessage]:
    if settings.MAIL_WEBHOOK_SECRET or not settings.EMAIL_BACKEND.startswith("anymail."):
        return []
    return [
        checks.Warning(
            "MAIL_WEBHOOK_SECRET is empty: mails that come back are sent again every morning.",
            hint="Set it, and have the mail provider post its events with it; docs/operating.md "
            "says how.",
            id="lanterne.W005",
        )
    ]


@register(OURS, deploy=True)
def limits_count_whoever_asks(**_: Any) -> Sequence[CheckMessage]:
    if settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER:
        return []
    return [
        checks.Warning(
            "CLIENT_IP_HEADER is empty: behind a proxy everybody would count as one visitor.",
            hint="Name the header your proxy writes, such as Fly-Client-IP.",
            id="lanterne.W003",
        )
    ]


@register(OURS, deploy=True)
def model_key_is_set(**_: Any) -> Sequence[CheckMessage]:
    if settings.OPENAI_API_KEY or "api.openai.com" not in settings.OPENAI_BASE_URL:
        return []
    return [
        checks.Warning(
            "OPENAI_API_KEY is empty: every run will fail.",
            hint="Set the key, or OPENAI_BASE_URL to a server that needs none.",
            id="lanterne.W002",
        )
    ]
