"""The words of accounts/formats.py as filters, in every template; what is missing stays empty."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import template

from accounts import formats

register = template.Library()


def _filter(written: Callable[[Any], str]) -> None:
    def or_nothing(value: Any) -> str:
        return "" if value is None or value == "" else written(value)

    register.filter(written.__name__, or_nothing)


for _written in (
    formats.full_date,
    formats.weekday_date,
    formats.full_weekday_date,
    formats.day_month,
    formats.short_date,
    formats.short_weekday_date,
    formats.month_year,
    formats.near_day,
    formats.clock,
    formats.clock_s,
    formats.moment,
    formats.zoned_moment,
    formats.zone,
    formats.day_moment,
    formats.short_moment,
    formats.weekday_moment,
    formats.distance,
    formats.climb,
):
    _filter(_written)


register.simple_tag(formats.week)


@register.filter
def span_to(first: date, last: date) -> str:
    return formats.span(first, last)
