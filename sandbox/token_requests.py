"""How often a token endpoint was asked, and with what outcome: proof that one refresh was one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET

from sandbox.memory import alone, recall, remember

KINDS = ("authorization_code", "refresh_token")
NONE_YET = {"calls": 0, "successes": 0, "refusals": 0, "failures": 0}

View = Callable[[HttpRequest], HttpResponseBase]


def counted(server: str) -> Callable[[View], View]:
    """Counts each request by its grant type: 2xx succeeds, 4xx is refused, 5xx fails."""

    def wrap(view: View) -> View:
        @wraps(view)
        def counting(request: HttpRequest) -> HttpResponseBase:
            response = view(request)
            kind = request.POST.get("grant_type", KINDS[0])
            if kind in KINDS:
                _count(server, kind, response.status_code)
            return response

        return counting

    return wrap


def token_requests(server: str) -> View:
    @require_GET
    def counts(request: HttpRequest) -> JsonResponse:
        return JsonResponse(_counts(server))

    return counts


def _count(server: str, kind: str, status: int) -> None:
    outcome = {2: "successes", 4: "refusals"}.get(status // 100, "failures")
    with alone():
        counts = _counts(server)
        counts[kind]["calls"] += 1
        counts[kind][outcome] += 1
        remember(f"{server}:token-requests", counts)


def _counts(server: str) -> dict[str, Any]:
    stored = recall(f"{server}:token-requests")
    return stored or {kind: dict(NONE_YET) for kind in KINDS}
