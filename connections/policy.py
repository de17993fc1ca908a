"""What the coach may use of a tester's sources, as the operator has set it in settings.SOURCES.

A source that may not enter prompts is kept from the coach altogether: what the model never saw
must not be worked out from it either. One that may not be joined with others is used where it is
the only source that has told anything; of several such the first in the usual order is used.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from accounts.models import Ftp, FtpQuerySet, User
from connections import sources

Reason = Literal["prompts", "joined"]
WORDS: dict[Reason, str] = {
    "prompts": "whoever runs this service keeps it from the language model.",
    "joined": "by its terms, as whoever runs this service reads them, it may not be joined with "
    "your other sources.",
}


@dataclass(frozen=True, slots=True)
class Withheld:
    """A source that the tester has and the coach may not use, and why."""

    source: str
    reason: Reason

    @property
    def label(self) -> str:
        return sources.label_of(self.source)

    @property
    def words(self) -> str:
        return f"The coach does not use {self.label} here: {WORDS[self.reason]}"


def is_everything_allowed() -> bool:
    policies = [sources.policy_of(name) for name in sources.names()]
    return all(one.may_enter_prompts and one.may_be_joined for one in policies)


def kept_back(with_data: Collection[str]) -> dict[str, Reason]:
    """Of all sources those the coach may not use for a tester, and why each.

    A name that settings.SOURCES does not list (any more) is among them if it has data.
    """
    names = sources.names()
    policies = {name: sources.policy_of(name) for name in names}
    found: dict[str, Reason] = {
        name: "prompts"
        for name in (*names, *sorted(with_data))
        if name not in policies or not policies[name].may_enter_prompts
    }
    left = set(with_data) - found.keys()
    for name in reversed(names):
        if name not in found and not policies[name].may_be_joined and left - {name}:
            found[name] = "joined"
            left.discard(name)
    return found


def in_words(kept: Mapping[str, Reason], held: Collection[str]) -> list[Withheld]:
    """Of what is kept back that which a tester has, in the usual order."""
    names = sources.names()
    known = (name for name in names if name in kept)
    others = (name for name in kept if name not in names)
    return [Withheld(name, kept[name]) for name in (*known, *others) if name in held]


def with_data(user: User) -> set[str]:
    """The sources that have told anything that is kept here, their FTPs too; one query."""
    told = user.ftps.exclude(source=Ftp.Source.TESTER).values_list("source").order_by()
    rows = (user.rides, user.nights, user.samples)
    kept = (one.order_by().values_list("source") for one in rows)
    return {source for (source,) in told.union(*kept)}


def held_by(user: User) -> set[str]:
    """The sources a tester has connected or has data of; two queries."""
    return with_data(user) | set(user.connections.values_list("provider", flat=True))


def kept_from_coach(user: User) -> dict[str, Reason]:
    """As `kept_back`; no query where the settings keep nothing back."""
    return {} if is_everything_allowed() else kept_back(with_data(user))


def withheld_of(user: User) -> list[Withheld]:
    """Those of them the tester has, for whoever tells them so."""
    kept = kept_from_coach(user)
    return in_words(kept, held_by(user)) if kept else []


def ftps_for_coach(user: User) -> FtpQuerySet:
    """The tester's FTPs but for those of a source that is kept from the coach."""
    return user.ftps.exclude(source__in=kept_from_coach(user))
