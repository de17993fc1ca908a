"""Asking a provider for JSON: one request, a time limit, and a named error for every failure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import httpx2
from django.conf import settings

from accounts import database


class ProviderError(Exception):
    """A provider could not be read; the message is for the tester, the reason for counting."""

    reason: ClassVar[str] = "error"


class ReconnectNeeded(ProviderError):
    """The provider no longer accepts our token, or it misses a permission."""

    reason = "reconnect"


class MissingScope(ReconnectNeeded):
    """The token works, and the tester has not ticked what was asked for."""


class TokenRefused(ReconnectNeeded):
    """The provider does not take this access token; a new one may do, where there is a refresh."""


class ProviderBusy(ProviderError):
    """We asked too often; the next attempt is at `retry_at`, or with the next reading."""

    reason = "busy"

    def __init__(self, words: str, retry_at: datetime | None = None) -> None:
        super().__init__(words)
        self.retry_at = retry_at


class ProviderUnavailable(ProviderError):
    """No usable answer: the network, a time-out, or an error on their side."""

    reason = "unavailable"


class ProviderRefuses(ProviderUnavailable):
    """An answer that nothing on our side can change: the membership ended, the app is off."""

    reason = "refused"


class NotShared(ProviderRefuses):
    """One that the tester can mend at the provider: until then the token works for nothing."""


UNREADABLE = "{provider} sent an answer we could not read."
Params = Mapping[str, str | int]
# Reading the certificates of the world takes longer than the rest of a request.
tls = cache(httpx2.create_ssl_context)


def send(
    provider: str,
    method: str,
    url: str,
    *,
    token: str | None = None,
    params: Params | None = None,
    form: Mapping[str, str] | None = None,
    basic_auth: tuple[str, str] | None = None,
    timeout_s: float | None = None,
) -> httpx2.Response:
    """The provider's answer, whatever its status; raises ProviderUnavailable when none came.

    No connection to the database is held meanwhile, but within a transaction.
    """
    database.give_back()
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return httpx2.request(
            method,
            url,
            params=params,
            data=form,
            headers=headers,
            auth=basic_auth,
            timeout=timeout_s or settings.OUTBOUND_TIMEOUT_S,
            verify=tls(),
        )
    except httpx2.TimeoutException as error:
        raise ProviderUnavailable(f"{provider} did not answer in time.") from error
    except httpx2.RequestError as error:
        raise ProviderUnavailable(f"{provider} could not be reached.") from error


def trouble(provider: str, response: httpx2.Response) -> str:
    """What to say of a refusal that has no words of its own."""
    if response.status_code >= 500:
        return f"{provider} has trouble of its own just now."
    return f"{provider} did not take our request (error {response.status_code})."


def json_of(provider: str, response: httpx2.Response) -> Any:
    """The body of a good answer; an error page or a half answer is ProviderUnavailable."""
    if response.status_code >= 400:
        raise ProviderUnavailable(trouble(provider, response))
    try:
        return response.json()
    except ValueError as error:
        raise ProviderUnavailable(UNREADABLE.format(provider=provider)) from error


@contextmanager
def known_shape(provider: str) -> Iterator[None]:
    """For reading a body: one that is not as documented is ProviderUnavailable too."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ProviderUnavailable(UNREADABLE.format(provider=provider)) from error
