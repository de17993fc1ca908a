"""What the account library tells of itself, written down in the audit trail."""

from typing import Any

from allauth.account import signals as account
from allauth.account.models import EmailAddress
from allauth.mfa import signals as second_factor
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import signals as django_auth
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, throttle
from accounts.adapter import PASSWORD_WAS
from accounts.models import AuditEvent, User
from accounts.sessions import SEEN_AT

Kind = AuditEvent.Kind


@receiver(django_auth.user_logged_in)
def remember_when(sender: Any, request: HttpRequest, **_: Any) -> None:
    """The sign-in itself is the first time a session is seen."""
    request.session[SEEN_AT] = int(timezone.now().timestamp())


@receiver(account.user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(Kind.SIGNED_IN, user=user, request=request)


@receiver(django_auth.user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is None:
        return
    UserSession.objects.filter(session_key=request.session.session_key).delete()
    audit.record(Kind.SIGNED_OUT, user=user, request=request)


@receiver([account.password_changed, account.password_set])
def password_changed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(Kind.PASSWORD_CHANGED, user=user, request=request)


@receiver(account.password_reset)
def password_reset(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    throttle.clear("login", request, user.email)
    request.session.pop(PASSWORD_WAS, None)
    audit.record(Kind.PASSWORD_CHANGED, user=user, request=request, how="with a reset link")


@receiver(account.email_confirmed)
def confirmed(sender: Any, request: HttpRequest, email_address: EmailAddress, **_: Any) -> None:
    audit.record(Kind.CONFIRMED, user=email_address.user, request=request)


@receiver(account.email_changed)
def email_changed(
    sender: Any,
    request: HttpRequest,
    user: User,
    from_email_address: EmailAddress | None = None,
    **_: Any,
) -> None:
    """The library also tells of a first address, which was confirmed and not changed."""
    if from_email_address is None:
        return
    audit.record(Kind.EMAIL_CHANGED, user=user, request=request)


@receiver([second_factor.authenticator_added, second_factor.authenticator_removed])
def second_factor_switched(
    sender: Any,
    signal: Any,
    request: HttpRequest,
    user: User,
    authenticator: Authenticator,
    **_: Any,
) -> None:
    """Recovery codes come and go with the app: they are no event of their own."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        return
    is_added = signal is second_factor.authenticator_added
    kind = Kind.SECOND_FACTOR_ADDED if is_added else Kind.SECOND_FACTOR_REMOVED
    audit.record(kind, user=user, request=request)


@receiver(second_factor.authenticator_reset)
def recovery_codes_renewed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(Kind.SECOND_FACTOR_RENEWED, user=user, request=request)


@receiver(second_factor.authentication_failed)
def wrong_code(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(Kind.SIGN_IN_FAILED, user=user, request=request, how="wrong code")
