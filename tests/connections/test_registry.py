import pytest
from django.conf import LazySettings

from connections import registry


def test_token_can_be_pasted_for_a_source_that_takes_one(settings: LazySettings) -> None:
    assert registry.that_takes_tokens("oura").name == "oura"

    for name in ("strava", "apple_health", "nobody"):
        with pytest.raises(registry.NotAnApi, match=f"^{name}$"):
            registry.that_takes_tokens(name)

    settings.OURA_TAKES_PASTED_TOKENS = False
    with pytest.raises(registry.NotAnApi, match=r"^oura$"):
        registry.that_takes_tokens("oura")
