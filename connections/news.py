"""A source that fails is named in one brief: after that the Connections page alone says so."""

from datetime import datetime

from django.db.models import Q

from accounts.models import User
from connections.models import Connection


def mark_told(user: User, source: str, problem: str, *, as_of: datetime, now: datetime) -> None:
    """A brief names the problem as it was at `as_of`; what has happened since is still news."""
    began_before = Q(failing_since=None) | Q(failing_since__lte=as_of)
    Connection.objects.filter(
        began_before, user=user, provider=source, last_error=problem, told_at=None
    ).update(told_at=now)
