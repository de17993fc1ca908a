"""Another policy for a source than settings have."""

from typing import Any

from django.conf import LazySettings


def set_policy(settings: LazySettings, source: str, **policy: Any) -> None:
    """policy: KEEP_DAYS, IN_PROMPTS, JOINED or RATE_LIMIT."""
    entry = settings.SOURCES[source]
    settings.SOURCES = {**settings.SOURCES, source: {**entry, **policy}}
