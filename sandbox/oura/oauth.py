"""Connecting and disconnecting by OAuth2, in the words of RFC 6749.

Apps of the newer portal get their tokens from another host than the one of the API; the old
address answers them invalid_request.
"""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST

from sandbox.consent import back, basic, is_same, leads_home
from sandbox.grants import Pair
from sandbox.modes import take
from sandbox.oura.app import CLIENT_ID, GRANTS, USER_COOKIE, is_our_app
from sandbox.oura.scopes import PREFIX, SCOPES, known
from sandbox.pages import page
from sandbox.token_requests import counted


@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    # Whoever asks in a wrong name, or to be sent elsewhere, is not sent anywhere.
    if not is_same(request.GET.get("client_id", ""), CLIENT_ID):
        return refused("invalid_client", "The client is not known.")
    if not leads_home(request):
        return refused("invalid_request", "The redirect_uri is not registered for this client.")
    if request.GET.get("response_type") != "code":
        return back(request, error="unsupported_response_type")
    asked = known(request.GET.get("scope", ""))
    if not asked:
        return back(request, error="invalid_scope")
    if request.method == "POST":
        return _decided(request, asked)
    return page("oura/consent", {"scopes": [(scope, SCOPES[scope]) for scope in asked]})


@require_POST
@counted("oura")
def token(request: HttpRequest) -> HttpResponseBase:
    in_header = basic(request)
    in_body = request.POST.get("client_id", ""), request.POST.get("client_secret", "")
    if not is_our_app(*(in_header or in_body)):
        return _unknown_client()
    mode = take("oura", "server_error", "slow")
    if mode.mode == "server_error":
        return JsonResponse({"error": "server_error"}, status=500)
    if mode.mode == "slow":
        mode.wait(3)
    return _granted(request)


@require_POST
def old_token(request: HttpRequest) -> HttpResponseBase:
    """Where the specification still says that tokens come from."""
    return JsonResponse({"error": "invalid_request"}, status=400)


@require_POST
def revoke(request: HttpRequest) -> HttpResponseBase:
    """By the access token in the address; one that is unknown is as good as revoked."""
    access_token = request.GET.get("access_token")
    if not access_token:
        return refused("invalid_request", "access_token is missing.")
    if grant := GRANTS.of(access_token):
        GRANTS.end(grant)
    return HttpResponse()


def refused(error: str, description: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


def _unknown_client() -> JsonResponse:
    response = refused("invalid_client", "Client authentication failed.", 401)
    response["WWW-Authenticate"] = 'Basic realm="oura"'
    return response


def _decided(request: HttpRequest, asked: list[str]) -> HttpResponse:
    if request.POST.get("decision") != "authorize":
        return back(request, error="access_denied")
    ticked = set(request.POST.getlist("granted"))
    granted = [scope for scope in asked if scope in ticked]
    user_id = _signed_in_user(request)
    code = GRANTS.give_code(user_id, granted, request.GET["redirect_uri"])
    response = back(request, code=code)
    response.set_cookie(USER_COOKIE, user_id, httponly=True, samesite="Lax")
    return response


def _signed_in_user(request: HttpRequest) -> str:
    """Who is signed in to Oura in this browser: the same user as last time, or a new one."""
    try:
        return str(UUID(request.COOKIES.get(USER_COOKIE, "")))
    except ValueError:
        return str(uuid4())


def _granted(request: HttpRequest) -> HttpResponseBase:
    kind = request.POST.get("grant_type")
    if kind == "authorization_code":
        pair = _redeemed(request.POST)
    elif kind == "refresh_token":
        is_revoked = take("oura", "token_revoked").mode == "token_revoked"
        pair = None if is_revoked else GRANTS.refresh(request.POST.get("refresh_token", ""))
    elif kind:
        return refused("unsupported_grant_type", f"{kind} is not supported.")
    else:
        return refused("invalid_request", "grant_type is missing.")
    if pair is None:
        return refused("invalid_grant", "It is not valid, has expired or was used before.")
    if take("oura", "lost_answer").mode == "lost_answer":
        return JsonResponse({"error": "server_error"}, status=500)
    return JsonResponse(_told(pair))


def _redeemed(form: Any) -> Pair | None:
    """A code is bound to the address it was sent to."""
    code = form.get("code", "")
    granted = GRANTS.code(code)
    if granted is None or granted.redirect_uri != form.get("redirect_uri"):
        return None
    return GRANTS.redeem(code)


def _told(pair: Pair) -> dict[str, Any]:
    prefix = PREFIX if take("oura", "prefixed_scopes").mode == "prefixed_scopes" else ""
    return {
        "access_token": pair.grant.access_token,
        "token_type": "bearer",
        "expires_in": pair.expires_in,
        "refresh_token": pair.grant.refresh_token,
        "scope": " ".join(f"{prefix}{scope}" for scope in pair.grant.scopes),
    }
