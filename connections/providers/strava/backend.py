"""Strava's consent page and what follows it, for social-auth."""

import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from social_core.backends.strava import StravaOAuth
from social_core.exceptions import AuthProviderError, AuthResponseError, SocialAuthBaseException

from connections import budget
from connections.providers.http import ProviderBusy
from connections.providers.not_connected import NotConnected
from connections.providers.strava import asking
from connections.providers.strava.answers import faults_in
from connections.sources import Source

NO_ROOM = (
    "Strava is not connected: it lets no more testers connect to this service at the moment. Its "
    "operator has to mend that. Until then you can send your rides as files."
)
SWITCHED_OFF = (
    "Strava is not connected: Strava has switched this service's access off. Its operator has to "
    "mend that. Until then you can send your rides as files."
)
NOT_KNOWN = (
    "Strava is not connected: Strava does not know this service by the name and address it gave. "
    "Its operator has to mend that. Until then you can send your rides as files."
)
CODE_REFUSED = "AuthorizationCode"


class CodeRefused(AuthProviderError):
    """The code is used, or too old, or so fresh that Strava does not know it yet."""


class StravaOAuth2(StravaOAuth[Any]):
    """Strava for a signed-in tester only: our URLs, and the token in a header, never in a URL."""

    ASSOCIATION_ONLY = True

    def authorization_url(self) -> str:
        return f"{settings.STRAVA_OAUTH_URL}/authorize"

    def access_token_url(self) -> str:
        return f"{settings.STRAVA_OAUTH_URL}/token"

    def request_access_token(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        """A fresh code is refused now and then, and works two seconds later."""
        try:
            return super().request_access_token(*args, **kwargs)
        except CodeRefused:
            time.sleep(settings.STRAVA_CODE_PAUSE_S)
        return super().request_access_token(*args, **kwargs)

    def user_data(self, access_token: str, *_: Any, **__: Any) -> dict[str, Any]:
        """Who it is, with their FTP; when no more may be asked for now, what the tokens said."""
        now = timezone.now()
        try:
            budget.take(Source.STRAVA, now)
            response = self.request(
                f"{settings.STRAVA_API_URL}/athlete",
                headers={"Authorization": f"Bearer {access_token}"},
            )
        except ProviderBusy:
            return {}
        except AuthProviderError as error:
            if error.status_code != 429:
                raise
            budget.used_up(Source.STRAVA, now)
            return {}
        asking.note(response.headers, now)
        return {"athlete": self._athlete_in(response)}

    def _athlete_in(self, response: Any) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise AuthResponseError(self, stage="user_info") from error

    def get_provider_error(self, data: object, **metadata: Any) -> SocialAuthBaseException | None:
        """Strava's own envelope, beside what OAuth prescribes."""
        faults = faults_in(data)
        status = metadata.get("status_code")
        is_full = isinstance(data, Mapping) and "limit" in str(data.get("error"))
        if status == 403 or is_full:
            is_off = any(code == "Inactive" for _, code in faults)
            return NotConnected(self, SWITCHED_OFF if is_off else NO_ROOM, **metadata)
        if any(resource == "Application" for resource, _ in faults) and status != 429:
            return NotConnected(self, NOT_KNOWN, **metadata)
        if any(resource == CODE_REFUSED for resource, _ in faults):
            return CodeRefused(self, **metadata)
        return super().get_provider_error(data, **metadata)
