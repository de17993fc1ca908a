"""What a question to a model cost, by `settings.MODEL_PRICES`; unknown is None, never 0."""

from decimal import Decimal

from django.conf import settings

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.000001")


def cost_usd(
    model: str,
    *,
    tokens_in: int | None,
    tokens_cached: int | None,
    tokens_out: int | None,
    tokens_written: int | None = None,
) -> Decimal | None:
    """None for a model without a price here, and where the server did not tell every count.

    Those read from the cache and those written into it are among `tokens_in`.
    """
    prices = [Decimal(str(price)) for price in settings.MODEL_PRICES.get(model, ())]
    if not prices or tokens_in is None or tokens_cached is None or tokens_out is None:
        return None
    whole, cached, out, *writing = prices
    cost = (tokens_in - tokens_cached) * whole + tokens_cached * cached + tokens_out * out
    if writing:
        if tokens_written is None:
            return None
        cost += tokens_written * (writing[0] - whole)
    return (cost / MILLION).quantize(SMALLEST)
