"""Accounts that somebody has asked for and nobody has confirmed."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef

from accounts import purging
from accounts.models import User

# Longer than their link works: signing in sends it again.
KEPT = timedelta(days=7)


def purge(now: datetime) -> int:
    """Forget addresses that may be a stranger's typing; how many."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    return purging.in_batches(
        User.objects.filter(
            ~Exists(confirmed), last_login=None, is_staff=False, date_joined__lt=now - KEPT
        )
    )
