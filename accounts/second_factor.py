"""The second factor: a code from an app, or a recovery code; its secrets are kept encrypted."""

from textwrap import wrap
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.encryption import decrypt, encrypt
from accounts.forms import in_our_words
from accounts.models import User


class EncryptingAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "That code is not right, or was used already. Wait for the next one and try again."
        ),
    }

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)


def for_digits(form: forms.Form) -> None:
    """A code from the app and a recovery code are digits: a phone need not offer letters."""
    in_our_words(form, code="Code")
    form.fields["code"].widget.attrs["inputmode"] = "numeric"


class FirstCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for_digits(self)

    def key_in_fours(self) -> str:
        return " ".join(wrap(self.secret, 4))


class GoodOnce(BaseAuthenticateForm):  # type: ignore[misc]
    """The library forgets a used code after one step; with its tolerance a code lives for three."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for_digits(self)

    def clean_code(self) -> str:
        code: str = super().clean_code()
        is_from_app = self.authenticator.type == Authenticator.Type.TOTP
        if is_from_app and not _is_first_use(self.user, code):
            self._emit_authentication_failed(self.authenticator)
            raise get_adapter().validation_error("incorrect_code")
        return code


class SignInCodeForm(GoodOnce, AuthenticateForm):  # type: ignore[misc]
    pass


class CodeAgainForm(GoodOnce, ReauthenticateForm):  # type: ignore[misc]
    pass


def is_shown(request: HttpRequest, user: User) -> bool:
    """Whether this browser has shown the second factor since it signed in, and there is one."""
    return get_adapter().is_mfa_enabled(user) and any(
        one["method"] == "mfa" for one in get_authentication_records(request, user)
    )


def _is_first_use(user: User, code: str) -> bool:
    digits = "".join(filter(str.isdigit, code))
    used = salted_hmac("accounts.second_factor", f"{user.pk} {digits}", algorithm="sha256")
    lives_s = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    return cache.add(f"second-factor:{used.hexdigest()[:32]}", True, timeout=lives_s)
