"""What a source is to the rest of the house, and what one that is read over its API must do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Literal

from accounts.models import User
from connections.models import Connection, DailySample, Night, Ride

Metric = Literal["rides", "sleep", "hrv", "resting_hr", "readiness"]


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """`refresh_token` and `expires_at` are missing where a token lasts; `scopes` as granted."""

    access_token: str
    refresh_token: str = ""
    expires_at: datetime | None = None
    scopes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One reading of one tester's account: what happened since when, with which access.

    is_urgent: somebody waits for it, so it may use all that the provider grants the service.
    """

    user: User
    access_token: str = field(repr=False)
    scopes: frozenset[str]
    since: datetime
    now: datetime
    is_urgent: bool = False

    @property
    def first_date(self) -> date:
        return self.user.local_date(self.since)

    @property
    def last_date(self) -> date:
        return self.user.local_date(self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a visit brought, as rows that are not stored yet.

    `waits_for` is the local date that a source has nothing about yet though it will have;
    `again_in`, how soon to ask it again, where that is sooner than hourly. `left_out` says in words
    which parts could not be read this time. `whole_kinds` are the samples it tells completely: a
    day of the visit that has none of them now has none.
    """

    rides: Sequence[Ride] = ()
    nights: Sequence[Night] = ()
    samples: Sequence[DailySample] = ()
    waits_for: date | None = None
    again_in: timedelta | None = None
    left_out: str = ""
    whole_kinds: Sequence[DailySample.Kind] = ()


class Provider:
    """A source, by its name in settings.SOURCES.

    tells: which of the metrics it has, so that a tester can say which source counts.
    tells_of_rest: a day without one of its rides is a day without a ride, once it was read.
    """

    name: ClassVar[str]
    tells: ClassVar[frozenset[Metric]]
    tells_of_rest: ClassVar[bool] = False

    def forget(self, user: User) -> None:
        """Erase what it left outside rides, nights and samples."""


class ApiProvider(Provider, ABC):
    """A source that is read over its API, for as long as the tester lets us.

    backend: the social-auth backend it is connected through; None when it is not.
    tells_of_deletions: what it does not tell again has been deleted there.
    revokes_live_tokens: what is given back is the access token, while it is still accepted.
    """

    backend: ClassVar[str | None] = None
    tells_of_deletions: ClassVar[bool] = False
    revokes_live_tokens: ClassVar[bool] = False
    # How far back a first reading goes: CTL forgets half a year.
    backfill: ClassVar[timedelta] = timedelta(days=180)
    # Late uploads and edits arrive under old dates.
    overlap: ClassVar[timedelta] = timedelta(days=7)

    @property
    def takes_pasted_token(self) -> bool:
        """Whether a token can be pasted instead of visiting its consent page."""
        return False

    @abstractmethod
    def read(self, visit: Visit) -> Told:
        """Everything since `visit.since`; raises ProviderError."""

    @abstractmethod
    def revoke(self, connection: Connection) -> None:
        """Give our access back there; raises ProviderError when that did not work."""

    def refresh(self, refresh_token: str) -> Tokens:
        """A new pair; the old refresh token is dead once this returns. Raises ProviderError."""
        raise NotImplementedError(f"{self.name} has tokens that last.")

    def account_of(self, token: str) -> str:
        """Its id of the owner of a pasted token; raises ProviderError when it refuses it."""
        raise NotImplementedError(f"{self.name} takes no pasted token.")

    def missing_scope(self, granted: frozenset[str]) -> str:
        """What the tester left unticked that we cannot do without, in words; else empty."""
        return ""

    def not_shared(self, granted: frozenset[str]) -> str:
        """What the tester left unticked that we can do without, in words; else empty."""
        return ""

    def tokens_from(self, response: dict[str, Any], granted: str) -> Tokens:
        """Of the answer to a code; raises ProviderUnavailable when it lacks one of them."""
        raise NotImplementedError(f"{self.name} is not connected through OAuth.")

    def keep_profile(self, user: User, response: dict[str, Any]) -> None:
        """Keep what the answer to a code says about the tester besides."""
