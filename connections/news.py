"""A source that fails is named in one brief: after that the Connections page alone says so.

One that needs its tester is told of by mail as well, at once: this app knows nothing of mails, and
settings name who writes it.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from accounts.models import User
from connections.models import Connection


def mark_told(user: User, source: str, problem: str, *, as_of: datetime, now: datetime) -> None:
    """A brief names the problem as it was at `as_of`; what has happened since is still news."""
    began_before = Q(failing_since=None) | Q(failing_since__lte=as_of)
    Connection.objects.filter(
        began_before, user=user, provider=source, last_error=problem, told_at=None
    ).update(told_at=now)


def tell_tester(connection_id: int) -> None:
    """Of a source as it stands now, in the transaction of whoever noticed that it needs them."""
    connection = Connection.objects.select_related("user").get(pk=connection_id)
    import_string(settings.TELL_TESTERS)(connection)
