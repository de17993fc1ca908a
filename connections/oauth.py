"""What happens around Strava's consent page: scopes checked, tokens encrypted, errors in words."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from social_core.exceptions import (
    AuthAssociationError,
    AuthCanceled,
    AuthProviderError,
    AuthResponseError,
)
from social_django.middleware import SocialAuthExceptionMiddleware

from accounts import privacy
from accounts.models import Ftp, User
from connections import consent
from connections.models import Source
from connections.providers import strava
from connections.providers.http import ProviderError

NO_GOOD_ANSWER = "Strava did not answer as it should. Try again in a few minutes."
BROKEN_OFF = "Strava is not connected: the visit took too long or was interrupted. Try again."
NO_ROOM = (
    "Strava lets no more testers connect to this service at the moment. Its operator has to mend "
    "that; there is nothing you need to do."
)
# By Strava's status at the exchange of the code for tokens: 400 is a code that is old or used.
REFUSALS: dict[int | None, str] = {400: BROKEN_OFF, 403: NO_ROOM}


def require_consent(backend: Any, *, user: User | None = None, **_: Any) -> HttpResponse | None:
    """Pipeline step: nothing from Strava is kept for somebody who has not allowed it."""
    if user is None or privacy.may_be_read(user.pk):
        return None
    messages.error(backend.strategy.request, f"Strava is not connected. {privacy.NOT_ALLOWED}")
    return redirect("connections:panel")


def require_ride_scope(backend: Any, **_: Any) -> HttpResponse | None:
    """Pipeline step: without the activities there is nothing to coach from, so say so and stop."""
    granted = set(str(backend.data.get("scope", "")).split(","))
    if granted & strava.RIDE_SCOPES:
        return None
    messages.error(
        backend.strategy.request,
        "Strava is not connected: “View data about your activities” was not ticked. "
        "Connect again and leave it ticked; the coach reads your rides through it.",
    )
    return redirect("connections:panel")


def keep_tokens_encrypted(
    backend: Any,
    *,
    user: User,
    uid: str,
    response: dict[str, Any],
    social: Any,
    new_association: bool,
    **_: Any,
) -> None:
    """Pipeline step: the tokens go into the Connection, and nowhere else."""
    try:
        tokens = strava.tokens_from(response)
        with transaction.atomic():
            social.extra_data = {}
            social.save(update_fields=["extra_data"])
            user.social_auth.filter(provider=social.provider).exclude(pk=social.pk).delete()
            consent.keep(
                user,
                Source.STRAVA,
                uid,
                access_token=tokens.access_token,
                refresh_token=tokens.refresh_token,
                expires_at=tokens.expires_at,
                scopes=str(backend.data.get("scope", "")),
            )
            _keep_ftp(user, response.get("athlete") or {})
    except (ProviderError, consent.AccountTaken) as error:
        if new_association:
            social.delete()
        if isinstance(error, consent.AccountTaken):
            raise AuthAssociationError(backend, stage="pipeline") from error
        raise AuthResponseError(backend, stage="pipeline") from error


def _keep_ftp(user: User, athlete: dict[str, Any]) -> None:
    """Strava's FTP, from the day it was read on; the tester's own of that day comes first."""
    power_w: Any = athlete.get("ftp")
    ftp = Ftp(
        user=user,
        effective_date=user.local_date(timezone.now()),
        power_w=power_w,
        source=Ftp.Source.STRAVA,
    )
    try:
        ftp.full_clean()
    except ValidationError:
        return  # none, not a possible one, or there is one of today
    ftp.save()


class StravaMessages(SocialAuthExceptionMiddleware):
    """Says what went wrong on the way to Strava and back, and what to do."""

    def get_message(self, request: HttpRequest, exception: Exception) -> str:
        if isinstance(exception, AuthCanceled):
            return "Strava is not connected: you chose Cancel on Strava's page."
        if isinstance(exception, AuthAssociationError):
            return (
                "That Strava account belongs to somebody else here. "
                "Sign in to Strava as yourself and connect again."
            )
        if isinstance(exception, AuthProviderError):
            return REFUSALS.get(exception.status_code, NO_GOOD_ANSWER)
        return NO_GOOD_ANSWER if isinstance(exception, AuthResponseError) else BROKEN_OFF

    def raise_exception(self, request: HttpRequest, exception: Exception) -> bool:
        return False
