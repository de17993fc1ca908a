from collections.abc import Mapping
from typing import Any

from django import template

from missions.price_list import PriceList, StageRow

register = template.Library()


@register.filter
def price_rows(schema: Mapping[str, Any]) -> list[StageRow]:
    """The kinds of stage that have a price, in the order of every page."""
    return [row for row in PriceList.of(schema).stages if not row.is_left_out]
