"""Connecting and disconnecting: consent, tokens, deauthorize, revoke."""

import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from sandbox.consent import back, bearer, leads_home
from sandbox.grants import CODE_LIVES_S, Pair
from sandbox.memory import recall, remember
from sandbox.modes import take
from sandbox.pages import page
from sandbox.strava import answers
from sandbox.strava.app import CLIENT_ID, CLIENT_SECRET, GRANTS, comes_from_our_app
from sandbox.strava.records import athlete
from sandbox.token_requests import counted

ATHLETE_COOKIE = "sandbox_strava_athlete"
SCOPES = {
    "read": "View data about your public profile",
    "read_all": "View data about your private routes, segments and events",
    "profile:read_all": "View your complete profile, with FTP, weight and zones",
    "profile:write": "Update your profile",
    "activity:read": "View data about your activities",
    "activity:read_all": "View data about your activities, including those only you can see",
    "activity:write": "Upload and change your activities",
}


@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    if refused := _request_fault(request):
        return refused
    if request.method == "POST":
        return _decided(request)
    if take("strava", "athlete_cap").mode == "athlete_cap":
        return page("strava/full", {}, status=403)
    asked = _asked_scopes(request)
    return page("strava/consent", {"scopes": [(scope, SCOPES[scope]) for scope in asked]})


@require_POST
@counted("strava")
def token(request: HttpRequest) -> HttpResponseBase:
    if request.POST.get("client_id") != CLIENT_ID:
        return answers.invalid("Application", "client_id")
    if request.POST.get("client_secret") != CLIENT_SECRET:
        return answers.invalid("Application", "client_secret")
    kind = request.POST.get("grant_type", "authorization_code")
    if kind == "authorization_code":
        return _first_tokens(request)
    if kind == "refresh_token":
        return _refreshed_tokens(request)
    return answers.invalid("Application", "grant_type")


@require_POST
def deauthorize(request: HttpRequest) -> HttpResponseBase:
    """The old way, by the access token itself; it is echoed."""
    access_token = request.POST.get("access_token") or bearer(request)
    grant = GRANTS.of(access_token)
    if grant is None:
        return answers.unauthorized()
    GRANTS.withdraw_all(grant.person)
    return JsonResponse({"access_token": access_token})


@require_POST
def revoke(request: HttpRequest) -> HttpResponseBase:
    """The new way, by the app; what stands in its answer is not documented, so it is empty."""
    if not comes_from_our_app(request):
        return answers.unknown_app()
    if grant := GRANTS.behind(request.POST.get("token", "")):
        GRANTS.withdraw_all(grant.person)
    return HttpResponse()


def _request_fault(request: HttpRequest) -> HttpResponse | None:
    if request.GET.get("client_id") != CLIENT_ID:
        return answers.invalid("Application", "client_id")
    if not leads_home(request):
        return answers.invalid("Application", "redirect_uri")
    if request.GET.get("response_type") != "code":
        return answers.invalid("Authorize", "response_type")
    asked = _asked_scopes(request)
    if not asked or not set(asked) <= set(SCOPES):
        return answers.invalid("Authorize", "scope")
    return None


def _asked_scopes(request: HttpRequest) -> list[str]:
    """Separated by commas, not by spaces."""
    return [scope for scope in request.GET.get("scope", "").split(",") if scope]


def _decided(request: HttpRequest) -> HttpResponse:
    if request.POST.get("decision") != "authorize":
        return back(request, error="access_denied")
    ticked = set(request.POST.getlist("granted"))
    granted = [scope for scope in _asked_scopes(request) if scope in ticked]
    athlete_id = _signed_in_athlete(request)
    code = GRANTS.give_code(athlete_id, granted, request.GET["redirect_uri"])
    response = back(request, code=code, scope=",".join(granted))
    response.set_cookie(ATHLETE_COOKIE, athlete_id, httponly=True, samesite="Lax")
    return response


def _signed_in_athlete(request: HttpRequest) -> str:
    """Who is signed in to Strava in this browser: the same athlete as last time, or a new one."""
    known = request.COOKIES.get(ATHLETE_COOKIE, "")
    return known if known.isdecimal() else str(40_000_000 + secrets.randbelow(9_000_000))


def _first_tokens(request: HttpRequest) -> HttpResponseBase:
    if spoiled := answers.misbehave("athlete_cap", "inactive", "server_error", "slow"):
        return spoiled
    code = request.POST.get("code", "")
    pair = None if _is_not_ready(code) else GRANTS.redeem(code)
    if pair is None:
        return answers.invalid("AuthorizationCode", "code")
    who = athlete(int(pair.grant.person), is_detailed=False)
    return _given({**_told(pair), "athlete": who})


def _is_not_ready(code: str) -> bool:
    """A fresh code is now and then refused, and works two seconds later."""
    ready_at = recall(f"strava:ready:{code}")
    if ready_at is not None:
        return bool(timezone.now() < ready_at)
    if GRANTS.code(code) is None:
        return False
    mode = take("strava", "code_not_ready")
    if mode.mode != "code_not_ready":
        return False
    wait_s = 2 if mode.seconds is None else mode.seconds
    ready_at = timezone.now() + timedelta(seconds=wait_s)
    remember(f"strava:ready:{code}", ready_at, seconds=CODE_LIVES_S)
    return True


def _refreshed_tokens(request: HttpRequest) -> HttpResponseBase:
    if spoiled := answers.misbehave("inactive", "server_error", "slow"):
        return spoiled
    is_revoked = take("strava", "token_revoked").mode == "token_revoked"
    pair = None if is_revoked else GRANTS.refresh(request.POST.get("refresh_token", ""))
    return _given(_told(pair)) if pair else answers.invalid("RefreshToken", "refresh_token")


def _given(body: dict[str, Any]) -> HttpResponseBase:
    """What was done is done; now and then the answer to it does not arrive."""
    if take("strava", "lost_answer").mode == "lost_answer":
        return answers.server_error()
    return JsonResponse(body)


def _told(pair: Pair) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "expires_at": pair.expires_at,
        "expires_in": pair.expires_in,
        "refresh_token": pair.grant.refresh_token,
        "access_token": pair.grant.access_token,
    }
