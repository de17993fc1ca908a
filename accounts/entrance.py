"""The pages before somebody is signed in: the account library's, where it asks us something."""

from typing import Any

from allauth.account import app_settings as library
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import perform_login
from allauth.account.views import LogoutView, SignupView
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import invitations
from accounts.sessions import forget_here

# What a confirmation link can turn out to be, and the status of the page that says so.
OPENED = {"confirmed": 200, "used": 200, "taken": 409, "expired": 410, "broken": 404}


class Register(SignupView):  # type: ignore[misc]
    """Knows who comes with an invitation, and tells the others why they cannot come in."""

    def get_initial(self) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_initial()
        invitation = invitations.of(self.request)
        if invitation is not None:
            initial["email"] = invitation.email
            initial["invitation"] = invitations.token_in(self.request)
        return initial

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**options)
        came_with_one = bool(invitations.token_in(self.request))
        return {**context, "is_invitation_lost": came_with_one and not self._is_invited()}

    def closed(self) -> HttpResponse:
        context = {
            "is_by_invitation": settings.REGISTRATION == "invite",
            "is_invitation_lost": bool(invitations.token_in(self.request)),
        }
        return render(self.request, "account/signup_closed.html", context, status=403)

    def _is_invited(self) -> bool:
        return invitations.of(self.request) is not None


register = Register.as_view()


class Leave(LogoutView):  # type: ignore[misc]
    def post(self, *args: Any, **options: Any) -> HttpResponse:
        return forget_here(super().post(*args, **options))


leave = Leave.as_view()


@never_cache
@require_http_methods(["GET", "HEAD"])
def confirm(request: HttpRequest, key: str) -> HttpResponse:
    """One click confirms an address, and signs in whoever has registered with it, in any browser.

    A link signs in once, and only into an account of which no address was confirmed before: the
    link of a changed address confirms and opens nothing. Nobody who is signed in here is signed
    out. A HEAD does nothing: that is how mail filters look at a link before its reader does.
    """
    if request.method == "HEAD":
        return HttpResponse()
    address = _address_of(key)
    if address is None:
        return _page(request, "broken")
    is_first = not EmailAddress.objects.filter(user=address.user, verified=True).exists()
    confirmation = EmailConfirmationHMAC.from_key(key)
    if confirmation is not None and confirmation.confirm(request) is not None:
        return _confirmed(request, address, is_first=is_first)
    # Asked again: another click may have confirmed it a moment ago, or a registration replaced it.
    address = _address_of(key)
    if address is None:
        return _page(request, "broken")
    if address.verified:
        return _page(request, "used", address)
    return _page(request, "taken" if confirmation is not None else "expired", address)


def _address_of(key: str) -> EmailAddress | None:
    """The address a link of any age was written for; None when it is forged, or replaced."""
    try:
        pk = signing.loads(key, salt=library.SALT)
    except signing.BadSignature:
        return None
    return EmailAddress.objects.select_related("user").filter(pk=pk).first()


def _confirmed(request: HttpRequest, address: EmailAddress, *, is_first: bool) -> HttpResponse:
    if request.user == address.user:
        return redirect("accounts:settings")
    if request.user.is_authenticated or not is_first:
        return _page(request, "confirmed", address)
    # Through the library's stages: a second factor is asked for here too.
    response: HttpResponse = perform_login(
        request, address.user, email=address.email, redirect_url=reverse("coach:new")
    )
    return response


def _page(request: HttpRequest, opened: str, address: EmailAddress | None = None) -> HttpResponse:
    is_own = address is not None and request.user == address.user
    context = {"opened": opened, "is_own": is_own}
    return render(request, "account/email_confirm.html", context, status=OPENED[opened])
