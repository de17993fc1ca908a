"""What is wrong with an answer of Strava's, by its own words, and what to say about it."""

from typing import Any

import httpx2
from django.utils import timezone

from connections import budget
from connections.providers.http import (
    MissingScope,
    ProviderBusy,
    ProviderRefuses,
    ReconnectNeeded,
    TokenRefused,
)
from connections.sources import Source

NOT_ACCEPTED = "Strava no longer accepts our access. Connect Strava again."
# A refresh token is also dead when Strava's answer with the next one never arrived here.
LOST = (
    "Strava no longer accepts our access. It was ended there, or got lost while it was renewed. "
    "Connect Strava again; your rides stay here."
)
MISSING_SCOPE = (
    "Strava does not let us see your activities. Connect again and leave "
    "“View data about your activities” ticked."
)
SWITCHED_OFF = (
    "Strava has switched this service's access off. Its operator has to mend that; "
    "there is nothing you need to do."
)


def raise_for(response: httpx2.Response) -> None:
    """Faults are told apart by Strava's own words: a dead refresh token is a 400, and so is an
    app it does not know; a missing permission is a 401.
    """
    faults = faults_of(response)
    if response.status_code == 429:
        raise _busy()
    if response.status_code == 403 or any(resource == "Application" for resource, _ in faults):
        raise ProviderRefuses(SWITCHED_OFF)
    if ("AccessToken", "missing") in faults:
        raise MissingScope(MISSING_SCOPE)
    if response.status_code == 401:
        raise TokenRefused(NOT_ACCEPTED)
    if ("RefreshToken", "invalid") in faults:
        raise ReconnectNeeded(LOST)


def faults_of(response: httpx2.Response) -> set[tuple[str, str]]:
    """(resource, code) of each fault, as far as the answer has Strava's envelope."""
    if not response.is_error:
        return set()
    try:
        return faults_in(response.json())
    except ValueError:
        return set()


def faults_in(body: Any) -> set[tuple[str, str]]:
    try:
        return {(fault["resource"], fault["code"]) for fault in body["errors"]}
    except (KeyError, TypeError):
        return set()


def _busy() -> ProviderBusy:
    """Of a request that is not counted, such as for tokens: it has no window of its own."""
    now = timezone.now()
    return budget.wait(Source.STRAVA, now, budget.next_quarter(now))
