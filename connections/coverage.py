"""Whether a source's silence about a ride says anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from connections import retention, sync
from connections.models import Connection, Source


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
        its own. An export of Apple Health adds to the one before and deletes nothing.
        """
        connection = self.connections.get(source)
        if connection is None or source != Source.STRAVA or connection.connected_at > since:
            return False
        kept = retention.kept_for(Source.STRAVA)
        readings = (
            (connection.last_success_at, sync.OVERLAP),
            (connection.history_read_at, sync.BACKFILL),
        )
        return any(
            at is not None and at > since and of > at - reach and (kept is None or at >= now - kept)
            for at, reach in readings
        )
