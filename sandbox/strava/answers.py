"""Strava's envelope for everything that goes wrong, and its rate headers."""

from django.http import HttpResponseBase, JsonResponse
from django.utils import timezone

from sandbox.memory import alone, recall, remember
from sandbox.modes import take

# What a new app is given: overall and read-only, each per quarter of an hour and per day.
LIMIT, READ_LIMIT = (200, 2_000), (100, 1_000)
QUARTER_S = 900


def fault(status: int, message: str, *error: str) -> JsonResponse:
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


def count_request() -> tuple[int, int]:
    """This quarter's and this UTC day's requests, this one included."""
    now = timezone.now()
    quarter, day = int(now.timestamp()) // QUARTER_S, now.date().isoformat()
    with alone():
        seen_quarter, in_quarter, seen_day, in_day = recall("strava:usage") or (None, 0, None, 0)
        in_quarter = in_quarter + 1 if seen_quarter == quarter else 1
        in_day = in_day + 1 if seen_day == day else 1
        remember("strava:usage", (quarter, in_quarter, day, in_day))
    return in_quarter, in_day


def add_rate_headers(response: HttpResponseBase, usage: tuple[int, int]) -> None:
    if response.status_code == 429:
        usage = (max(usage[0], READ_LIMIT[0] + 1), usage[1])
    for name, values in (
        ("X-RateLimit-Limit", LIMIT),
        ("X-RateLimit-Usage", usage),
        ("X-ReadRateLimit-Limit", READ_LIMIT),
        ("X-ReadRateLimit-Usage", usage),
    ):
        response[name] = f"{values[0]},{values[1]}"
