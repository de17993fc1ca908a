"""GET /v2/usercollection/…: documents of a range of days, one of them, or a time series."""

from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from sandbox.consent import bearer
from sandbox.modes import Mode
from sandbox.oura import asking
from sandbox.oura.answers import NO_TOKEN, Refused, misbehave, missing_scope, problem
from sandbox.oura.app import Holder, holder
from sandbox.oura.documents import OF_THE_NIGHT, ROUTES, document_called, documents, personal_info
from sandbox.oura.heart_rate import heart_rate
from sandbox.oura.scopes import NEEDED
from sandbox.person.rider import HOME

PAGE_SIZE, SERIES_PAGE_SIZE = 30, 1_000


@require_GET
def usercollection(request: HttpRequest, route: str) -> JsonResponse:
    """What the holder of the token has on this route."""
    if route not in NEEDED:
        raise Http404
    try:
        user, mode = _let_in(request, route)
        if route == "personal_info":
            return JsonResponse(personal_info(user, _today()))
        if route == "heartrate":
            return JsonResponse(_series(request))
        return JsonResponse(_collected(request, route, mode))
    except Refused as refused:
        return refused.response


@require_GET
def document(request: HttpRequest, route: str, document_id: str) -> JsonResponse:
    if route not in ROUTES:
        raise Http404
    try:
        _, mode = _let_in(request, route)
    except Refused as refused:
        return refused.response
    found = document_called(route, document_id, timezone.now())
    is_hidden = mode.mode == "night_not_there" and found and found["day"] == str(_today())
    if found is None or is_hidden:
        return problem(404, "Not Found", "There is no such document.")
    return JsonResponse(found)


@require_GET
def try_out(request: HttpRequest, route: str) -> JsonResponse:
    """Oura's own sandbox: invented data for an app to be built with, for any token."""
    if route == "personal_info":
        raise Http404
    return usercollection(request, route)


@require_GET
def try_out_document(request: HttpRequest, route: str, document_id: str) -> JsonResponse:
    return document(request, route, document_id)


def _let_in(request: HttpRequest, route: str) -> tuple[Holder, Mode]:
    scope = NEEDED[route]
    mode = misbehave(scope, *(["night_not_there"] if route in OF_THE_NIGHT else []))
    user = holder(bearer(request))
    if user is None:
        raise Refused(problem(401, "Unauthorized", NO_TOKEN))
    if scope not in user.scopes:
        raise Refused(missing_scope(scope))
    return user, mode


def _collected(request: HttpRequest, route: str, mode: Mode) -> dict[str, Any]:
    now, today = timezone.now(), _today()
    first, last = asking.days(request, today)
    newest = today - timedelta(days=1) if mode.mode == "night_not_there" else today
    days = [first + timedelta(days=n) for n in range((min(last, newest) - first).days + 1)]
    rows = [row for day in days for row in documents(route, day, now)]
    return asking.page_of(request, rows, PAGE_SIZE)


def _series(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    start, end = asking.moments(request, now)
    rows = heart_rate(start, min(end, now))
    if request.GET.get("latest") == "true":
        rows = rows[-1:]
    return asking.page_of(request, rows, SERIES_PAGE_SIZE)


def _today() -> date:
    return timezone.now().astimezone(HOME).date()
