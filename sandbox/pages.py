"""Pages without a request behind them: no session, no signed-in user, no query."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string


def page(template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(render_to_string(f"sandbox/{template}.html", context), status=status)


def done(request: HttpRequest, told: dict[str, Any]) -> HttpResponse:
    """A browser that sent a form goes back to it; a program reads what was done."""
    if "text/html" in request.headers.get("accept", ""):
        return redirect("sandbox:index")
    return JsonResponse(told)


def asked(request: HttpRequest) -> Any:
    """What a form or a JSON object says, to be checked by a form; empty when it is neither."""
    if request.content_type != "application/json":
        return request.POST
    try:
        said = json.loads(request.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
