from decimal import Decimal

from django.conf import LazySettings

from coach.prices import cost_usd

TOKENS = {"tokens_in": 3_000, "tokens_cached": 1_000, "tokens_out": 500}


def test_cost_counts_cached_tokens_at_their_own_price() -> None:
    assert cost_usd("gpt-4o", **TOKENS) == Decimal("0.011250")
    assert cost_usd("gpt-4o-mini", **TOKENS) == Decimal("0.000675")


def test_cost_of_writing_into_the_cache_counts_where_it_has_a_price() -> None:
    assert cost_usd("gpt-6-luna", **TOKENS, tokens_written=2_000) == Decimal("0.000510")
    assert cost_usd("gpt-6-luna", **TOKENS, tokens_written=0) == Decimal("0.000460")
    assert cost_usd("gpt-4o", **TOKENS, tokens_written=2_000) == Decimal("0.011250")


def test_cost_is_unknown_where_a_price_or_a_count_is() -> None:
    assert cost_usd("gpt-4o-2024-08-06", **TOKENS) is None
    assert cost_usd("llama-of-my-own", **TOKENS) is None
    assert cost_usd("gpt-6-luna", **TOKENS) is None
    for name in TOKENS:
        assert cost_usd("gpt-4o", **{**TOKENS, name: None}) is None


def test_prices_are_settings(settings: LazySettings) -> None:
    settings.MODEL_PRICES = {"mine": [0.2, 0.1, 1]}

    assert cost_usd("mine", **TOKENS) == Decimal("0.001000")
    assert cost_usd("gpt-4o", **TOKENS) is None
