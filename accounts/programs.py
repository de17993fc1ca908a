"""How a program comes in: the account library's own flows, with neither cookie nor message.

The pages and these verbs ask the same forms, count with the same limits and send the same mails.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.manage_email import add_email
from allauth.account.internal.flows.password_change import change_password, finalize_password_change
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.internal.flows.signup import complete_signup
from allauth.account.utils import has_verified_email
from allauth.core.context import request_context
from allauth.mfa.adapter import get_adapter as get_second_factor
from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, update_last_login
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.utils.crypto import get_random_string
from rest_framework.exceptions import ValidationError

from accounts import audit, invitations, problems, sessions, throttle, tokens
from accounts.forms import AskForResetForm, NewAddressForm, RegisterForm
from accounts.models import AuditEvent, User
from accounts.second_factor import SignInCodeForm

BY_INVITATION = "Registration is by invitation, and this one is missing or not valid any more."
CLOSED = "Registration is closed at the moment."
CODE_NEEDED = "A code of your second factor is needed: send it as `code`, with the password."
CODES_WAIT_S = 300


class Unkept(SessionBase):
    """A session for one request: what the library notes in it goes nowhere."""

    def exists(self, session_key: str) -> bool:
        return False

    def create(self) -> None:
        self._session_key = get_random_string(32)

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            self.create()

    def delete(self, session_key: str | None = None) -> None:
        return

    def load(self) -> dict[str, Any]:
        return {}


@contextmanager
def apart(request: HttpRequest, user: User | None = None) -> Iterator[HttpRequest]:
    """A request for the library to work on, of which no trace gets into the answer."""
    own = copy(request)
    own.META = {**request.META}
    own.GET, own.POST = QueryDict(), QueryDict()
    own.session = Unkept()
    own.user = user or AnonymousUser()
    own.resolver_match = request.resolver_match
    own._messages = default_storage(own)  # type: ignore[attr-defined]  # noqa: SLF001  Django's place
    with request_context(own):
        yield own


def register(request: HttpRequest, answers: Mapping[str, Any], now: datetime) -> User | None:
    """The new account where an invitation proved its address; None: a mail tells how it goes on."""
    if not invitations.may_register(answers.get("invitation", ""), now):
        is_by_invitation = settings.REGISTRATION == "invite"
        raise PermissionDenied(BY_INVITATION if is_by_invitation else CLOSED)
    with apart(request) as own:
        form = RegisterForm({**answers, "password1": answers["password"]})
        if not form.is_valid():
            raise problems.of_form(form, password1="password")
        user, _ = form.try_save(own)
        if user is None:
            return None
        if has_verified_email(user):
            return user
        complete_signup(own, user=user)
    return None


def sign_in(request: HttpRequest, email: str, password: str, code: str) -> User:
    """Who this is, if all they show is right; else a Refusal, or Throttled."""
    email = User.objects.normalize_email(email)
    with apart(request) as own:
        user = _of_password(own, email, password)
        if get_second_factor().is_mfa_enabled(user):
            _check_code(own, user, code)
    return user


def _of_password(request: HttpRequest, email: str, password: str) -> User:
    adapter = get_adapter()
    user: User | None = adapter.authenticate(request, email=email, password=password)
    if user is not None and user.is_active:
        return user
    if user is not None:
        # A closed account is answered, counted and noted like a wrong password.
        adapter.authentication_failed(request, email=email)
    raise problems.Refusal(401, adapter.error_messages["email_password_mismatch"])


def _check_code(request: HttpRequest, user: User, code: str) -> None:
    if not code:
        raise problems.Refusal(401, CODE_NEEDED, code_required=True)
    form = SignInCodeForm({"code": code}, user=user)
    if form.is_valid():
        form.save()
        return
    throttle.count("login", request, user.email)
    if form.has_error("code", "too_many_login_attempts"):
        raise throttle.Throttled(CODES_WAIT_S)
    raise problems.Refusal(401, " ".join(form.errors["code"]), code_required=True)


@transaction.atomic
def open_for(user: User, request: HttpRequest, now: datetime) -> tokens.Pair:
    """Begin a session of a program that has signed in."""
    audit.record(AuditEvent.Kind.SIGNED_IN, user=user, request=request, by="token")
    update_last_login(User, user)
    return tokens.issue(user, request, now)


def ask_for_reset(request: HttpRequest, email: str) -> None:
    with apart(request) as own:
        form = AskForResetForm({"email": email})
        if not form.is_valid():
            raise problems.of_form(form)
        form.save(own)


def renew_password(
    request: HttpRequest, user: User, old_password: str, new_password: str, now: datetime
) -> None:
    """Change it, and end every session of every browser and program."""
    with apart(request, user) as own:
        _prove(user, old_password=old_password)
        try:
            get_adapter().clean_password(new_password, user=user)
        except forms.ValidationError as error:
            raise ValidationError({"new_password": error.messages}) from error
        with transaction.atomic():
            change_password(user, new_password)
            finalize_password_change(own, user)
            end_everything(user, now)


def end_everything(user: User, now: datetime) -> None:
    sessions.end_other_browsers(user, None)
    tokens.end_all(user, now)


def ask_for_new_address(request: HttpRequest, user: User, email: str, password: str) -> None:
    """Send a link to an address; it becomes theirs when it is opened."""
    with apart(request, user) as own:
        _prove(user, password=password)
        form = NewAddressForm(user=user, data={"email": email})
        if not form.is_valid():
            raise problems.of_form(form)
        reauthenticate_by_password(own)
        add_email(own, form)


def _prove(user: User, **password: str) -> None:
    """That a session is in its tester's own hands; counted and noted like a sign-in."""
    [(field, typed)] = password.items()
    if not get_adapter().reauthenticate(user, typed):
        raise ValidationError({field: ["This is not your password."]})
