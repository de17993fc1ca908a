"""Pages without a request behind them: no session, no signed-in user, no query."""

from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string


def page(template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(render_to_string(f"sandbox/{template}.html", context), status=status)
