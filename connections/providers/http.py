"""Asking a provider for JSON: one request, a time limit, and a named error for every failure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx2
from django.conf import settings


class ProviderError(Exception):
    """A provider could not be read; the message is for the tester."""


class ReconnectNeeded(ProviderError):
    """The provider no longer accepts our token, or it misses a permission."""


class ProviderBusy(ProviderError):
    """We asked too often; the next attempt is later."""


class ProviderUnavailable(ProviderError):
    """No usable answer: the network, a time-out, or an error on their side."""


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
    """The provider's answer, whatever its status; raises ProviderUnavailable when none came."""
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


def json_of(provider: str, response: httpx2.Response) -> Any:
    """The body of a good answer; an error page or a half answer is ProviderUnavailable."""
    if response.status_code >= 400:
        raise ProviderUnavailable(f"{provider} answered with error {response.status_code}.")
    try:
        return response.json()
    except ValueError as error:
        raise ProviderUnavailable(f"{provider} sent an answer that is not JSON.") from error


@contextmanager
def known_shape(provider: str) -> Iterator[None]:
    """For reading a body: one that is not as documented is ProviderUnavailable too."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ProviderUnavailable(f"{provider} sent an answer we do not understand.") from error
