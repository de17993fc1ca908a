"""Whether a source's silence about a ride says anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from connections import registry, sources
from connections.models import Connection
from connections.providers.base import ApiProvider
from connections.readings import HISTORY
from connections.sources import Source


@dataclass(frozen=True, slots=True)
class Coverage:
    """The connections of a tester that work, by their source, read once."""

    connections: Mapping[str, Connection]

    @classmethod
    def of(cls, user: User) -> "Coverage":
        working = user.connections.filter(state=Connection.State.OK, last_error="")
        return cls({one.provider: one for one in working})

    def would_have_told(self, source: str, *, of: datetime, since: datetime, now: datetime) -> bool:
        """Whether a reading made after `since` would have brought a ride that began at `of`.

        Only then does a ride that is not here not exist there any more. Rides go from here for
        other reasons too: they are kept for so long only, and a source that is disconnected takes
        its own. An export of Apple Health adds to the one before and deletes nothing. A ride of a
        file stays until its tester deletes it, so that one which is not here was deleted, unless
        it is older than what is kept or gathered.
        """
        if source == Source.FILE:
            return of > now - min(sources.policy_of(source).kept_for or HISTORY, HISTORY)
        connection = self.connections.get(source)
        if connection is None or connection.connected_at > since:
            return False
        provider = registry.provider_of(source)
        if not isinstance(provider, ApiProvider) or not provider.tells_of_deletions:
            return False
        kept = sources.policy_of(source).kept_for
        readings = (
            (connection.last_success_at, provider.overlap),
            (connection.history_read_at, provider.backfill),
        )
        return any(
            at is not None and at > since and of > at - reach and (kept is None or at >= now - kept)
            for at, reach in readings
        )
