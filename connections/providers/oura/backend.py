"""Oura's consent page and what follows it, for social-auth."""

from typing import Any

from django.conf import settings
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import AuthProviderError

from connections.providers.http import ProviderError, known_shape
from connections.providers.oura import client, tokens


class OuraOAuth2(BaseOAuth2[Any]):
    """Oura for a signed-in tester only; its token host is another one than its consent page's."""

    name = "oura"
    ASSOCIATION_ONLY = True
    ID_KEY = "id"
    SCOPE_SEPARATOR = " "
    REDIRECT_STATE = False
    STATE_PARAMETER = True

    def authorization_url(self) -> str:
        return str(settings.OURA_CONSENT_URL)

    def access_token_url(self) -> str:
        return str(settings.OURA_TOKEN_URL)

    def use_basic_auth(self) -> bool:
        return bool(settings.OURA_USES_BASIC_AUTH)

    def user_data(
        self, access_token: str, *_: Any, response: dict[str, Any], **__: Any
    ) -> dict[str, Any]:
        """Without the scope that tells whose account it is, the pipeline says which one misses."""
        try:
            with known_shape("Oura"):
                granted = tokens.scopes_in(response)
            told = {"scope": " ".join(granted)}
            if client.WHO_SCOPE not in granted:
                return told
            return {**told, "id": client.account_id(access_token)}
        except ProviderError as error:
            raise AuthProviderError(self, stage="user_info") from error

    def get_user_details(self, response: Any) -> dict[str, Any]:
        return {}
