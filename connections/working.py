"""What there is to say of a connection that works: what it waits for, and what it may not read."""

from dataclasses import dataclass
from datetime import datetime

from connections.models import Connection
from connections.providers.base import ApiProvider
from connections.sources import has_consent_page, label_of


@dataclass(frozen=True, slots=True)
class Working:
    """can_be_widened: a visit to its consent page would give more, or make it last."""

    words: str = "connected"
    next_step: str = ""
    is_waiting: bool = False
    can_be_widened: bool = False


def look_at(provider: ApiProvider, connection: Connection, now: datetime) -> Working:
    """The next step is the one that helps the next brief most."""
    label = label_of(provider.name)
    not_shared = provider.not_shared(connection.granted_scopes)
    words = f"connected without {not_shared} (not ticked at {label})" if not_shared else "connected"
    open_app = f"Open the {label} app and it will come."
    if connection.waits_for == connection.user.local_date(now):
        return Working(
            words=f"{words}; last night is not there yet. {open_app}",
            next_step=f"Last night is not there yet. {open_app}",
            is_waiting=True,
            can_be_widened=_can_be_widened(provider, connection, not_shared),
        )
    if _can_be_widened(provider, connection, not_shared):
        step = f"Connect {label} again on its own page, with everything ticked."
        if not connection.refresh_token:
            step = (
                f"The token you pasted may stop working. Connect {label} on its own page to be "
                "safe."
            )
        return Working(words=words, next_step=step, can_be_widened=True)
    return Working(words=words)


def _can_be_widened(provider: ApiProvider, connection: Connection, not_shared: str) -> bool:
    """A box that was not ticked can be, and a pasted token does not last."""
    is_pasted = not connection.refresh_token
    return has_consent_page(provider.name) and (is_pasted or bool(not_shared))
