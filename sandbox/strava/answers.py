"""Strava's envelope for everything that goes wrong."""

from django.http import JsonResponse

from sandbox.modes import take


def fault(status: int, message: str, *error: str | None) -> JsonResponse:
    """error: resource, field, code."""
    errors = [dict(zip(("resource", "field", "code"), error, strict=True))] if error else []
    return JsonResponse({"message": message, "errors": errors}, status=status)


def invalid(resource: str, field: str) -> JsonResponse:
    return fault(400, "Bad Request", resource, field, "invalid")


def unauthorized() -> JsonResponse:
    return fault(401, "Authorization Error", "Athlete", "access_token", "invalid")


def missing_permission(scope: str) -> JsonResponse:
    """401 and not 403: refreshing the token does not help."""
    return fault(401, "Authorization Error", "AccessToken", f"{scope}_permission", "missing")


def unknown_app() -> JsonResponse:
    return fault(401, "Authorization Error", "Application", "client_id", "invalid")


def inactive() -> JsonResponse:
    return fault(403, "Forbidden", "Application", "Status", "Inactive")


def too_many_athletes() -> JsonResponse:
    return fault(
        403, "Limit of connected athletes exceeded", "Application", "athletes", "limit exceeded"
    )


def rate_limited() -> JsonResponse:
    return fault(429, "Rate Limit Exceeded", "Application", "rate limit", "exceeded")


def not_found() -> JsonResponse:
    return fault(404, "Record Not Found", "Activity", "id", "not found")


def server_error() -> JsonResponse:
    return fault(500, "Internal Server Error")


MISBEHAVIOUR = {
    "rate_limited": rate_limited,
    "missing_scope": lambda: missing_permission("activity:read"),
    "inactive": inactive,
    "athlete_cap": too_many_athletes,
    "server_error": server_error,
    "token_revoked": unauthorized,
}


def misbehave(*possible: str) -> JsonResponse | None:
    """What the chosen mode makes of this request, after waiting when it is slow."""
    mode = take("strava", *possible)
    if mode.mode == "slow":
        mode.wait(3)
    return MISBEHAVIOUR[mode.mode]() if mode.mode in MISBEHAVIOUR else None
