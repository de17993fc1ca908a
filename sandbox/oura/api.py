"""GET /v2/usercollection/…: documents of a range of days, a page at a time."""

import base64
import binascii
import json
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from sandbox.modes import Mode, take
from sandbox.oura.documents import OF_THE_NIGHT, ROUTES, documents, personal_info
from sandbox.person.rider import HOME

TOKEN_STARTS = "oura-sandbox-"  # noqa: S105  what every token of the sandbox begins with
PAGE_SIZE = 30
ALWAYS_RETURNED = {"id", "day"}
LIMIT, WINDOW_S = 5_000, 300


class Refused(Exception):
    def __init__(self, response: JsonResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@require_GET
def usercollection(request: HttpRequest, route: str) -> JsonResponse:
    if route not in ROUTES and route != "personal_info":
        raise Http404
    try:
        mode = _checked(request, route)
        if route == "personal_info":
            return JsonResponse(personal_info(_bearer(request), _today()))
        return JsonResponse(_collected(request, route, is_night_there=mode.mode == "ok"))
    except Refused as refused:
        return refused.response


def _checked(request: HttpRequest, route: str) -> Mode:
    possible = ["unauthorized", "membership", "rate_limited", "server_error"]
    mode = take("oura", *possible, *(["night_not_there"] if route in OF_THE_NIGHT else []))
    is_token_good = _bearer(request).startswith(TOKEN_STARTS)
    if mode.mode == "unauthorized" or not is_token_good:
        raise Refused(_problem(401, "Unauthorized", "Access token is expired or revoked."))
    if mode.mode == "membership":
        raise Refused(_problem(403, "Forbidden", "The user's Oura membership has expired."))
    if mode.mode == "server_error":
        raise Refused(_problem(500, "Internal Server Error", "Something went wrong."))
    if mode.mode == "rate_limited":
        raise Refused(_rate_limited(mode))
    return mode


def _bearer(request: HttpRequest) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _collected(request: HttpRequest, route: str, *, is_night_there: bool) -> dict[str, Any]:
    now, today = timezone.now(), _today()
    last = _day(request, "end_date") or today
    first = _day(request, "start_date") or last - timedelta(days=1)
    if first > last:
        raise Refused(_problem(400, "Bad Request", "start_date is after end_date."))
    if not is_night_there:
        last = min(last, today - timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((min(last, today) - first).days + 1)]
    rows = [row for day in days for row in documents(route, day, now)]
    begin = _offset(request.GET.get("next_token"))
    end = begin + PAGE_SIZE
    return {
        "data": [_only(request.GET.get("fields"), row) for row in rows[begin:end]],
        "next_token": _token(end) if end < len(rows) else None,
    }


def _today() -> date:
    return timezone.now().astimezone(HOME).date()


def _day(request: HttpRequest, name: str) -> date | None:
    """A date, or the date of a date-time."""
    value = request.GET.get(name)
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        detail = {
            "loc": ["query", name],
            "msg": "Input should be a valid date",
            "type": "date_parsing",
        }
        raise Refused(JsonResponse({"detail": [detail]}, status=422)) from None


def _only(fields: str | None, row: dict[str, Any]) -> dict[str, Any]:
    if not fields:
        return row
    wanted = {*fields.split(","), *ALWAYS_RETURNED}
    return {name: value for name, value in row.items() if name in wanted}


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"from": offset}).encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["from"])
    except (ValueError, binascii.Error, KeyError, TypeError):
        raise Refused(_problem(400, "Bad Request", "next_token is not valid.")) from None


def _problem(status: int, title: str, detail: str) -> JsonResponse:
    return JsonResponse({"status": status, "title": title, "detail": detail}, status=status)


def _rate_limited(mode: Mode) -> JsonResponse:
    response = _problem(429, "Too Many Requests", "Request rate limit exceeded.")
    retry_after = int(30 if mode.seconds is None else mode.seconds)
    response["Retry-After"] = str(retry_after)
    response["X-RateLimit-Limit"] = str(LIMIT)
    response["X-RateLimit-Window"] = str(WINDOW_S)
    response["X-RateLimit-Reset"] = str(int(timezone.now().timestamp()) + retry_after)
    response["X-RateLimit-Tier"] = "application"
    return response
