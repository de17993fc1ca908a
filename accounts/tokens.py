"""Tokens for programs: a short access token, and a refresh token that works exactly once.

Both are JWTs (RFC 7519) signed with a key made from SECRET_KEY. They name a family: one sign-in,
one row. A refresh replaces the family's only good refresh token by a conditional UPDATE; whoever
comes with an older one holds a copy, so the family ends (RFC 9700, section 4.14.2). A family is
tied to the password it was made with, as Django's sessions are.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import jwt
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import audit
from accounts.models import AuditEvent, TokenFamily, User
from accounts.sessions import client_address, device_of

Use = Literal["access", "refresh"]
ALGORITHM = "HS256"
# Ours have a third of that; whoever sends more is not worth the reading.
LONGEST = 1000
NOT_GOOD = "The token is not valid or no longer valid. Sign in again."
# A list of sessions is read by people: it need not know the second.
SEEN_EVERY = timedelta(minutes=5)


class NotGood(Exception):
    """A token that opens nothing: forged, too old, used before, or of an ended sign-in."""


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    access: str
    refresh: str


def issue(user: User, request: HttpRequest, now: datetime) -> Pair:
    """Begin a family: one sign-in of one program."""
    family = TokenFamily.objects.create(
        user=user,
        refresh_id=uuid.uuid4(),
        auth_hash=_auth_hash(user),
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.REFRESH_TOKEN_LASTS_S),
        address=client_address(request),
        device=device_of(request),
    )
    return _pair(family, now)


def refresh(token: str, request: HttpRequest, now: datetime) -> Pair:
    """A new pair for the newest refresh token of a family; of two at once exactly one wins.

    Raises NotGood; an older token of a living family ends that family, and is audited.
    """
    claims = _read(token, "refresh", now)
    family = _living(claims, now)
    next_id = uuid.uuid4()
    replaced = TokenFamily.objects.filter(
        pk=family.pk, refresh_id=claims["jti"], ended_at=None
    ).update(
        refresh_id=next_id,
        # The same password; the key of the service may be a newer one.
        auth_hash=_auth_hash(family.user),
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.REFRESH_TOKEN_LASTS_S),
        address=client_address(request),
        device=device_of(request),
    )
    if not replaced:
        if end(family, now):
            audit.record(AuditEvent.Kind.TOKEN_REUSED, user=family.user, request=request)
        raise NotGood(NOT_GOOD)
    family.refresh_id = next_id
    return _pair(family, now)


def sign_out(token: str, now: datetime) -> TokenFamily | None:
    """End the family of a refresh token; None when there is nothing to end."""
    try:
        family = _living(_read(token, "refresh", now), now)
    except NotGood:
        return None
    return family if end(family, now) else None


def end(family: TokenFamily, now: datetime) -> bool:
    """End one family; False when it had ended already."""
    return bool(TokenFamily.objects.filter(pk=family.pk, ended_at=None).update(ended_at=now))


def end_all(user: User, now: datetime) -> int:
    return TokenFamily.objects.filter(user=user, ended_at=None).update(ended_at=now)


def holder(token: str, now: datetime) -> tuple[User, TokenFamily]:
    """Whose access token this is; raises NotGood."""
    family = _living(_read(token, "access", now), now)
    if now - family.last_used_at > SEEN_EVERY:
        TokenFamily.objects.filter(pk=family.pk).update(last_used_at=now)
    return family.user, family


def purge(now: datetime) -> int:
    """Forget families of which no token is good any more; how many rows went."""
    deleted, _ = TokenFamily.objects.filter(expires_at__lt=now).delete()
    return deleted


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ACCESS`."""

    def authenticate(self, request: Request) -> tuple[User, TokenFamily] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return holder(token.strip(), timezone.now())
        except NotGood as reason:
            raise AuthenticationFailed(str(reason)) from reason

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _living(claims: dict[str, Any], now: datetime) -> TokenFamily:
    """The family a token belongs to, if it and its owner may still come in; raises NotGood."""
    family = TokenFamily.objects.select_related("user").filter(pk=claims["family"]).first()
    if (
        family is None
        or family.ended_at is not None
        or family.expires_at <= now
        or not family.user.is_active
        or not _is_of_the_password(family)
    ):
        raise NotGood(NOT_GOOD)
    return family


def _auth_hash(user: User) -> str:
    return user.get_session_auth_hash()


def _is_of_the_password(family: TokenFamily) -> bool:
    """Whether a family was made with the password of today, under this key or an earlier one."""
    good = [_auth_hash(family.user), *family.user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(family.auth_hash, one) for one in good)


def _pair(family: TokenFamily, now: datetime) -> Pair:
    return Pair(
        access=_sign(family, "access", uuid.uuid4(), now, settings.ACCESS_TOKEN_LASTS_S),
        refresh=_sign(family, "refresh", family.refresh_id, now, settings.REFRESH_TOKEN_LASTS_S),
    )


def _sign(family: TokenFamily, use: Use, token_id: uuid.UUID, now: datetime, lasts_s: int) -> str:
    claims = {
        "use": use,
        "jti": str(token_id),
        "family": str(family.pk),
        "sub": str(family.user_id),
        "iat": now,
        "exp": now + timedelta(seconds=lasts_s),
    }
    return jwt.encode(claims, _key(settings.SECRET_KEY), algorithm=ALGORITHM)


def _read(token: str, use: Use, now: datetime) -> dict[str, Any]:
    if len(token) > LONGEST or not token.isascii():
        raise NotGood(NOT_GOOD)
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                _key(secret),
                algorithms=[ALGORITHM],
                # The clock is the caller's; that of another machine may be a second ahead.
                options={
                    "require": ["exp", "jti", "family", "use"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError as error:
            raise NotGood(NOT_GOOD) from error
        if claims["use"] == use and claims["exp"] > now.timestamp():
            return claims
    raise NotGood(NOT_GOOD)


def _key(secret: str) -> bytes:
    return salted_hmac("accounts.tokens", "signing key", secret=secret, algorithm="sha256").digest()
