"""The parameters of a reading: a range, a page of it, and which fields."""

import base64
import binascii
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpRequest

from sandbox.oura.answers import Refused, problem, unreadable

LONGEST_SERIES = timedelta(days=30)


def days(request: HttpRequest, today: date) -> tuple[date, date]:
    """Both included; without any the last two days."""
    last = _day(request, "end_date") or today
    first = _day(request, "start_date") or last - timedelta(days=1)
    if first > last:
        raise Refused(problem(400, "Bad Request", "start_date is after end_date."))
    return first, last


def moments(request: HttpRequest, now: datetime) -> tuple[datetime, datetime]:
    """From the first to before the second; without any the last day."""
    end = _moment(request, "end_datetime") or now
    start = _moment(request, "start_datetime") or end - timedelta(days=1)
    if start > end:
        raise Refused(problem(400, "Bad Request", "start_datetime is after end_datetime."))
    if end - start > LONGEST_SERIES:
        raise Refused(problem(400, "Bad Request", "The range is longer than 30 days."))
    return start, end


def page_of(request: HttpRequest, rows: list[dict[str, Any]], size: int) -> dict[str, Any]:
    """The page that next_token names, and how to go on from it."""
    begin = _offset(request.GET.get("next_token"))
    end = begin + size
    fields = request.GET.get("fields")
    return {
        "data": [only(fields, row) for row in rows[begin:end]],
        "next_token": _token(end) if end < len(rows) else None,
    }


def only(fields: str | None, row: dict[str, Any]) -> dict[str, Any]:
    if not fields:
        return row
    always = ("id", "day") if "id" in row else ("timestamp",)
    wanted = {*fields.split(","), *always}
    return {name: value for name, value in row.items() if name in wanted}


def _day(request: HttpRequest, name: str) -> date | None:
    value = request.GET.get(name)
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(unreadable(name, "date")) from None


def _moment(request: HttpRequest, name: str) -> datetime | None:
    """A time without an offset counts as UTC."""
    value = request.GET.get(name)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(unreadable(name, "datetime")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"from": offset}).encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["from"])
    except (ValueError, binascii.Error, KeyError, TypeError):
        raise Refused(problem(400, "Bad Request", "next_token is not valid.")) from None
