"""The account as JSON: getting in, the profile, and where it is signed in."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth import logout
from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, privacy, programs, sessions, throttle, tokens
from accounts.models import AuditEvent, TokenFamily, User
from accounts.problems import Refusal, described, errors
from accounts.serializers import (
    Address,
    CodeProblem,
    Fields,
    NewAccount,
    NewAddress,
    NewPassword,
    Profile,
    ProfileChange,
    RefreshToken,
    Registration,
    Session,
    SignIn,
    Tokens,
    Told,
)
from accounts.sessions import signed_in

REGISTERED = "Open the link in the mail we have sent to this address; it signs you in."
RESET_ASKED = "If this address has an account, a link for a new password is on its way to it."
ADDRESS_ASKED = (
    "Open the link in the mail we have sent to the new address; until then the old holds."
)
GETTING_IN, ACCOUNT = ["getting in"], ["account"]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = tokens.BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access` token of `POST /api/auth/login`.",
        }


def for_anybody(view: Callable[[Request], Response]) -> Callable[..., Any]:
    """A POST that looks neither at a cookie nor at a token, not even at one that is dead."""
    return api_view(["POST"])(authentication_classes([])(permission_classes([AllowAny])(view)))


@extend_schema(
    operation_id="register",
    summary="Make an account",
    tags=GETTING_IN,
    auth=[],
    request=Registration,
    responses={
        201: OpenApiResponse(NewAccount, "An invitation proved the address: signed in at once."),
        202: OpenApiResponse(Told, "A mail tells how it goes on, whether or not there was one."),
        **errors(400, 403, 413, 415, 429),
    },
)
@for_anybody
def register(request: Request) -> Response:
    now = timezone.now()
    user = programs.register(_plain(request), _sent(request, Registration), now)
    if user is None:
        return Response({"detail": REGISTERED}, status=202)
    pair = programs.open_for(user, request, now)
    return Response({"user": Profile(user).data, **Tokens(pair).data}, status=201)


@extend_schema(
    operation_id="sign_in",
    summary="Sign in: an e-mail address and a password for a pair of tokens",
    tags=GETTING_IN,
    auth=[],
    request=SignIn,
    responses={
        200: Tokens,
        described(401): OpenApiResponse(CodeProblem, "Not right, not confirmed, or no code."),
        **errors(400, 413, 415, 429),
    },
)
@for_anybody
def sign_in(request: Request) -> Response:
    sent = _sent(request, SignIn)
    user = programs.sign_in(_plain(request), sent["email"], sent["password"], sent.get("code", ""))
    return Response(Tokens(programs.open_for(user, request, timezone.now())).data)


@extend_schema(
    operation_id="refresh",
    summary="Get a new pair of tokens",
    tags=GETTING_IN,
    auth=[],
    request=RefreshToken,
    responses={200: Tokens, **errors(400, 401, 413, 415, 429)},
)
@for_anybody
def refresh(request: Request) -> Response:
    """A new pair; the old refresh token is dead. One that comes twice ends the session."""
    throttle.hit("refresh", request)
    sent = _sent(request, RefreshToken)
    try:
        pair = tokens.refresh(sent["refresh"], request, timezone.now())
    except tokens.NotGood as reason:
        raise Refusal(401, str(reason)) from reason
    return Response(Tokens(pair).data)


@extend_schema(
    operation_id="sign_out",
    summary="Sign out",
    tags=GETTING_IN,
    auth=[],
    request=RefreshToken,
    responses={204: None, **errors(400, 413, 415)},
)
@for_anybody
def sign_out(request: Request) -> Response:
    """End the session of a refresh token; 204 too where there is nothing to end."""
    family = tokens.sign_out(_sent(request, RefreshToken)["refresh"], timezone.now())
    if family is not None:
        audit.record(AuditEvent.Kind.SIGNED_OUT, user=family.user, request=request, by="token")
    return Response(status=204)


@extend_schema(
    operation_id="ask_for_password_reset",
    summary="Ask for a new password",
    tags=GETTING_IN,
    auth=[],
    request=Address,
    responses={202: Told, **errors(400, 413, 415, 429)},
)
@for_anybody
def ask_for_reset(request: Request) -> Response:
    """Have a link for a new password sent; answers alike for any address."""
    programs.ask_for_reset(_plain(request), _sent(request, Address)["email"])
    return Response({"detail": RESET_ASKED}, status=202)


@extend_schema(
    operation_id="change_password",
    summary="Change the password",
    tags=ACCOUNT,
    request=NewPassword,
    responses={204: None, **errors(400, 401, 403, 413, 415, 429)},
)
@api_view(["POST"])
def change_password(request: Request) -> Response:
    """Change the password; every browser and program has to sign in again, this one too."""
    sent = _sent(request, NewPassword)
    user = User.objects.get(pk=signed_in(request).pk)
    programs.renew_password(
        _plain(request), user, sent["old_password"], sent["new_password"], timezone.now()
    )
    _leave(request)
    return Response(status=204)


@extend_schema(
    operation_id="change_email",
    summary="Change the e-mail address",
    tags=ACCOUNT,
    request=NewAddress,
    responses={202: Told, **errors(400, 401, 403, 413, 415, 429)},
)
@api_view(["POST"])
def change_email(request: Request) -> Response:
    """Have a link sent to a new address; it becomes the account's when it is opened."""
    sent = _sent(request, NewAddress)
    programs.ask_for_new_address(
        _plain(request), signed_in(request), sent["email"], sent["password"]
    )
    return Response({"detail": ADDRESS_ASKED}, status=202)


class Me(APIView):
    @extend_schema(
        operation_id="get_me",
        summary="Read the profile",
        tags=ACCOUNT,
        responses={200: Profile, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        return Response(Profile(signed_in(request)).data)

    @extend_schema(
        operation_id="change_me",
        summary="Change the profile",
        tags=ACCOUNT,
        request=ProfileChange,
        responses={200: Profile, **errors(400, 401, 403, 413, 415)},
    )
    def patch(self, request: Request) -> Response:
        """Change what is sent; fields that cannot be changed here are ignored."""
        with transaction.atomic():
            user = User.objects.select_for_update().get(pk=signed_in(request).pk)
            change = ProfileChange(user, data=request.data, partial=True)
            change.is_valid(raise_exception=True)
            change.save()
            _consent(user, request, change.validated_data.get("health_consent"))
        return Response(Profile(user).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_sessions",
        summary="List the open sessions",
        tags=ACCOUNT,
        responses={200: Session, **errors(401, 404)},
    )
)
class Sessions(ListAPIView[Any]):
    """The browsers and programs an account is open in: this one first, then the latest used."""

    serializer_class = Session

    def get_queryset(self) -> Any:
        browser = None if _program(self.request) else self.request.session.session_key
        return sessions.places(signed_in(self.request), browser, timezone.now())

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "this_program": _program(self.request)}

    @extend_schema(
        operation_id="end_sessions",
        summary="End every session",
        tags=ACCOUNT,
        responses={204: None, **errors(401, 403)},
    )
    def delete(self, request: Request) -> Response:
        """Sign out of every browser and program, this one too."""
        user = signed_in(request)
        programs.end_everything(user, timezone.now())
        audit.record(AuditEvent.Kind.SESSION_ENDED, user=user, request=request, where="all")
        _leave(request)
        return Response(status=204)


@extend_schema(
    operation_id="end_session",
    summary="End one session",
    tags=ACCOUNT,
    parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)],
    responses={204: None, **errors(401, 403, 404)},
)
@api_view(["DELETE"])
def end_session(request: Request, id: str) -> Response:  # noqa: A002  as the list calls it
    """Sign out of one browser or program."""
    user = signed_in(request)
    where = _end(user, id)
    audit.record(AuditEvent.Kind.SESSION_ENDED, user=user, request=request, where=where)
    if not request.session.exists(request.session.session_key or ""):
        _leave(request)
    return Response(status=204)


def _end(user: User, key: str) -> str:
    """End what a key of the list names; Http404 when it is not open, or not theirs."""
    if re.fullmatch(r"[0-9]{1,18}", key):
        if sessions.end_browser(user, int(key)):
            return "a browser"
        raise Http404
    try:
        family = TokenFamily.objects.filter(user=user, pk=UUID(key)).first()
    except ValueError as error:
        raise Http404 from error
    if family is None or not tokens.end(family, timezone.now()):
        raise Http404
    return "a program"


def _consent(user: User, request: Request, is_given: bool | None) -> None:
    if is_given is None:
        return
    change = privacy.give_consent if is_given else privacy.withdraw_consent
    change(user, request, timezone.now())


def _program(request: Request) -> UUID | None:
    """The session of the program that asks; None: a browser does."""
    return request.auth.pk if isinstance(request.auth, TokenFamily) else None


def _leave(request: Request) -> None:
    """A browser whose session was ended under it must not write to it any more."""
    if _program(request) is None:
        logout(_plain(request))


def _plain(request: Request) -> HttpRequest:
    """The request below: the account library works on it, or on a copy."""
    return request._request  # noqa: SLF001  the REST framework has no public name for it


def _sent(request: Request, kind: type[Fields]) -> dict[str, Any]:
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    sent: dict[str, Any] = body.validated_data
    return sent
