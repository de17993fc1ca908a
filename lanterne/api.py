"""How every error of the API looks, whoever makes it; `lanterne.bodies` reads what is sent."""

import math
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelInvalid
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    parser_classes,
    permission_classes,
)
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.problems import MEDIA_TYPE, TITLES, Refusal
from accounts.throttle import Throttled

BROKEN = "Something broke on our side. It has been noted; try again in a while."
AWAY = "We cannot reach our records right now. Try again in half a minute."
AWAY_FOR_S = 30
NOTHING_HERE = "There is nothing here, or it is not yours."


class TimeOfDay(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """The time on a clock: what OpenAPI calls `time` is one with a zone."""

    target_class = "rest_framework.fields.TimeField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, str]:
        pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
        return {"type": "string", "pattern": pattern, "example": "06:30"}


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """An error as problem+json (RFC 9457): title, detail, and errors by field."""
    if isinstance(error, ModelInvalid):
        error = exceptions.ValidationError(serializers.as_serializer_error(error))
    response = exception_handler(error, context)
    if response is None:
        return None
    fields = _fields(error.detail) if isinstance(error, exceptions.ValidationError) else []
    response.data = {
        **_body(response.status_code, _detail(error, fields)),
        **(error.members if isinstance(error, Refusal) else {}),
    }
    if fields:
        response.data["errors"] = fields
    if response.status_code == status.HTTP_401_UNAUTHORIZED:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    response.content_type = MEDIA_TYPE
    return response


@extend_schema(exclude=True)
@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
@authentication_classes([])
@permission_classes([AllowAny])
@parser_classes([])
def nothing_here(request: Request, /, **_: str) -> Response:
    """Every path below /api/ that is no call: a program must not be answered with a page."""
    raise exceptions.NotFound(NOTHING_HERE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(400, "The request could not be read.")
    return defaults.bad_request(request, exception)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(403, "You may not do this.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(404, NOTHING_HERE)
    return defaults.page_not_found(request, exception)


def broken(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return _answer(500, BROKEN)
    return defaults.server_error(request)


def away(request: HttpRequest) -> HttpResponse:
    """The database does not answer: nothing here asks it, not even who is signed in."""
    if is_api(request):
        answer: HttpResponse = _answer(503, AWAY)
    else:
        answer = HttpResponse(loader.get_template("503.html").render(), status=503)
    answer.headers["Retry-After"] = str(AWAY_FOR_S)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _answer(status_code: int, detail: str) -> JsonResponse:
    return JsonResponse(_body(status_code, detail), status=status_code, content_type=MEDIA_TYPE)


def _body(status_code: int, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": TITLES.get(status_code, "The request failed"),
        "status": status_code,
        "detail": detail,
    }


def _detail(error: Exception, fields: list[dict[str, str]]) -> str:
    if fields:
        return " ".join(dict.fromkeys(field["message"] for field in fields))
    if isinstance(error, Throttled):
        minutes = math.ceil(error.wait_s / 60)
        return f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
    if isinstance(error, Http404):
        return NOTHING_HERE
    if isinstance(error, PermissionDenied):
        return str(error) or "You may not do this."
    return str(getattr(error, "detail", error))


def _fields(detail: Any, path: str = "") -> list[dict[str, str]]:
    """What is wrong where, flat: [{"field": "stages.0.date", "message": "…"}]."""
    if isinstance(detail, dict):
        return [
            one for name, part in detail.items() for one in _fields(part, _below(path, str(name)))
        ]
    if isinstance(detail, list):
        nested = any(isinstance(part, dict | list) for part in detail)
        return [
            one
            for number, part in enumerate(detail)
            for one in _fields(part, _below(path, str(number)) if nested else path)
        ]
    return [{"field": path, "message": str(detail)}]


def _below(path: str, name: str) -> str:
    """Where a part of `path` is; what is wrong with all of it has no name of its own."""
    if name in {"", "non_field_errors", "__all__"}:
        return path
    return f"{path}.{name}" if path else name
