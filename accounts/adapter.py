"""How the account library is to behave here; `notifications.account_mail` adds how it writes."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.email_verification import send_verification_email_at_login
from allauth.account.models import EmailAddress, EmailConfirmationHMAC, Login
from allauth.account.utils import has_verified_email
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.db import IntegrityError, transaction
from django.forms import Form
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts import audit, invitations, locales, throttle
from accounts.models import AuditEvent, User

# What the password was when it was shown, until the sign-in is through.
PASSWORD_WAS = "password_was"  # noqa: S105  the name of a place in the session


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": (
            "They do not match, or the address is not confirmed yet; then its link is on the way."
        ),
        "enter_current_password": "This is not your password.",
        "incorrect_password": "This is not your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this visitor may register: everybody, the invited, or nobody."""
        return invitations.may_register(invitations.token_in(request), timezone.now())

    def clean_email(self, email: str) -> str:
        return User.objects.normalize_email(email)

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        user.timezone = form.cleaned_data["timezone"]
        locales.reader_of(request.headers.get("Accept-Language", "")).put_on(user)
        if form.cleaned_data["health_consent"]:
            user.health_consent_at = timezone.now()
        saved: User = super().save_user(request, user, form, commit)
        audit.record(AuditEvent.Kind.REGISTERED, user=saved, request=request)
        if saved.has_consented:
            audit.record(AuditEvent.Kind.CONSENT_GIVEN, user=saved, request=request)
        return saved

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Take an address as its tester's. Of two clicks at once one does it and gets True; False
        too where another account has the address meanwhile."""
        try:
            with transaction.atomic():
                waiting = EmailAddress.objects.filter(pk=email_address.pk, verified=False)
                is_ours = bool(waiting.update(verified=True))
                return is_ours and bool(super().confirm_email(request, email_address))
        except IntegrityError:
            return False

    def get_email_confirmation_url(
        self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC
    ) -> str:
        path = reverse("account_confirm_email", args=[emailconfirmation.key])
        return f"{settings.SITE_URL}{path}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        path = reverse("account_reset_password_from_key", args=[uid, token])
        return f"{settings.SITE_URL}{path}"

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        audit.record(AuditEvent.Kind.RESET_ASKED, user=user, request=context["request"])
        super().send_password_reset_mail(user, email, context)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """The library tells whose account a notice is about, but not the mail."""
        if template_prefix == "account/email/email_deleted":
            return  # only an address that was never theirs can go: nothing was lost
        super().send_notification_mail(
            template_prefix, user, {**(context or {}), "user": user}, email
        )

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Who this is. An unconfirmed address counts as a wrong password, and has its link sent.

        Told apart, the two would tell whoever has just registered with an address if it was free.
        """
        user: User | None = super().authenticate(request, **credentials)
        if user is None:
            return None
        if user.is_active and not has_verified_email(user):
            login = Login(user=user, email=user.email)
            send_verification_email_at_login(request, login)
            throttle.count("login", request, user.email)
            return None
        request.session[PASSWORD_WAS] = user.get_session_auth_hash()
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        """After a second factor the password can be another one than it was at the first."""
        password_was = request.session.pop(PASSWORD_WAS, None)
        if password_was not in {None, user.get_session_auth_hash()}:
            request.session.flush()
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    def set_password(self, user: User, password: str) -> None:
        """Nothing but the password: what else has changed meanwhile stays changed."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        throttle.check("login", request, _typed(credentials))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        email = _typed(credentials)
        throttle.count("login", request, email)
        user = User.objects.filter(email=email).first()
        audit.record(AuditEvent.Kind.SIGN_IN_FAILED, user=user, request=request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("coach:new")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:settings")


def _typed(credentials: dict[str, Any]) -> str:
    return User.objects.normalize_email(credentials.get("email"))
