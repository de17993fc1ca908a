"""Why a source was not connected, where the provider itself says why."""

from typing import Any

from social_core.exceptions import AuthProviderError


class NotConnected(AuthProviderError):
    """`words` are for the tester, and say what to do next."""

    def __init__(self, backend: Any, words: str, **metadata: Any) -> None:
        super().__init__(backend, **metadata)
        self.words = words
