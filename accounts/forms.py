from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import (
    AddEmailForm,
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SignupForm,
)
from allauth.account.models import EmailAddress
from allauth.account.utils import has_verified_email
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import audit, invitations, locales, throttle
from accounts.models import AuditEvent, Invitation, User, timezone_names

CHOOSE_WELL = "At least 8 characters; no common word, not only digits, not your address."
LINK_FOLLOWS = "We send a link there to see that it is yours, and tell the old address."
ADDRESS_TAKEN = "This address has an account already. Sign in with it instead."
INVITATION_INVALID = (
    "This invitation is not valid any more. Ask whoever invited you to send it again."
)


def timezone_choices() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in timezone_names()]


def timezone_choices_with_none() -> list[tuple[str, str]]:
    return [("", "choose one"), *timezone_choices()]


class TimezoneField(forms.ChoiceField):
    """A list of zones; a script preselects the browser's own when nothing is chosen yet."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "Your mornings, days and dates follow it.")
        options.setdefault("choices", timezone_choices)
        super().__init__(
            label="Time zone",
            widget=forms.Select(attrs={"data-browser-timezone": ""}),
            **options,
        )


def in_our_words(form: forms.Form, **labels: str) -> None:
    """Labels instead of the library's placeholders, which go when they are most wanted."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    for name, label in labels.items():
        form.fields[name].label = label


class SignInForm(LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(self, login="E-mail address")
        # The page has the link to a new password below the form.
        self.fields["password"].help_text = ""


class AskForResetForm(ResetPasswordForm):  # type: ignore[misc]
    """Counts how often a reset is asked for, and answers for any address alike."""

    users: list[User]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(self, email="E-mail address")

    def clean_email(self) -> str:
        typed: str = super().clean_email()
        # Not an address that waits to be confirmed: that may be somebody else's.
        self.users = [user for user in self.users if user.email == typed]
        return typed

    def save(self, request: HttpRequest, **options: Any) -> str:
        throttle.hit("reset", request, User.objects.normalize_email(self.cleaned_data["email"]))
        asked_for: str = super().save(request, **options)
        return asked_for


class NewPasswordForm(ResetPasswordKeyForm):  # type: ignore[misc]
    """The new password once: browsers show it, and another reset is a minute away."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["password2"]
        in_our_words(self, password1="New password")
        self.fields["password1"].help_text = CHOOSE_WELL


class RenewPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(
            self,
            oldpassword="Your password so far",
            password1="New password",
            password2="New password, once more",
        )
        self.fields["oldpassword"].help_text = ""
        self.fields["password1"].help_text = CHOOSE_WELL

    def clean_oldpassword(self) -> str:
        """Counted and noted like a sign-in: a session may be in somebody else's hands."""
        typed: str = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, typed):
            raise get_adapter().validation_error("enter_current_password")
        return typed


class PasswordAgainForm(ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(self)
        # The page has the link to a new password beside its button.
        self.fields["password"].help_text = ""


class NewAddressForm(AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(self, email="New e-mail address")
        self.fields["email"].help_text = LINK_FOLLOWS

    def save(self, request: HttpRequest) -> EmailAddress:
        """Each one writes to an address that may be anybody's, so it counts."""
        throttle.hit("new_email", request, str(self.user.pk))
        address: EmailAddress = super().save(request)
        return address


class RegisterForm(SignupForm):  # type: ignore[misc]
    """An address, a password, where the mornings are, and whether health data may be read.

    An address that is taken is answered exactly like a free one: a mail tells its owner.
    """

    account_already_exists: bool
    field_order = ["email", "password1", "timezone", "health_consent"]
    timezone = TimezoneField(choices=timezone_choices_with_none)
    health_consent = forms.BooleanField(
        label="Lanterne Rouge may read my health data to coach me",
        required=False,
        help_text=(
            "Heart rate, sleep and training from the sources I connect, and a language model "
            "that is asked about them. Without it you can look around, but nothing is read and no "
            "brief is written. You can give or withdraw it in Settings at any time."
        ),
    )
    invitation = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        in_our_words(self, email="E-mail address")
        self.fields["password1"].help_text = CHOOSE_WELL
        if self["invitation"].value():
            self.fields["email"].widget.attrs["readonly"] = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        token = cleaned.get("invitation")
        if not token:
            return cleaned
        invitation = invitations.from_token(token, timezone.now())
        if invitation is None:
            self.add_error("invitation", INVITATION_INVALID)
        elif "email" in cleaned and invitation.email != cleaned["email"]:
            self.add_error("email", "The invitation is for another address. Register with that.")
        elif self.account_already_exists:
            self.add_error("email", ADDRESS_TAKEN)
        return cleaned

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        throttle.hit("register", request, self.cleaned_data["email"])
        unconfirmed = self._unconfirmed()
        if unconfirmed is not None and self._register_anew(request, unconfirmed):
            return unconfirmed, None
        if self.account_already_exists:
            # The work of a password hash, so that the clock tells no more than the page does.
            User().set_password(self.cleaned_data["password1"])
        try:
            return self._try_save(request)
        except IntegrityError:  # taken since it was found free
            self.account_already_exists = True
            return self._try_save(request)

    def _unconfirmed(self) -> User | None:
        """An account somebody has made with this address, and never shown that it is theirs."""
        if not self.account_already_exists:
            return None
        nobodys = User.objects.filter(is_active=True, last_login=None)
        user = nobodys.filter(email=self.cleaned_data["email"]).first()
        return None if user is None or has_verified_email(user) else user

    @transaction.atomic
    def _register_anew(self, request: HttpRequest, user: User) -> bool:
        """The newest answers count, and the newest link alone: a stranger may have come before.

        False when the address was confirmed at this very moment: then the account is somebody's.
        """
        addresses = EmailAddress.objects.select_for_update().filter(user=user)
        if any(address.verified for address in addresses):
            return False
        answers = self.cleaned_data
        user.timezone = answers["timezone"]
        user.health_consent_at = timezone.now() if answers["health_consent"] else None
        user.set_password(answers["password1"])
        reading = locales.reader_of(request.headers.get("Accept-Language", "")).put_on(user)
        user.save(update_fields=["timezone", "health_consent_at", "password", *reading])
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=user.email, primary=True)
        audit.record(AuditEvent.Kind.REGISTERED, user=user, request=request)
        if user.has_consented:
            audit.record(AuditEvent.Kind.CONSENT_GIVEN, user=user, request=request)
        return True

    @transaction.atomic
    def _try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return saved

    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        if self.cleaned_data["invitation"]:
            # Its link went to the address: whoever holds it has shown that the address is theirs.
            user.confirm_address()
        invitations.accept(user.email)
        return user


class InvitationForm(forms.ModelForm[Invitation]):
    class Meta:
        model = Invitation
        fields = ("email",)

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError("This address has an account already.")
        return email
