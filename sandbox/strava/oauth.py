"""Connecting and disconnecting: consent, tokens, deauthorize, revoke."""

import base64
import binascii
import secrets
from urllib.parse import urlencode, urlsplit

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.views.decorators.http import require_http_methods, require_POST

from sandbox.modes import take
from sandbox.pages import page
from sandbox.strava import answers, grants
from sandbox.strava.records import athlete

# The one app that is registered here; the service's defaults name it too.
ATHLETE_COOKIE = "sandbox_strava_athlete"
CLIENT_ID, CLIENT_SECRET = "10001", "sandbox-strava-secret"
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
    grant = grants.grant_of(access_token)
    if grant is None:
        return answers.unauthorized()
    grants.withdraw_all(grant.athlete_id)
    return JsonResponse({"access_token": access_token})


@require_POST
def revoke(request: HttpRequest) -> HttpResponseBase:
    """The new way, by the app; what stands in its answer is not documented, so it is empty."""
    if not _is_our_app(request):
        return answers.fault(401, "Authorization Error", "Application", "client_id", "invalid")
    if grant := grants.grant_behind(request.POST.get("token", "")):
        grants.withdraw_all(grant.athlete_id)
    return HttpResponse()


def bearer(request: HttpRequest) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value if kind.lower() == "bearer" else ""


def _request_fault(request: HttpRequest) -> HttpResponse | None:
    if request.GET.get("client_id") != CLIENT_ID:
        return answers.invalid("Application", "client_id")
    target = urlsplit(request.GET.get("redirect_uri", ""))
    own_host = request.get_host().rpartition(":")[0] or request.get_host()
    known_hosts = {"localhost", "127.0.0.1", own_host}
    if target.scheme not in ("http", "https") or target.hostname not in known_hosts:
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
        return _back(request, error="access_denied")
    ticked = set(request.POST.getlist("granted"))
    granted = [scope for scope in _asked_scopes(request) if scope in ticked]
    athlete_id = _signed_in_athlete(request)
    response = _back(request, code=grants.give_code(athlete_id, granted), scope=",".join(granted))
    response.set_cookie(ATHLETE_COOKIE, str(athlete_id), httponly=True, samesite="Lax")
    return response


def _signed_in_athlete(request: HttpRequest) -> int:
    """Who is signed in to Strava in this browser: the same athlete as last time, or a new one."""
    known = request.COOKIES.get(ATHLETE_COOKIE, "")
    return int(known) if known.isdecimal() else 40_000_000 + secrets.randbelow(9_000_000)


def _back(request: HttpRequest, **answer: str) -> HttpResponse:
    target = request.GET["redirect_uri"]
    query = urlencode({"state": request.GET.get("state", ""), **answer})
    return HttpResponseRedirect(f"{target}{'&' if '?' in target else '?'}{query}")


def _first_tokens(request: HttpRequest) -> HttpResponseBase:
    if spoiled := answers.misbehave("athlete_cap", "inactive", "server_error", "slow"):
        return spoiled
    redeemed = grants.redeem(request.POST.get("code", ""))
    if redeemed is None:
        return answers.invalid("AuthorizationCode", "code")
    athlete_id, pair = redeemed
    return JsonResponse({**pair, "athlete": athlete(athlete_id, is_detailed=False)})


def _refreshed_tokens(request: HttpRequest) -> HttpResponseBase:
    if spoiled := answers.misbehave("inactive", "server_error", "slow"):
        return spoiled
    is_revoked = take("strava", "token_revoked").mode == "token_revoked"
    pair = None if is_revoked else grants.refresh(request.POST.get("refresh_token", ""))
    return JsonResponse(pair) if pair else answers.invalid("RefreshToken", "refresh_token")


def _is_our_app(request: HttpRequest) -> bool:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        named = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return kind.lower() == "basic" and secrets.compare_digest(named, f"{CLIENT_ID}:{CLIENT_SECRET}")
