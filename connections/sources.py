"""The sources that settings.SOURCES lists: their names in rows and addresses, and policies."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MOST_DAYS = 36_500


class Source(StrEnum):
    """Those our own code speaks of by name; settings.SOURCES may list more."""

    STRAVA = "strava"
    OURA = "oura"
    APPLE = "apple"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator lets happen with what a source told; `kept_for` None: as the account."""

    kept_for: timedelta | None
    may_enter_prompts: bool
    may_be_joined: bool


def names() -> list[str]:
    """In the order in which they count where a tester has chosen no other."""
    return list(settings.SOURCES)


def choices() -> list[tuple[str, str]]:
    """For model fields, which take this function and not its answer: no migration for a source."""
    return [(name, label_of(name)) for name in names()]


def label_of(name: str) -> str:
    """What people call a source; of one that is not listed any more, its name."""
    entry = settings.SOURCES.get(name)
    return str(entry["LABEL"]) if entry else name


def has_consent_page(name: str) -> bool:
    """Whether this service can send a tester there: it may lack an application of its own."""
    return "BACKEND" in settings.SOURCES[name]


def policy_of(name: str) -> Policy:
    """What is neither on nor off is off: `manage.py check` says what is wrong with it.

    Raises ImproperlyConfigured for days that are none.
    """
    entry = settings.SOURCES[name]
    days: Any = entry["KEEP_DAYS"]
    if days is not None and not is_days(days):
        raise ImproperlyConfigured(f"{name.upper()}_KEEP_DAYS must be whole days, or empty.")
    return Policy(
        kept_for=None if days is None else timedelta(days=days),
        may_enter_prompts=entry["IN_PROMPTS"] is True,
        may_be_joined=entry["JOINED"] is True,
    )


def rate_limit_of(name: str) -> tuple[int, int]:
    """Requests in a quarter of an hour and in a day (UTC), before an answer has told the limits.

    Raises ImproperlyConfigured for a source whose requests are not counted.
    """
    limit: tuple[int, int] | None = settings.SOURCES[name].get("RATE_LIMIT")
    if limit is None:
        raise ImproperlyConfigured(f"The entry {str(name)!r} of SOURCES has no RATE_LIMIT.")
    return limit


def at_once_at(name: str) -> int:
    """How many of us may read a source at once; 0 for as many as there are."""
    return int(settings.SOURCES[name].get("AT_ONCE") or 0)


def is_days(value: Any) -> bool:
    return type(value) is int and 0 < value <= MOST_DAYS
