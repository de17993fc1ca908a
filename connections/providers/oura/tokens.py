"""Oura's tokens by OAuth2: each refresh token works once, and a new pair comes with the answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx2
from django.conf import settings
from django.utils import timezone

from connections.providers.base import Tokens
from connections.providers.http import (
    ProviderRefuses,
    ProviderUnavailable,
    ReconnectNeeded,
    json_of,
    known_shape,
    send,
    trouble,
)
from connections.providers.oura.client import text_in

# While a token is refreshed or revoked its row is locked, and with SQLite the whole database.
TIMEOUT_S = 8.0
# Oura's token host has been seen to say "extapi:daily" for what its API calls "daily".
PREFIX = "extapi:"
# The service is at fault with these, so that connecting again is of no use to a tester.
OURS = {"invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type"}
NOT_KNOWN = (
    "Oura does not accept this service. Its operator has to mend that; there is nothing you need "
    "to do."
)
DEAD = (
    "Oura no longer accepts our access: it was withdrawn there, or its renewal got lost on the "
    "way. Connect Oura again."
)


def refresh(refresh_token: str) -> Tokens:
    """A new pair of tokens; the old refresh token is dead once this returns."""
    response = _asked({"grant_type": "refresh_token", "refresh_token": refresh_token})
    if response.status_code in (400, 401):
        raise ProviderRefuses(NOT_KNOWN) if _error_in(response) in OURS else ReconnectNeeded(DEAD)
    return tokens_from(json_of("Oura", response), timezone.now())


def tokens_from(payload: Mapping[str, Any], now: datetime) -> Tokens:
    """Raises ProviderUnavailable when the answer lacks one of them.

    One whose end is not told lasts until it is refused: a pair that was not kept is lost for good.
    """
    with known_shape("Oura"):
        lasts_s = payload.get("expires_in")
        return Tokens(
            access_token=text_in(payload, "access_token"),
            refresh_token=text_in(payload, "refresh_token"),
            expires_at=None if lasts_s is None else now + timedelta(seconds=float(lasts_s)),
            scopes=" ".join(scopes_in(payload)),
        )


def scopes_in(payload: Mapping[str, Any]) -> list[str]:
    """By the names the API knows; an answer that does not say has given what was asked for."""
    said: str | None = payload.get("scope")
    names = settings.SOCIAL_AUTH_OURA_SCOPE if said is None else said.split()
    return [name.removeprefix(PREFIX) for name in names]


def revoke(access_token: str) -> None:
    """Give our access back; raises ProviderError when Oura did not take it."""
    response = send(
        "Oura",
        "POST",
        settings.OURA_REVOKE_URL,
        params={"access_token": access_token},
        timeout_s=TIMEOUT_S,
    )
    # What Oura does not know any more need not be given back.
    if not response.is_success and response.status_code not in (400, 401):
        raise ProviderUnavailable(trouble("Oura", response))


def _asked(form: Mapping[str, str]) -> httpx2.Response:
    """With the service's own secret in the body or in the header, as its app there demands."""
    name, secret = settings.SOCIAL_AUTH_OURA_KEY, settings.SOCIAL_AUTH_OURA_SECRET
    in_header = settings.OURA_USES_BASIC_AUTH
    return send(
        "Oura",
        "POST",
        settings.OURA_TOKEN_URL,
        form=form if in_header else {"client_id": name, "client_secret": secret, **form},
        basic_auth=(name, secret) if in_header else None,
        timeout_s=TIMEOUT_S,
    )


def _error_in(response: httpx2.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("error", "")) if isinstance(body, dict) else ""
