"""What a source must do that tells by itself what has happened, at /webhooks/<its name>."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.models import Ride
from connections.providers.base import Visit

# What an event is about when it is no recording: the tester has ended our access there.
ENDED = "ended"


class NotAnEvent(ValueError):
    """The request does not have the shape that the provider documents."""


class NotOurs(Exception):
    """Whoever asks does not know what only the provider can know."""


@dataclass(frozen=True, slots=True)
class Event:
    """`aspect` as the provider names it, or ENDED; told twice, an event is equal to itself."""

    account: str
    object_id: str
    aspect: str
    happened_at: datetime


class Webhooks(ABC):
    """Beside ApiProvider. What is told is a hint, never a fact: we look for ourselves."""

    @abstractmethod
    def handshake(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What to answer a provider that makes sure it was us who subscribed; raises NotOurs."""

    @abstractmethod
    def event_in(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        """None when nothing follows from it; raises NotAnEvent or NotOurs."""

    @abstractmethod
    def ride_now(self, visit: Visit, account: str, object_id: str) -> Ride | None:
        """As it is there now; None when it is gone or another's. Raises ProviderError."""

    @abstractmethod
    def check(self, visit: Visit) -> None:
        """Raises ReconnectNeeded when our access has really been ended."""
