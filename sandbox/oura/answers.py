"""How Oura refuses: a problem as RFC 7807 has it, and each way it was told to misbehave."""

from django.http import JsonResponse
from django.utils import timezone

from sandbox.modes import Mode, take

LIMIT, WINDOW_S = 5_000, 300
POSSIBLE = (
    *("unauthorized", "missing_scope", "token_revoked", "membership", "rate_limited"),
    *("bad_request", "server_error", "slow"),
)
NO_TOKEN = "Access token is expired, malformed or revoked."  # noqa: S105


class Refused(Exception):
    def __init__(self, response: JsonResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


def misbehave(scope: str, *also: str) -> Mode:
    """The mode for this request, after waiting when it is slow; raises Refused."""
    mode = take("oura", *POSSIBLE, *also)
    if mode.mode == "slow":
        mode.wait(3)
    elif mode.mode in ("unauthorized", "token_revoked"):
        raise Refused(problem(401, "Unauthorized", NO_TOKEN))
    elif mode.mode == "missing_scope":
        raise Refused(missing_scope(scope))
    elif mode.mode == "membership":
        raise Refused(problem(403, "Forbidden", "The user's Oura membership has expired."))
    elif mode.mode == "bad_request":
        raise Refused(problem(400, "Bad Request", "A query parameter is not valid."))
    elif mode.mode == "server_error":
        raise Refused(problem(500, "Internal Server Error", "Something went wrong."))
    elif mode.mode == "rate_limited":
        raise Refused(rate_limited(mode))
    return mode


def problem(status: int, title: str, detail: str) -> JsonResponse:
    return JsonResponse({"status": status, "title": title, "detail": detail}, status=status)


def missing_scope(scope: str) -> JsonResponse:
    """401 and not 403, and only the words tell it from a dead token."""
    return problem(401, "Unauthorized", f"Access token lacks the required scope: {scope}.")


def unreadable(name: str, kind: str) -> JsonResponse:
    """kind: date or datetime."""
    detail = {
        "loc": ["query", name],
        "msg": f"Input should be a valid {kind}",
        "type": f"{kind}_parsing",
    }
    return JsonResponse({"detail": [detail]}, status=422)


def rate_limited(mode: Mode) -> JsonResponse:
    response = problem(429, "Too Many Requests", "Request rate limit exceeded.")
    retry_after = int(30 if mode.seconds is None else mode.seconds)
    response["Retry-After"] = str(retry_after)
    response["X-RateLimit-Limit"] = str(LIMIT)
    response["X-RateLimit-Window"] = str(WINDOW_S)
    response["X-RateLimit-Reset"] = str(int(timezone.now().timestamp()) + retry_after)
    response["X-RateLimit-Tier"] = "application"
    return response
