"""Failures of reading sources, counted for as long as the service lives."""

from django.db import transaction
from django.db.models import F

from connections.models import FailureTally
from connections.providers.http import (
    ProviderBusy,
    ProviderRefuses,
    ProviderUnavailable,
    ReconnectNeeded,
)

REASONS = tuple(
    kind.reason for kind in (ReconnectNeeded, ProviderRefuses, ProviderBusy, ProviderUnavailable)
)


@transaction.atomic
def count(source: str, reason: str) -> None:
    known = FailureTally.objects.filter(source=source, reason=reason)
    if not known.update(count=F("count") + 1):
        FailureTally.objects.bulk_create(
            [FailureTally(source=source, reason=reason)], ignore_conflicts=True
        )
        known.update(count=F("count") + 1)
