"""What happens around a source's consent page: scopes checked, tokens kept, errors told."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from social_core.exceptions import (
    AuthAssociationError,
    AuthCanceled,
    AuthConfigurationError,
    AuthCredentialError,
    AuthProviderError,
    AuthResponseError,
    AuthSessionError,
    SocialAuthBaseException,
)
from social_django.middleware import SocialAuthExceptionMiddleware

from accounts import privacy
from accounts.models import User
from connections import consent, registry
from connections.providers.base import ApiProvider
from connections.providers.http import ProviderBusy, ProviderError, ProviderRefuses
from connections.providers.not_connected import NotConnected
from connections.sources import label_of

NO_GOOD_ANSWER = "{label} did not answer as it should. Try again in a few minutes."
BROKEN_OFF = "{label} is not connected: the visit took too long or was interrupted. Try again."
UNREACHABLE = "{label} is not connected: it could not be reached. Connect again in a few minutes."
CODE_REFUSED = (
    "{label} is not connected: its answer was used before, or more than ten minutes old. Connect "
    "again and come straight back."
)
SESSION_LOST = (
    "{label} is not connected: this browser knows of no visit there. Begin with Connect {label} "
    "here, and come back in the same browser."
)
OTHER_VISIT = (
    "{label} is not connected: the answer is not to the visit that was begun here last. Use one "
    "window only, and connect again."
)
NOT_SET_UP = (
    "{label} is not connected: it does not accept this service. Its operator has to mend that; "
    "there is nothing you need to do."
)
CANCELLED = "{label} is not connected: you did not allow it on {label}’s page."
# By the status at the exchange of the code for tokens: 400 is a code that is old or used.
REFUSALS: dict[int | None, str] = {400: BROKEN_OFF, 403: NOT_SET_UP}
WORDS: dict[type[SocialAuthBaseException], str] = {
    AuthCanceled: CANCELLED,
    AuthConfigurationError: NOT_SET_UP,
    AuthCredentialError: CODE_REFUSED,
    AuthResponseError: NO_GOOD_ANSWER,
    AuthSessionError: OTHER_VISIT,
}


def require_consent(backend: Any, *, user: User | None = None, **_: Any) -> HttpResponse | None:
    """Pipeline step: nothing is kept for somebody who has not allowed it."""
    if user is None or privacy.may_be_read(user.pk):
        return None
    return _refused(backend, privacy.NOT_ALLOWED)


def require_scopes(backend: Any, *, response: Mapping[str, Any], **_: Any) -> HttpResponse | None:
    """Pipeline step: without what the coach reads there is nothing to coach from, so stop."""
    granted = _granted(backend, response)
    missing = provider_of(backend).missing_scope(frozenset(granted.replace(",", " ").split()))
    return _refused(backend, missing) if missing else None


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
    provider = provider_of(backend)
    try:
        tokens = provider.tokens_from(response, _granted(backend, response))
        with transaction.atomic():
            # The connection before its social row: whoever withdraws locks them in this order too.
            list(user.connections.select_for_update(no_key=True).filter(provider=provider.name))
            social.extra_data = {}
            social.save()  # anew where a withdrawal has just deleted it
            user.social_auth.filter(provider=social.provider).exclude(pk=social.pk).delete()
            consent.keep(user, provider.name, str(uid), tokens)
            provider.keep_profile(user, response)
    except (ProviderError, consent.AccountTaken) as error:
        if new_association:
            social.delete()
        if isinstance(error, consent.AccountTaken):
            raise AuthAssociationError(backend, stage="pipeline") from error
        raise AuthResponseError(backend, stage="pipeline") from error


def provider_of(backend: Any) -> ApiProvider:
    return next(one for one in registry.all_apis() if one.backend == backend.name)


def _granted(backend: Any, response: Mapping[str, Any]) -> str:
    """The scopes that were left ticked: said with the tokens, or on the way back from the page."""
    return str(response.get("scope") or backend.data.get("scope") or "")


def _refused(backend: Any, reason: str) -> HttpResponse:
    label = label_of(provider_of(backend).name)
    messages.error(backend.strategy.request, f"{label} is not connected. {reason}")
    return redirect("connections:panel")


class ConsentMessages(SocialAuthExceptionMiddleware):
    """Says what went wrong on the way to a source and back, and what to do."""

    def get_message(self, request: HttpRequest, exception: Exception) -> str:
        if not isinstance(exception, SocialAuthBaseException):
            return "The source is not connected: the visit was interrupted. Try again."
        name = provider_of(exception.backend).name
        if isinstance(exception, AuthAssociationError):
            return str(consent.AccountTaken(name))
        label, cause = label_of(name), exception.__cause__
        if isinstance(cause, ProviderBusy | ProviderRefuses):
            return f"{label} is not connected. {cause}"
        return _words(exception).format(label=label)

    def raise_exception(self, request: HttpRequest, exception: Exception) -> bool:
        return False


def _words(exception: SocialAuthBaseException) -> str:
    if isinstance(exception, NotConnected):
        return exception.words
    if isinstance(exception, AuthProviderError):
        is_silent = exception.code in ("connection_failed", "timeout")
        otherwise = UNREACHABLE if is_silent else NO_GOOD_ANSWER
        return REFUSALS.get(exception.status_code, otherwise)
    if exception.code == "session_context_missing":
        return SESSION_LOST
    return next((words for kind, words in WORDS.items() if isinstance(exception, kind)), BROKEN_OFF)
