"""The API below /api/v3: read-only, and the token only in the Authorization header."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from sandbox.consent import bearer
from sandbox.grants import Grant
from sandbox.person.rides import Ride
from sandbox.strava import answers, limits, records
from sandbox.strava.app import GRANTS
from sandbox.strava.edits import ride_now, rides_now
from sandbox.strava.streams import streams

MOST_PER_PAGE = 200
MISBEHAVIOUR = (
    *("rate_limited", "missing_scope", "inactive", "server_error", "token_revoked", "slow"),
)


def api(*scopes: str) -> Callable[[Callable[..., JsonResponse]], Callable[..., HttpResponseBase]]:
    """A read that needs one of these scopes, or only a token when none is named."""

    def wrap(view: Callable[..., JsonResponse]) -> Callable[..., HttpResponseBase]:
        @require_GET
        @wraps(view)
        def counted(request: HttpRequest, **kwargs: int) -> HttpResponseBase:
            usage = limits.count_request()
            response = (
                answers.misbehave(*MISBEHAVIOUR)
                or (answers.rate_limited() if limits.is_over(usage) else None)
                or _answered(request, kwargs)
            )
            limits.add_headers(response, usage)
            return response

        def _answered(request: HttpRequest, kwargs: dict[str, int]) -> JsonResponse:
            grant = GRANTS.of(bearer(request))
            # A token in the address ends up in logs; Strava stops taking it there in June 2027.
            if grant is None or "access_token" in request.GET:
                return answers.unauthorized()
            if scopes and not set(scopes) & set(grant.scopes):
                return answers.missing_permission(scopes[0])
            return view(request, grant, **kwargs)

        return counted

    return wrap


@api()
def athlete(request: HttpRequest, grant: Grant) -> JsonResponse:
    is_detailed = "profile:read_all" in grant.scopes
    return JsonResponse(records.athlete(int(grant.person), is_detailed=is_detailed))


@api("profile:read_all")
def zones(request: HttpRequest, grant: Grant) -> JsonResponse:
    return JsonResponse(records.zones())


@api("activity:read", "activity:read_all")
def activities(request: HttpRequest, grant: Grant) -> JsonResponse:
    asked: dict[str, int | None] = dict.fromkeys(("before", "after", "page", "per_page"))
    for name in asked:
        value = request.GET.get(name)
        if value is not None and not value.isdecimal():
            return answers.invalid("Activity", name)
        asked[name] = int(value) if value else None
    rows = _between(_visible(grant), asked["after"], asked["before"])
    size = min(asked["per_page"] or 30, MOST_PER_PAGE)
    first = ((asked["page"] or 1) - 1) * size
    page = [records.summary(ride, int(grant.person)) for ride in rows[first : first + size]]
    return JsonResponse(page, safe=False)


@api("activity:read", "activity:read_all")
def activity(request: HttpRequest, grant: Grant, ride_id: int) -> JsonResponse:
    if request.GET.get("include_all_efforts", "false") not in ("true", "false"):
        return answers.invalid("Activity", "include_all_efforts")
    ride = _visible_ride(grant, ride_id)
    if ride is None:
        return answers.not_found()
    return JsonResponse(records.detail(ride, int(grant.person)))


@api("activity:read", "activity:read_all")
def activity_streams(request: HttpRequest, grant: Grant, ride_id: int) -> JsonResponse:
    keys = [key for key in request.GET.get("keys", "").split(",") if key]
    if not keys:
        return answers.invalid("Stream", "keys")
    if request.GET.get("key_by_type") != "true":
        return answers.invalid("Stream", "key_by_type")
    ride = _visible_ride(grant, ride_id)
    if ride is None or ride.is_manual:
        return answers.not_found()
    return JsonResponse(streams(ride, keys))


def _visible(grant: Grant) -> list[Ride]:
    """Oldest first; "only you" takes the wider scope."""
    sees_all = "activity:read_all" in grant.scopes
    return [ride for ride in rides_now(timezone.now()) if sees_all or not ride.is_private]


def _visible_ride(grant: Grant, ride_id: int) -> Ride | None:
    ride = ride_now(ride_id, timezone.now())
    sees_it = ride is not None and ("activity:read_all" in grant.scopes or not ride.is_private)
    return ride if sees_it else None


def _between(rides: list[Ride], after: int | None, before: int | None) -> list[Ride]:
    """Newest first, unless `after` is given."""
    rows = [
        ride
        for ride in rides
        if (after is None or ride.shown_start_at.timestamp() > after)
        and (before is None or ride.shown_start_at.timestamp() < before)
    ]
    return rows if after is not None else rows[::-1]
