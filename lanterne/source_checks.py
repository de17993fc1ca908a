"""What each source's policy means, told before a deployment; a value that is none is refused.

The notes are no legal advice: they name what the providers have written and the setting it is
about. The operator decides; docs/privacy.md has the same at length.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, register
from django.db import OperationalError, ProgrammingError

from connections.models import Connection
from connections.sources import is_days, names
from lanterne.starting import OURS

UPLOADED = "Testers upload it themselves: no provider's API terms are known to apply."
UNKNOWN = "Its provider's terms for this are not known to us: read the agreement for its API."
IN_PROMPTS = {
    "strava": "Strava's API policy of 1 June 2026 forbids it as it is written: no Strava data, "
    "nor what is derived from it, in an AI application or a context window (section 5.3), none to "
    "a provider of AI even if a tester consents (5.10). Obtain written permission from Strava, or "
    "switch it off.",
    "oura": "Oura's terms on this are not known to us: read the Oura API Agreement.",
    "apple": UPLOADED,
    "file": UPLOADED,
}
JOINED = {
    "strava": "Strava's API policy forbids to combine its data with that of others (section 5.4).",
    "oura": "Oura's terms on this are not known to us: read the Oura API Agreement.",
    "apple": UPLOADED,
    "file": UPLOADED,
}
# The longest that a provider's terms let us keep a reading.
MOST_DAYS = {"strava": 7}
SWITCHES = ("IN_PROMPTS", "JOINED")


@register(OURS)
def policies_are_values(**_: Any) -> Sequence[CheckMessage]:
    return list(_wrong_values())


@register(OURS)
def sources_in_use_are_listed(
    *, databases: Sequence[str] | None = None, **_: Any
) -> Sequence[CheckMessage]:
    if not databases:
        return []
    unlisted = Connection.objects.exclude(provider__in=names()).order_by("provider")
    try:
        found = list(unlisted.values_list("provider", flat=True).distinct())
    except (OperationalError, ProgrammingError):
        return []
    return [
        Error(
            f"Testers are connected to {name!r}, which SOURCES does not list.",
            hint="List it until all of them are disconnected.",
            id="lanterne.E103",
        )
        for name in found
    ]


def _wrong_values() -> Iterator[CheckMessage]:
    for name in names():
        source = settings.SOURCES[name]
        for switch in SWITCHES:
            if not isinstance(source[switch], bool):
                yield Error(
                    f"{_variable(name, switch)} is {source[switch]!r}, which is neither on nor "
                    "off; it is taken for off.",
                    hint="Set it to 1 or 0.",
                    id="lanterne.E101",
                )
        days = source["KEEP_DAYS"]
        if days is not None and not is_days(days):
            yield Error(
                f"{_variable(name, 'KEEP_DAYS')} is {days!r}, which is no number of days.",
                hint="Set it to whole days from 1 on, or leave it empty to keep what was read as "
                "long as the account.",
                id="lanterne.E102",
            )


@register(OURS, deploy=True)
def policies_are_meant(**_: Any) -> Sequence[CheckMessage]:
    return [one for name in names() for one in (*_told_of(name), *_kept_too_long(name))]


def _told_of(name: str) -> Iterator[CheckMessage]:
    source = settings.SOURCES[name]
    label, terms = source["LABEL"], IN_PROMPTS.get(name, UNKNOWN)
    variable = _variable(name, "IN_PROMPTS")
    if source["IN_PROMPTS"] is not True:
        yield Info(
            f"{label}: kept from the model. Nothing of it, and nothing worked out from it, is in "
            "a prompt, a brief or a stored answer from now on; what was told before stays.",
            hint=f"{variable}=1 lets the coach use it. {terms}",
            id="lanterne.I101",
        )
        return
    yield Info(
        f"{label}: its values, and what is worked out from them, are sent to the model. {terms}",
        hint=f"You decide; {variable}=0 keeps it from the coach.",
        id="lanterne.I102",
    )
    yield from _told_of_joining(name)


def _told_of_joining(name: str) -> Iterator[CheckMessage]:
    source = settings.SOURCES[name]
    label, terms = source["LABEL"], JOINED.get(name, UNKNOWN)
    variable = _variable(name, "JOINED")
    if source["JOINED"] is True:
        yield Info(
            f"{label}: joined with a tester's other sources. {terms}",
            hint=f"You decide; {variable}=0 leaves it out where a tester has another source.",
            id="lanterne.I103",
        )
    else:
        yield Info(
            f"{label}: left out for every tester with another source that has told anything.",
            hint=f"{variable}=1 joins it with the others. {terms}",
            id="lanterne.I104",
        )


def _kept_too_long(name: str) -> Iterator[CheckMessage]:
    days, most = settings.SOURCES[name]["KEEP_DAYS"], MOST_DAYS.get(name)
    label, variable = settings.SOURCES[name]["LABEL"], _variable(name, "KEEP_DAYS")
    if most is not None and (days is None or (is_days(days) and days > most)):
        kept = "as long as the account" if days is None else f"{days} days"
        yield checks.Warning(
            f"{label}: what was read is kept {kept}; its API policy allows {most} days "
            "(section 6.2).",
            hint=f"Set {variable}={most}, or obtain written permission.",
            id="lanterne.W101",
        )
    elif days is None:
        yield Info(
            f"{label}: what was read is kept as long as the account. "
            f"{UPLOADED if IN_PROMPTS.get(name) == UPLOADED else UNKNOWN}",
            hint=f"You decide; {variable} limits it.",
            id="lanterne.I105",
        )


def _variable(name: str, setting: str) -> str:
    return f"{name.upper()}_{setting}"
